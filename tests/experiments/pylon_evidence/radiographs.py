"""Radiographs as tensors in memory, and the paper's augmentation for a whole batch."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from monai_pylon.data import ReadRadiographd, chest_xray14_datalist, phantom_radiograph
from monai_pylon.transforms.boxes import map_boxes
from monai_pylon.workflows.radiographs.data import read_folds

DATA = Path(os.environ.get("MONAI_PYLON_DATA", Path(__file__).resolve().parents[4] / "shared" / "data"))
MEAN, DEVIATION = 0.4984, 0.2483

#: Factor of the stored size over the input size of the networks, so that a crop keeps its details.
SPARE = 1.25


class Radiographs(NamedTuple):
    """Radiographs with labels and boxes.

    Attributes:
        images: Images uint8 (N, 1, H, W), larger than the networks' input.
        labels: Labels (N, 14), float32.
        boxes: N tensors (K, 5) in pixels of the networks' input.
        folds: Fold (N,) of each radiograph, int64; each patient is in one fold.
        patients: N names, for the bootstrap.
    """

    images: Tensor
    labels: Tensor
    boxes: list[Tensor]
    folds: Tensor
    patients: list[str]

    def of(self, chosen: Tensor) -> Radiographs:
        """Select radiographs by a mask (N,), bool."""
        rows = chosen.nonzero().flatten().tolist()
        boxes, patients = [self.boxes[k] for k in rows], [self.patients[k] for k in rows]
        return Radiographs(self.images[chosen], self.labels[chosen], boxes, self.folds[chosen], patients)


def _shrink(image: Tensor, size: int) -> Tensor:
    """Resize (1, H, W) between 0 and 1 to uint8 (1, size, size)."""
    small = functional.interpolate(image[None].float(), (size, size), mode="bicubic", antialias=True)[0]
    return (small.clamp(0, 1) * 255).round().byte()


def real_radiographs(size: int, root: Path = DATA / "nih_chestxray14") -> Radiographs:
    """Read the public radiographs with labels for training, boxes for testing, and the published folds."""
    items, folds = chest_xray14_datalist(root, "all"), read_folds(root / "folds.csv")
    read = ReadRadiographd("image")
    images, boxes = [], []
    for item in items:
        image = torch.as_tensor(read(dict(item))["image"])
        box = torch.as_tensor(item["boxes"]).clone().float().reshape(-1, 5)
        box[:, [0, 2]] *= size / image.shape[2]
        box[:, [1, 3]] *= size / image.shape[1]
        images.append(_shrink(image, round(size * SPARE)))
        boxes.append(box)
    labels = torch.stack([torch.as_tensor(item["label"]).float() for item in items])
    fold = torch.tensor([folds[Path(item["image"]).stem] for item in items])
    return Radiographs(torch.stack(images), labels, boxes, fold, [str(item["patient_id"]) for item in items])


def phantom_radiographs(count: int, size: int, num_folds: int = 5) -> Radiographs:
    """Make phantom radiographs with findings as frequent as readers boxed them, one per patient."""
    larger, images, labels, boxes = round(size * SPARE), [], [], []
    for seed in range(count):
        radiograph = phantom_radiograph(seed, size=larger)
        images.append(_shrink(torch.from_numpy(radiograph.image), larger))
        labels.append(torch.from_numpy(radiograph.labels).float())
        box = torch.from_numpy(radiograph.boxes).clone()
        box[:, :4] *= size / larger
        boxes.append(box)
    names = [str(seed) for seed in range(count)]
    return Radiographs(torch.stack(images), torch.stack(labels), boxes, torch.arange(count) % num_folds, names)


def normalize(images: Tensor, size: int) -> Tensor:
    """Convert uint8 (N, 1, H, W) to the networks' input (N, 1, size, size) without augmentation."""
    small = functional.interpolate(images.float() / 255, (size, size), mode="bilinear", antialias=True)
    return (small - MEAN) / DEVIATION


def _uniform(low: float, high: float, number: int, generator: torch.Generator) -> Tensor:
    return low + (high - low) * torch.rand(number, generator=generator)


def _sometimes(number: int, generator: torch.Generator) -> Tensor:
    return (torch.rand(number, generator=generator) < 0.5).float()


def random_views(number: int, max_rotation: float, generator: torch.Generator) -> Tensor:
    """Draw rotations, crops and flips (N, 2, 3): they map places of the result, from -1 to 1, to those in the image."""
    angle = _uniform(-1, 1, number, generator) * math.radians(max_rotation) * _sometimes(number, generator)
    area = _uniform(0.7, 1.0, number, generator)
    ratio = torch.exp(_uniform(math.log(3 / 4), math.log(4 / 3), number, generator))
    wide, high = (area * ratio).sqrt().clamp(max=1), (area / ratio).sqrt().clamp(max=1)
    left = _uniform(-1, 1, number, generator) * (1 - wide)
    top = _uniform(-1, 1, number, generator) * (1 - high)
    mirror = 1 - 2 * _sometimes(number, generator)
    cos, sin = angle.cos(), angle.sin()
    # Map a pixel of the result through flip and crop to the rotated radiograph, and from there to the radiograph.
    crop = torch.stack([wide * mirror, torch.zeros(number), left, torch.zeros(number), high, top], 1).view(-1, 2, 3)
    turn = torch.stack([cos, -sin, sin, cos], 1).view(-1, 2, 2)
    return turn @ crop


def view(images: Tensor, size: int, views: Tensor, generator: torch.Generator) -> Tensor:
    """Resample uint8 (N, 1, H, W) once by random views, and change brightness and contrast at random."""
    number = len(images)
    grid = functional.affine_grid(views, [number, 1, size, size], align_corners=False)
    result = functional.grid_sample(images.float() / 255, grid, align_corners=False)
    chance = _sometimes(number, generator).view(-1, 1, 1, 1)
    contrast = 1 + 0.5 * _uniform(-1, 1, number, generator).view(-1, 1, 1, 1) * chance
    brightness = 0.5 * _uniform(-1, 1, number, generator).view(-1, 1, 1, 1) * chance
    return ((result * contrast + brightness).clamp(0, 1) - MEAN) / DEVIATION


def augment(images: Tensor, size: int, max_rotation: float, generator: torch.Generator) -> Tensor:
    """Apply the paper's random transforms in its order and with its strengths, in one resampling.

    These are rotation up to `max_rotation` degrees (p .5, black outside), a crop of 0.7 to 1.0 of the area with aspect
    3/4 to 4/3, a horizontal flip (p .5), brightness and contrast up to 0.5 (p .5), and normalization.
    """
    return view(images, size, random_views(len(images), max_rotation, generator), generator)


def viewed_boxes(boxes: list[Tensor], size: int, views: Tensor) -> list[Tensor]:
    """Move N tables of boxes (K, 5) as the pixels of the input move in random views; half hidden boxes are dropped."""
    scale = 2 / size
    place = np.array(
        [[0, scale, scale / 2 - 1], [scale, 0, scale / 2 - 1], [0, 0, 1]]
    )  # of (row, column, 1) as (x, y, 1)
    moved = []
    for table, back in zip(boxes, views.double().numpy(), strict=True):
        move = np.linalg.inv(place) @ np.linalg.inv(np.vstack([back, [0, 0, 1]])) @ place
        moved.append(torch.from_numpy(map_boxes(table.numpy(), move, (size, size))))
    return moved
