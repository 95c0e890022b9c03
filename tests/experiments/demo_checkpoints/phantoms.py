"""Phantoms that the checkpoints of the demo are trained and tested on, kept in files."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from monai.data import MetaTensor
from monai.transforms import Compose, NormalizeIntensityd, Orientationd, Resized, ResizeWithPadOrCropd
from torch.nn import functional

from monai_pylon.data import PHANTOM_STRUCTURES, phantom_chest_ct, phantom_radiograph
from monai_pylon.taxonomy import CHEST_CT_LABELS, CHEST_XRAY14_LABELS
from monai_pylon.transforms import allowed_regions
from monai_pylon.utils.files import atomic_write
from monai_pylon.workflows.chest_ct import scan_transforms
from monai_pylon.workflows.demo.phantoms import CT_FINDINGS

#: First seeds; the sections share no patient.
SECTIONS = {"training": 0, "validation": 500_000, "test": 1_000_000}
#: Probability of each finding, independent of the others.
SHARE = 0.3

XRAY_LABELS = ("Cardiomegaly", "Effusion", "Mass", "Pneumonia", "Pneumothorax")
#: Labels of the training that the checkpoint lacks: on the validation phantoms less than half of their peaks lie in a
#: box, or on the finding.
XRAY_LEFT_OUT: tuple[str, ...] = ("Effusion",)
#: Labels of the checkpoint.
XRAY_KEPT = tuple(label for label in XRAY_LABELS if label not in XRAY_LEFT_OUT)
#: Edge of a rendered radiograph, and of the network's input, in pixels.
XRAY_RENDERED, XRAY_SIZE = 256, 128
XRAY_MEAN, XRAY_DEVIATION = 0.4984, 0.2483

CT_LABELS = tuple(CT_FINDINGS.values())
CT_LEFT_OUT: tuple[str, ...] = ("consolidation", "lung mass")
CT_KEPT = tuple(label for label in CT_LABELS if label not in CT_LEFT_OUT)
CT_SIZE, CT_SPACING, CT_HU = (112, 112, 63), (3.2, 3.2, 5.0), (-1000, 800)
#: Voxels of a grid cell, along x, y and z; cell 0 of conv5 looks at voxel 0 in plane.
CT_CELL = (8, 8, 3)
#: Structures that the encoder learns first, besides the findings.
STRUCTURES = ("fat", "muscle", "bone", "heart", "aorta", "lung", "airway", "abdomen", "pleural air", "pleural fluid")
#: Smallest share of a cell that a structure or a lesion fills to be present in it.
LEAST_SHARE = 0.15


class Radiographs(NamedTuple):
    """Radiographs as the network reads them, (N, 1, H, W), with labels (N, M) and N tensors of boxes (K, 5)."""

    images: torch.Tensor
    labels: torch.Tensor
    boxes: list[torch.Tensor]


class Scans(NamedTuple):
    """CTs as the network reads them, as they are and mirrored.

    Attributes:
        images: uint8 (N, X, Y, Z), 0 to 255 for the range of HU.
        labels: float32 (N, M).
        allowed: bool (N, 2, M, *grid); the second entry is for the scan mirrored along x.
        contents: bool (N, 2, T, *grid), structures and then findings.
        organs: uint8 (N, X, Y, Z).
        lesions: bool (N, M, X, Y, Z), for tests only, else empty.
    """

    images: torch.Tensor
    labels: torch.Tensor
    allowed: torch.Tensor
    contents: torch.Tensor
    organs: torch.Tensor
    lesions: torch.Tensor


def drawn_findings(seed: int, names: tuple[str, ...]) -> list[str]:
    """Draw the findings of a patient."""
    chances = np.random.default_rng([seed, 300]).random(len(names))
    return [name for name, chance in zip(names, chances, strict=True) if chance < SHARE]


def radiographs(section: str, count: int) -> Radiographs:
    """Render radiographs and bring them to the input of the bundle's network."""
    transform = Compose(
        [
            Resized("image", (XRAY_SIZE, XRAY_SIZE), mode="bicubic"),
            NormalizeIntensityd("image", subtrahend=XRAY_MEAN, divisor=XRAY_DEVIATION),
        ]
    )
    indices = [CHEST_XRAY14_LABELS.index(name) for name in XRAY_LABELS]
    images, labels, boxes = [], [], []
    for seed in range(SECTIONS[section], SECTIONS[section] + count):
        phantom = phantom_radiograph(seed, XRAY_RENDERED, findings=drawn_findings(seed, XRAY_LABELS))
        images.append(transform({"image": MetaTensor(phantom.image)})["image"].as_tensor())
        labels.append(torch.from_numpy(phantom.labels[indices].astype(np.float32)))
        found = torch.from_numpy(phantom.boxes).clone()
        found[:, :4] *= XRAY_SIZE / XRAY_RENDERED
        for row in found:
            row[4] = indices.index(int(row[4]))
        boxes.append(found)
    return Radiographs(torch.stack(images), torch.stack(labels), boxes)


def scans_with_kept_labels(data: Scans) -> Scans:
    """Reduce labels, allowed regions and lesions to those of the checkpoint."""
    kept = [CT_LABELS.index(label) for label in CT_KEPT]
    contents = [*range(len(STRUCTURES)), *(len(STRUCTURES) + label for label in kept)]
    lesions = data.lesions[:, kept] if data.lesions.ndim > 2 else data.lesions
    return data._replace(
        labels=data.labels[:, kept],
        allowed=data.allowed[:, :, kept],
        contents=data.contents[:, :, contents],
        lesions=lesions,
    )


def radiographs_with_kept_labels(data: Radiographs) -> Radiographs:
    """Reduce labels and boxes to those of the checkpoint."""
    kept = [XRAY_LABELS.index(label) for label in XRAY_KEPT]
    boxes = []
    for found in data.boxes:
        chosen = found[torch.isin(found[:, 4], torch.tensor(kept, dtype=found.dtype))].clone()
        chosen[:, 4] = torch.tensor([kept.index(int(kind)) for kind in chosen[:, 4]], dtype=found.dtype)
        boxes.append(chosen)
    return Radiographs(data.images, data.labels[:, kept], boxes)


def kept_radiographs(section: str, count: int, folder: Path) -> Radiographs:
    """Return the radiographs of :func:`radiographs`, rendered once and kept in a folder."""
    file = folder / f"{section}_radiographs_{count}.pt"
    if not file.is_file():
        with atomic_write(file) as part:
            torch.save(radiographs(section, count)._asdict(), part)
    return Radiographs(**torch.load(file, weights_only=True))


def cells_with(masks: np.ndarray) -> np.ndarray:
    """Return whether each mask (T, X, Y, Z) fills a share of each grid cell (T, *grid)."""
    padded = functional.pad(torch.from_numpy(masks).float()[None], (0, -masks.shape[-1] % CT_CELL[2]))
    shares = functional.avg_pool3d(padded, CT_CELL, padding=(CT_CELL[0] // 2, CT_CELL[1] // 2, 0))[0]
    return (shares[:, : CT_SIZE[0] // CT_CELL[0], : CT_SIZE[1] // CT_CELL[1]] > LEAST_SHARE).numpy()


def _scan(seed: int, geometry: Any, grid: tuple[int, ...], with_lesions: bool) -> tuple[np.ndarray, ...]:
    findings = drawn_findings(seed, tuple(CT_FINDINGS))
    looks = np.random.default_rng([seed, 301])
    options: dict[str, Any] = {name: name in findings for name in CT_FINDINGS}
    shape = (112, 100, 64)  # the extent of a phantom
    phantom = phantom_chest_ct(
        seed,
        shape,
        CT_SPACING,
        severity=float(looks.uniform(0.35, 0.8)),
        noise=float(looks.uniform(5.0, 25.0)),
        **options,
    )
    nothing = np.zeros(shape, dtype=bool)
    tissues = [phantom.structures == PHANTOM_STRUCTURES[name] for name in STRUCTURES]
    lesions = [phantom.lesions.get(name, nothing) for name in CT_FINDINGS]
    masks = np.stack([phantom.organs, *tissues, *lesions]).astype(np.uint8)
    affine = torch.from_numpy(phantom.affine)
    item: dict[str, Any] = {
        "image": MetaTensor(torch.from_numpy(phantom.image)[None], affine=affine),
        "masks": MetaTensor(torch.from_numpy(masks), affine=affine),
    }
    to_axes = [Orientationd("masks", axcodes="LPI", labels=None), ResizeWithPadOrCropd("masks", CT_SIZE)]
    item = Compose([scan_transforms(CT_SIZE, CT_SPACING, CT_HU), *to_axes])(item)
    image = torch.as_tensor(item["image"])[0].numpy()
    masks = torch.as_tensor(item["masks"]).numpy()
    indices = [CHEST_CT_LABELS.index(label) for label in CT_LABELS]
    places = phantom.locations[indices]
    allowed, contents = [], []
    for organs, parts, sides in (
        (masks[0], masks[1:], places),
        (np.array([0, 3, 2, 1])[masks[0]][::-1], masks[1:, ::-1], places[:, ::-1]),
    ):
        allowed.append(np.asarray(allowed_regions(organs.copy(), sides.copy(), grid, "area", geometry=geometry)))
        contents.append(cells_with(parts.copy()))
    kept = masks[1 + len(STRUCTURES) :].astype(bool) if with_lesions else np.zeros((0,), dtype=bool)
    pixels = np.rint((image + 0.449) * 255).clip(0, 255).astype(np.uint8)
    labels = phantom.labels[indices].astype(np.float32)
    return pixels, labels, np.stack(allowed), np.stack(contents), masks[0].astype(np.uint8), kept


def scans(section: str, count: int, geometry: Any, grid: tuple[int, ...], folder: Path) -> Scans:
    """Render CTs and bring them to the input of the bundle's network; those rendered before are read from a folder."""
    rows = []
    for seed in range(SECTIONS[section], SECTIONS[section] + count):
        file = folder / f"{section}_{seed}.npz"
        if not file.is_file():
            values = _scan(seed, geometry, grid, section != "training")
            with atomic_write(file) as part, part.open("wb") as stream:
                np.savez_compressed(stream, *values)
        with np.load(file) as content:
            rows.append([content[f"arr_{k}"] for k in range(6)])
    return Scans(*(torch.from_numpy(np.stack(column)) for column in zip(*rows, strict=True)))
