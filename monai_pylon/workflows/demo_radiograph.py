"""The second half of the demo: PYLON and the plain backbone learn on phantom radiographs where findings lie.

First one encoder is trained as a plain classifier, as the paper's networks start from one that has learned before. From
it PYLON and the backbone go on, on the same films with labels alone, for the same number of steps, and are then
asked to point at findings on films that they have not seen. It is a demonstration of a minute or two, no experiment:
one seed, small films, three findings that are easy to see, a small encoder. Its settings were chosen after about eight
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
from monai_pylon.reports import FilmFindingMap, film_page_figure, save_figure, write_rows
from monai_pylon.taxonomy import CHEST_XRAY14_LABELS
from monai_pylon.utils import check
from monai_pylon.visualize import heatmap_on_image
from monai_pylon.workflows.threads import one_thread

__all__ = ["DemoFilms", "demo_films", "localization_demo"]

_FINDINGS = ("Cardiomegaly", "Effusion", "Mass")
_MEAN, _DEVIATION = 0.4984, 0.2483


class DemoFilms(NamedTuple):
    """Films with what is known about them.

    Attributes:
        images: (N, 1, H, W), 0 to 1.
        labels: (N, 14).
        boxes: N tensors (K, 5).

    Example:
        >>> len(DemoFilms(torch.zeros(2, 1, 64, 64), torch.zeros(2, 14), [torch.zeros(0, 5)] * 2).boxes)
        2
    """

    images: torch.Tensor
    labels: torch.Tensor
    boxes: list[torch.Tensor]


def demo_films(count: int, size: int, first_seed: int) -> DemoFilms:
    """Phantom radiographs, each with any of three findings, by chance.

    Args:
        count: N, how many.
        size: rows and columns.
        first_seed: of the first one.

    Returns:
        images (N, 1, H, W), labels (N, 14) and boxes.

    Example:
        >>> demo_films(2, 64, first_seed=0).images.shape
        torch.Size([2, 1, 64, 64])
    """
    films = []
    for seed in range(first_seed, first_seed + count):
        chance = np.random.default_rng(seed).random(len(_FINDINGS))
        findings = [name for name, drawn in zip(_FINDINGS, chance, strict=True) if drawn < 0.35]
        films.append(phantom_radiograph(seed, size=size, findings=findings))
    images = torch.from_numpy(np.stack([film.image for film in films]))
    labels = torch.from_numpy(np.stack([film.labels for film in films])).float()
    return DemoFilms(images, labels, [torch.from_numpy(film.boxes) for film in films])


def _train(network: nn.Module, films: DemoFilms, steps: int, batch: int, rate: float) -> None:
    """Adam with a rate that rises and falls once; films are mirrored at random."""
    generator = torch.Generator().manual_seed(0)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.Adam(network.parameters(), lr=rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=rate, total_steps=steps)
    images = (films.images - _MEAN) / _DEVIATION
    network.train()
    for _ in range(steps):
        chosen = torch.randint(len(images), (batch,), generator=generator)
        x = images[chosen]
        x = x.flip(-1) if torch.rand(1, generator=generator) < 0.5 else x
        optimizer.zero_grad()
        functional.binary_cross_entropy_with_logits(network(x), films.labels[chosen]).backward()
        optimizer.step()
        schedule.step()


def _judge(network: nn.Module, films: DemoFilms) -> tuple[dict[str, float], torch.Tensor, torch.Tensor]:
    """Point localization and AUROC of films not seen in training; with the logits (N, M) and the maps."""
    points, areas = PointLocalizationMetric(films.images.shape[-1]), PerClassAUROCMetric()
    network.eval()
    with torch.inference_mode():
        parts = [network.explain((part - _MEAN) / _DEVIATION) for part in films.images.split(32)]  # type: ignore[operator]
    logits, maps = (torch.cat([part[k] for part in parts]) for k in (0, 1))
    points(maps, films.boxes)
    areas(logits, films.labels)
    found, area = points.aggregate(), areas.aggregate()
    each = {name: float(found["per_class"][CHEST_XRAY14_LABELS.index(name)]) for name in _FINDINGS}
    numbers = {"point localization": found["weighted"], **each, "AUROC": area["macro"]}
    return numbers, logits.sigmoid().clone(), maps.clone()


def _chance(films: DemoFilms) -> float:
    """The share of the film that a finding's box covers, on average: what a point chosen at random would hit."""
    rows, columns = films.images.shape[-2:]
    boxes = torch.cat(films.boxes)
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return float(area.mean()) / (rows * columns) if len(boxes) else float("nan")


def _page(films: DemoFilms, results: dict[str, tuple[torch.Tensor, torch.Tensor]], number: int) -> list[FilmFindingMap]:
    """The first films with a finding, and what each network points at on them: networks side by side."""
    panels = []
    with_box = [k for k, boxes in enumerate(films.boxes) if len(boxes)]
    for place, film in enumerate(with_box[:number]):
        boxes = films.boxes[film]
        label = int(boxes[place % len(boxes), 4])
        size = films.images.shape[-2:]
        for name, (chances, maps) in results.items():
            heat = heatmap_on_image(maps[film, [label]], size)[0].numpy()
            mine = boxes[boxes[:, 4] == label, :4].numpy()
            gray, chance = films.images[film, 0].numpy(), float(chances[film, label])
            panels.append(FilmFindingMap(CHEST_XRAY14_LABELS[label], chance, heat, mine, gray, title=name))
    return panels


def localization_demo(
    output: str | PathLike[str],
    size: int = 96,
    films: int = 300,
    test_films: int = 150,
    steps: int = 70,
    batch: int = 16,
    rate: float = 1e-3,
) -> list[dict[str, float | str]]:
    """Train PYLON and the backbone on phantom radiographs, and write how well each points at findings.

    Args:
        output: the folder for `pylon_demo.csv` and `pylon_demo.png`.
        size: rows and columns of the films.
        films: how many train.
        test_films: how many test.
        steps: of each training: of the encoder, and of each network.
        batch: films in a step.
        rate: the highest learning rate.

    Returns:
        a row for each network: point localization (weighted and of each finding), AUROC, seconds of its training; and
        one for a point chosen at random.

    Raises:
        ValueError: for no step.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     rows = localization_demo(folder, size=64, films=8, test_films=8, steps=1, batch=2)
        ...     [row["network"] for row in rows], sorted(file.name for file in Path(folder).iterdir())
        (['PYLON', 'backbone', 'a random point'], ['pylon_demo.csv', 'pylon_demo.png'])
    """
    check(steps > 0, "steps", "positive", steps)
    place = Path(output).expanduser()
    training, test = demo_films(films, size, first_seed=0), demo_films(test_films, size, first_seed=2_000_000)
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
    page = film_page_figure(_page(test, results, number=9), columns=6, title="PYLON beside the backbone, phantom films")
    save_figure(place / "pylon_demo.png", page)
    return rows
