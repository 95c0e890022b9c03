"""PYLON and a backbone without decoder point at findings on phantom radiographs.

First an encoder is trained as a plain classifier, because the networks of the paper start from pretrained encoders.
From this encoder, PYLON and the backbone are trained on the same radiographs, with labels only and for the same number
of steps. Both then point at findings on new radiographs.

This is a demonstration of one to two minutes, not evidence: one seed, small radiographs, three findings that are
easy to see, a small encoder. Its settings were chosen after about eight trials, in which PYLON's share ranged from .14
to .39 and the backbone's from .00 to .43, so it is no evidence for either network.
"""

from __future__ import annotations

import time
from os import PathLike
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from monai_pylon.data import phantom_radiograph
from monai_pylon.metrics import PerClassAUROCMetric, PointLocalizationMetric
from monai_pylon.networks.nets import PYLON, MaxPoolBackbone
from monai_pylon.reports.figure_style import save_figure
from monai_pylon.reports.heatmap import heatmap_on_image
from monai_pylon.reports.radiograph_figure import RadiographFindingMap, radiograph_page_figure
from monai_pylon.taxonomy import CHEST_XRAY14_LABELS
from monai_pylon.utils import check, write_rows
from tests.experiments.short_trainings.threads import one_thread

__all__ = ["DemoRadiographs", "demo_radiographs", "localization_demo"]

_FINDINGS = ("Cardiomegaly", "Effusion", "Mass")
_MEAN, _DEVIATION = 0.4984, 0.2483


class DemoRadiographs(NamedTuple):
    """Phantom radiographs with labels and boxes.

    Attributes:
        images: Images (N, 1, H, W), 0 to 1.
        labels: Labels (N, 14).
        boxes: N tensors (K, 5) of [x1, y1, x2, y2, class].

    Example:
        >>> len(DemoRadiographs(torch.zeros(2, 1, 64, 64), torch.zeros(2, 14), [torch.zeros(0, 5)] * 2).boxes)
        2
    """

    images: torch.Tensor
    labels: torch.Tensor
    boxes: list[torch.Tensor]


def demo_radiographs(count: int, size: int, first_seed: int) -> DemoRadiographs:
    """Draw phantom radiographs with a random selection of three findings each.

    Args:
        count: Number N of radiographs.
        size: Number of rows and of columns.
        first_seed: Seed of the first radiograph; the others follow.

    Returns:
        Images (N, 1, H, W), labels (N, 14) and boxes.

    Example:
        >>> demo_radiographs(2, 64, first_seed=0).images.shape
        torch.Size([2, 1, 64, 64])
    """
    radiographs = []
    for seed in range(first_seed, first_seed + count):
        numbers = np.random.default_rng(seed).random(len(_FINDINGS))
        findings = [name for name, number in zip(_FINDINGS, numbers, strict=True) if number < 0.35]
        radiographs.append(phantom_radiograph(seed, size=size, findings=findings))
    images = torch.from_numpy(np.stack([radiograph.image for radiograph in radiographs]))
    labels = torch.from_numpy(np.stack([radiograph.labels for radiograph in radiographs])).float()
    return DemoRadiographs(images, labels, [torch.from_numpy(radiograph.boxes) for radiograph in radiographs])


def _train(network: nn.Module, radiographs: DemoRadiographs, steps: int, batch: int, rate: float) -> None:
    """Train with Adam, a one-cycle learning rate and random mirroring."""
    generator = torch.Generator().manual_seed(0)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.Adam(network.parameters(), lr=rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=rate, total_steps=steps)
    images = (radiographs.images - _MEAN) / _DEVIATION
    network.train()
    for _ in range(steps):
        chosen = torch.randint(len(images), (batch,), generator=generator)
        x = images[chosen]
        x = x.flip(-1) if torch.rand(1, generator=generator) < 0.5 else x
        optimizer.zero_grad()
        functional.binary_cross_entropy_with_logits(network(x), radiographs.labels[chosen]).backward()
        optimizer.step()
        schedule.step()


def _evaluate(network: nn.Module, radiographs: DemoRadiographs) -> tuple[dict[str, float], torch.Tensor, torch.Tensor]:
    """Return point localization and AUROC on test radiographs, the probabilities (N, M) and the maps (N, M, h, w)."""
    points, areas = PointLocalizationMetric(radiographs.images.shape[-1]), PerClassAUROCMetric()
    network.eval()
    with torch.inference_mode():
        parts = [network.explain((part - _MEAN) / _DEVIATION) for part in radiographs.images.split(32)]  # type: ignore[operator]
    logits, maps = (torch.cat([part[k] for part in parts]) for k in (0, 1))
    points(maps, radiographs.boxes)
    areas(logits, radiographs.labels)
    found, area = points.aggregate(), areas.aggregate()
    each = {name: float(found["per_class"][CHEST_XRAY14_LABELS.index(name)]) for name in _FINDINGS}
    numbers = {"point localization": found["weighted"], **each, "AUROC": area["macro"]}
    return numbers, logits.sigmoid().clone(), maps.clone()


def _chance(radiographs: DemoRadiographs) -> float:
    """Return the mean share of the radiograph that a box covers, the expected result of a random point."""
    rows, columns = radiographs.images.shape[-2:]
    boxes = torch.cat(radiographs.boxes)
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return float(area.mean()) / (rows * columns) if len(boxes) else float("nan")


def _panels(
    radiographs: DemoRadiographs, results: dict[str, tuple[torch.Tensor, torch.Tensor]], number: int
) -> list[RadiographFindingMap]:
    """Return the first radiographs with a finding, each with the heatmap of every network."""
    panels = []
    with_box = [k for k, boxes in enumerate(radiographs.boxes) if len(boxes)]
    for position, index in enumerate(with_box[:number]):
        boxes, gray = radiographs.boxes[index], radiographs.images[index, 0].numpy()
        label = int(boxes[position % len(boxes), 4])
        label_boxes = boxes[boxes[:, 4] == label, :4].numpy()
        for network, (probabilities, maps) in results.items():
            heat = heatmap_on_image(maps[index, [label]], gray.shape)[0].numpy()
            probability, name = float(probabilities[index, label]), CHEST_XRAY14_LABELS[label]
            panels.append(RadiographFindingMap(name, probability, heat, label_boxes, gray, network, sides="RL"))
    return panels


def localization_demo(
    output: str | PathLike[str],
    size: int = 96,
    radiographs: int = 300,
    test_radiographs: int = 150,
    steps: int = 70,
    batch: int = 16,
    rate: float = 1e-3,
) -> list[dict[str, float | str]]:
    """Train PYLON and the backbone on phantom radiographs and compare how well each points at findings.

    Args:
        output: Folder for `pylon_demo.csv` and `pylon_demo.png`.
        size: Number of rows and of columns of the radiographs.
        radiographs: Number of radiographs for training.
        test_radiographs: Number of radiographs for testing.
        steps: Steps of each training: of the encoder and of each network.
        batch: Radiographs per step.
        rate: Maximum learning rate.

    Returns:
        A row for each network with point localization (weighted and per finding), AUROC and training seconds, and a
        row for a random point.

    Raises:
        ValueError: If `steps` is not positive.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     rows = localization_demo(folder, size=64, radiographs=8, test_radiographs=8, steps=1, batch=2)
        ...     [row["network"] for row in rows], sorted(file.name for file in Path(folder).iterdir())
        (['PYLON', 'backbone', 'a random point'], ['pylon_demo.csv', 'pylon_demo.png'])
    """
    check(steps > 0, "steps", "positive", steps)
    folder = Path(output).expanduser()
    training, test = (
        demo_radiographs(radiographs, size, first_seed=0),
        demo_radiographs(test_radiographs, size, first_seed=2_000_000),
    )
    rows: list[dict[str, float | str]] = []
    results = {}
    with torch.random.fork_rng(devices=[]), one_thread():
        torch.manual_seed(0)
        first = MaxPoolBackbone(encoder="resnet18")
        _train(first, training, steps, batch, rate)
        networks = {"PYLON": PYLON(encoder="resnet18"), "backbone": MaxPoolBackbone(encoder="resnet18")}
    networks["PYLON"].encoder.load_state_dict(first.encoder.state_dict())
    networks["backbone"].load_state_dict(first.state_dict())
    for name, network in networks.items():
        start = time.perf_counter()
        with one_thread():
            _train(network, training, steps, batch, rate)
        seconds = time.perf_counter() - start
        numbers, probabilities, maps = _evaluate(network, test)
        rows.append({"network": name, **{key: round(value, 3) for key, value in numbers.items()}})
        grid = f"{maps.shape[-2]} x {maps.shape[-1]}"
        rows[-1] |= {"map size": grid, "training seconds": round(seconds, 1)}
        results[name] = (probabilities, maps)
    rows.append({"network": "a random point", "point localization": round(_chance(test), 3)})
    write_rows(folder / "pylon_demo.csv", rows)
    title = "PYLON and the backbone on phantom radiographs"
    page = radiograph_page_figure(_panels(test, results, number=9), columns=6, title=title)
    save_figure(folder / "pylon_demo.png", page)
    return rows
