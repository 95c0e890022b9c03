"""The second half of the demo: PYLON and the plain backbone learn on phantom radiographs where findings lie.

First one encoder is trained as a plain classifier, as the paper's networks start from one that has learned before. From
it PYLON and the backbone go on, on the same radiographs with labels alone, for the same number of steps, and are then
asked to point at findings on radiographs that they have not seen. It is a demonstration of a minute or two, no
experiment:
one seed, small radiographs, three findings that are easy to see, a small encoder. Its settings were chosen after
about eight
trials in which PYLON's share ranged from .14 to .39 and the backbone's from .00 to .43: it is no evidence for either.
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
from monai_pylon.reports import RadiographFindingMap, heatmap_on_image, radiograph_page_figure, save_figure
from monai_pylon.taxonomy import CHEST_XRAY14_LABELS
from monai_pylon.utils import check, write_rows
from monai_pylon.workflows.demo.threads import one_thread

__all__ = ["DemoRadiographs", "demo_radiographs", "localization_demo"]

_FINDINGS = ("Cardiomegaly", "Effusion", "Mass")
_MEAN, _DEVIATION = 0.4984, 0.2483


class DemoRadiographs(NamedTuple):
    """Radiographs with what is known about them.

    Attributes:
        images: (N, 1, H, W), 0 to 1.
        labels: (N, 14).
        boxes: N tensors (K, 5).

    Example:
        >>> len(DemoRadiographs(torch.zeros(2, 1, 64, 64), torch.zeros(2, 14), [torch.zeros(0, 5)] * 2).boxes)
        2
    """

    images: torch.Tensor
    labels: torch.Tensor
    boxes: list[torch.Tensor]


def demo_radiographs(count: int, size: int, first_seed: int) -> DemoRadiographs:
    """Phantom radiographs, each with any of three findings, by chance.

    Args:
        count: N, how many.
        size: rows and columns.
        first_seed: of the first one.

    Returns:
        images (N, 1, H, W), labels (N, 14) and boxes.

    Example:
        >>> demo_radiographs(2, 64, first_seed=0).images.shape
        torch.Size([2, 1, 64, 64])
    """
    radiographs = []
    for seed in range(first_seed, first_seed + count):
        chance = np.random.default_rng(seed).random(len(_FINDINGS))
        findings = [name for name, drawn in zip(_FINDINGS, chance, strict=True) if drawn < 0.35]
        radiographs.append(phantom_radiograph(seed, size=size, findings=findings))
    images = torch.from_numpy(np.stack([radiograph.image for radiograph in radiographs]))
    labels = torch.from_numpy(np.stack([radiograph.labels for radiograph in radiographs])).float()
    return DemoRadiographs(images, labels, [torch.from_numpy(radiograph.boxes) for radiograph in radiographs])


def _train(network: nn.Module, radiographs: DemoRadiographs, steps: int, batch: int, rate: float) -> None:
    """Adam with a rate that rises and falls once; radiographs are mirrored at random."""
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


def _judge(network: nn.Module, radiographs: DemoRadiographs) -> tuple[dict[str, float], torch.Tensor, torch.Tensor]:
    """Point localization and AUROC of radiographs not seen in training; with the logits (N, M) and the maps."""
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
    """The share of the radiograph that a finding's box covers, on average: what a point chosen at random would hit."""
    rows, columns = radiographs.images.shape[-2:]
    boxes = torch.cat(radiographs.boxes)
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return float(area.mean()) / (rows * columns) if len(boxes) else float("nan")


def _page(
    radiographs: DemoRadiographs, results: dict[str, tuple[torch.Tensor, torch.Tensor]], number: int
) -> list[RadiographFindingMap]:
    """The first radiographs with a finding, and what each network points at on them: networks side by side."""
    panels = []
    with_box = [k for k, boxes in enumerate(radiographs.boxes) if len(boxes)]
    for place, radiograph in enumerate(with_box[:number]):
        boxes = radiographs.boxes[radiograph]
        label = int(boxes[place % len(boxes), 4])
        size = radiographs.images.shape[-2:]
        for name, (chances, maps) in results.items():
            heat = heatmap_on_image(maps[radiograph, [label]], size)[0].numpy()
            mine = boxes[boxes[:, 4] == label, :4].numpy()
            gray, chance = radiographs.images[radiograph, 0].numpy(), float(chances[radiograph, label])
            panels.append(RadiographFindingMap(CHEST_XRAY14_LABELS[label], chance, heat, mine, gray, title=name))
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
    """Train PYLON and the backbone on phantom radiographs, and write how well each points at findings.

    Args:
        output: the folder for `pylon_demo.csv` and `pylon_demo.png`.
        size: rows and columns of the radiographs.
        radiographs: how many train.
        test_radiographs: how many test.
        steps: of each training: of the encoder, and of each network.
        batch: radiographs in a step.
        rate: the highest learning rate.

    Returns:
        a row for each network: point localization (weighted and of each finding), AUROC, seconds of its training; and
        one for a point chosen at random.

    Raises:
        ValueError: for no step.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     rows = localization_demo(folder, size=64, radiographs=8, test_radiographs=8, steps=1, batch=2)
        ...     [row["network"] for row in rows], sorted(file.name for file in Path(folder).iterdir())
        (['PYLON', 'backbone', 'a random point'], ['pylon_demo.csv', 'pylon_demo.png'])
    """
    check(steps > 0, "steps", "positive", steps)
    place = Path(output).expanduser()
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
        numbers, *maps = _judge(network, test)
        rows.append({"network": name, **{key: round(value, 3) for key, value in numbers.items()}})
        rows[-1] |= {"map cells": f"{maps[1].shape[-2]} x {maps[1].shape[-1]}", "training seconds": round(seconds, 1)}
        results[name] = (maps[0], maps[1])
    rows.append({"network": "a random point", "point localization": round(_chance(test), 3)})
    write_rows(place / "pylon_demo.csv", rows)
    page = radiograph_page_figure(
        _page(test, results, number=9), columns=6, title="PYLON beside the backbone, phantom radiographs"
    )
    save_figure(place / "pylon_demo.png", page)
    return rows
