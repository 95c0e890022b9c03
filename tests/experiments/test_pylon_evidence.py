"""Steps of the PYLON comparison: augmentation, starting weights, training, tables and the command."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from monai_pylon.metrics import bootstrap_interval
from monai_pylon.networks import make_encoder
from monai_pylon.workflows.bundle import make_network
from tests.experiments.pylon_evidence import table
from tests.experiments.pylon_evidence.plan import NETWORKS, first, plan
from tests.experiments.pylon_evidence.radiographs import (
    DEVIATION,
    MEAN,
    Radiographs,
    augment,
    normalize,
    phantom_radiographs,
    random_views,
    view,
    viewed_boxes,
)
from tests.experiments.pylon_evidence.training import (
    TrainingSettings,
    judge,
    run,
    soft_maximum,
    start_from_folded,
    train,
)


def _disc(size: int) -> torch.Tensor:
    """Draw a bright disc right of and above the center, uint8 (1, 1, size, size)."""
    y, x = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    inside = (x - 0.7 * size) ** 2 + (y - 0.3 * size) ** 2 < (0.1 * size) ** 2
    return (200 * inside).byte()[None, None]


def _center(image: torch.Tensor) -> tuple[float, float]:
    """Return the center of the light as shares of width and height."""
    light = image[0, 0] * DEVIATION + MEAN
    light = (light - light.median()).clamp(min=0)
    y, x = torch.meshgrid(torch.arange(light.shape[0]), torch.arange(light.shape[1]), indexing="ij")
    return float((x * light).sum() / light.sum()) / light.shape[1], float(
        (y * light).sum() / light.sum()
    ) / light.shape[0]


def test_augmentation_rotates_flips_and_keeps_the_range():
    image = _disc(160)
    generator = torch.Generator().manual_seed(0)
    views = [augment(image, 128, 0, generator) for _ in range(60)]
    assert all(view.shape == (1, 1, 128, 128) for view in views)
    sides = np.array([_center(view) for view in views if float(view.max() - view.min()) > 0.5])
    assert (sides[:, 0] > 0.5).any()
    assert (sides[:, 0] < 0.5).any()  # flipped
    assert (sides[:, 1] < 0.5).all()  # never upside down without rotation
    turned = [augment(image, 128, 90, generator) for _ in range(60)]
    heights = np.array([_center(view)[1] for view in turned if float(view.max() - view.min()) > 0.5])
    assert (heights > 0.55).any()
    lowest, highest = (0 - MEAN) / DEVIATION, (1 - MEAN) / DEVIATION
    assert all(lowest - 1e-4 <= float(view.min()) and float(view.max()) <= highest + 1e-4 for view in views + turned)


def test_augmentation_crops_and_changes_brightness_and_contrast():
    """A disc on black shows its share of the view, the value of black, and the contrast between both."""
    generator = torch.Generator().manual_seed(0)
    views = [augment(_disc(160), 128, 0, generator)[0, 0] * DEVIATION + MEAN for _ in range(200)]
    black = np.array([float(view.median()) for view in views])
    between = np.array([float(view.max()) for view in views]) - black
    share = np.array([float((view > low + 0.1).float().mean()) for view, low in zip(views, black, strict=True)])
    unchanged = (np.abs(black) < 1e-4) & (np.abs(between - 200 / 255) < 1e-4)
    assert 0.35 < unchanged.mean() < 0.65
    assert 0.3 < black.max() <= 0.5
    inside = (black > 1e-4) & (black + between < 1 - 1e-4)  # neither end is clipped
    assert between[inside].min() < 0.65
    assert between[inside].max() > 0.85
    own = math.pi * 0.1**2
    assert own * 1.2 < np.quantile(share[unchanged], 0.9) < own / 0.7 * 1.05
    assert share[unchanged].max() < own / 0.7 * 1.05


def test_boxes_follow_random_views():
    """A bright square and its box: they still cover each other after rotation, crop and flip."""
    size, generator = 128, torch.Generator().manual_seed(0)
    image = torch.zeros(1, 1, size, size, dtype=torch.uint8)
    image[..., 30:60, 70:110] = 200
    box, moved = torch.tensor([[70.0, 30.0, 110.0, 60.0, 3.0]]), 0
    for _ in range(40):
        views = random_views(1, 0, generator)
        seen = view(image, size, views, generator)[0, 0]
        bright = (seen > seen.min() + (seen.max() - seen.min()) / 2).nonzero()
        (table,) = viewed_boxes([box], size, views)
        if len(table):
            (left, top, right, bottom, label), moved = table[0].tolist(), moved + 1
            assert label == 3
            found = [*bright.min(0).values.tolist(), *(bright.max(0).values + 1).tolist()]
            assert np.allclose([top, left, bottom, right], found, atol=1.01)
    assert moved > 30


def test_test_radiographs_are_only_normalized():
    flat = torch.full((1, 1, 160, 160), 127, dtype=torch.uint8)
    assert torch.allclose(normalize(flat, 128), torch.tensor((127 / 255 - MEAN) / DEVIATION), atol=1e-5)
    assert _center(normalize(_disc(160), 128)) == pytest.approx((0.7, 0.3), abs=0.01)


def test_soft_maximum_lies_between_mean_and_maximum():
    maps = torch.randn(2, 3, 4, 5)
    assert torch.allclose(soft_maximum(maps, 1e-3), maps.mean((2, 3)), atol=1e-2)
    assert torch.allclose(soft_maximum(maps, 1e3), maps.amax((2, 3)), atol=1e-2)
    by_hand = math.log((math.exp(2 * 1.0) + math.exp(2 * 3.0)) / 2) / 2
    assert soft_maximum(torch.tensor([1.0, 3.0]).view(1, 1, 1, 2), 2.0).item() == pytest.approx(by_hand)


def test_unfolded_norms_compute_the_same_as_the_folded_network(tmp_path):
    """The encoder's first stage equals the convolutions with biases of the file, layer by layer."""
    generator = torch.Generator().manual_seed(0)
    arrays = {}
    for name, part in make_encoder("resnet18", 2, 3).named_modules():
        if isinstance(part, nn.Conv2d) and name.startswith(("conv1", "layer1")):
            arrays[f"{name}.weight"] = 0.1 * torch.randn(part.weight.shape, generator=generator)
            arrays[f"{name}.bias"] = torch.randn(part.weight.shape[0], generator=generator)
    np.savez(tmp_path / "folded.npz", **{name: array.numpy() for name, array in arrays.items()})
    images = torch.rand(4, 1, 64, 64, generator=generator)
    encoder = make_encoder("resnet18", 2, 1)
    start_from_folded(encoder, tmp_path / "folded.npz", images)

    def convolve(x: torch.Tensor, name: str, stride: int, padding: int) -> torch.Tensor:
        return functional.conv2d(x, arrays[f"{name}.weight"], arrays[f"{name}.bias"], stride, padding)

    x = convolve(images.expand(-1, 3, -1, -1), "conv1", 2, 3).relu()
    maps = encoder.eval()(images)
    assert torch.allclose(maps[0], x, atol=1e-4)
    x = functional.max_pool2d(x, 3, 2, 1)
    for block in ("layer1.0", "layer1.1"):
        x = (x + convolve(convolve(x, f"{block}.conv1", 1, 1).relu(), f"{block}.conv2", 1, 1)).relu()
    assert torch.allclose(maps[1], x, atol=1e-3)


def test_plan_has_every_network_and_starts_from_the_same_fold():
    runs = plan("real", (0, 1), (0,))
    assert {run.settings.network for run in runs} == set(NETWORKS) == set(table.TITLES)
    for planned in runs:
        before = first(planned)
        assert (before is None) == (planned.settings.start == "imagenet")
        if before is not None:
            elsewhere = planned.settings.start == "phantoms"
            expected = ("phantoms", 0, "pylon") if elsewhere else (planned.data, planned.fold, "backbone")
            assert (before.data, before.fold, before.settings.network) == expected
            assert before.seed == planned.seed
    assert len({planned.key for planned in runs}) == len(runs)


@pytest.mark.slow
def test_network_learns_to_recognize_a_disc():
    """Half of the radiographs have a disc, which is their first finding."""
    has = torch.arange(16) % 2 == 0
    images = torch.where(has[:, None, None, None], _disc(80), torch.zeros(1, dtype=torch.uint8))
    labels = functional.pad(has.float()[:, None], (0, 13))
    radiographs = Radiographs(images, labels, [torch.zeros(0, 5)] * 16, torch.zeros(16), ["p"] * 16)
    settings = TrainingSettings(
        "pylon", epochs=8, size=64, batch=4, rate=1e-3, decoder_rate=1e-3, max_rotation=0, normals=1
    )
    torch.manual_seed(0)
    network = make_network({"name": settings.network, "encoder": settings.encoder})
    train(network, radiographs, settings, 0, print)
    with torch.no_grad():
        scores = network.eval()(normalize(images, 64))[:, 0]
    assert scores[has].min() > 0 > scores[~has].max()


def test_run_evaluates_other_radiographs():
    radiographs = phantom_radiographs(20, 64, num_folds=2)
    settings = TrainingSettings("pylon", start="scratch", epochs=1, size=64, batch=4)
    figures, network = run(
        settings, radiographs.of(radiographs.folds == 0), radiographs.of(radiographs.folds == 1), 0, None, None, print
    )
    test = radiographs.of(radiographs.folds == 1)
    instances = sum(len(set(boxes[:, 4].tolist())) for boxes in test.boxes)
    assert len(figures["hits"]) == instances
    assert figures["point"] == pytest.approx(figures["hits"].count("1") / instances)
    assert judge(network, test, 64)["hits"] == figures["hits"]


def test_page_agrees_with_the_files():
    page = table.PAGE.read_text(encoding="utf-8")
    assert table.filled(page) == page
    assert table.comparison(table.load("real")) in page


def test_pooling_and_differences_by_hand():
    runs = [
        {"name": "backbone", "fold": 0, "seed": 0, "hits": "0100", "point": 0.25, "box": {"0.25": 0.0}, "auroc": 0.5},
        {"name": "pylon", "fold": 0, "seed": 0, "hits": "0111", "point": 0.75, "box": {"0.25": 0.5}, "auroc": 0.6},
        {"name": "backbone", "fold": 1, "seed": 0, "hits": "10", "point": 0.5, "box": {"0.25": 0.0}, "auroc": 0.5},
        {"name": "pylon", "fold": 1, "seed": 0, "hits": "00", "point": 0.0, "box": {"0.25": 0.5}, "auroc": 0.8},
    ]
    instances = [{"fold": 0, "patients": ["a", "a", "b", "b"]}, {"fold": 1, "patients": ["c", "d"]}]
    result = {"instances": instances, "runs": [{**single, "map": [4, 4]} for single in runs]}
    backbone, pylon = table.summarize(result, ["backbone", "pylon"])
    assert backbone.point.estimate == pytest.approx(2 / 6)
    assert pylon.point.estimate == pytest.approx(3 / 6)
    hits = np.array([0, 1, 1, 1, 0, 0])
    assert pylon.point == bootstrap_interval(hits, groups=list("aabbcd")) != bootstrap_interval(hits)
    assert pylon.spread == (0.0, 0.75)
    assert pylon.difference is not None
    assert pylon.difference.estimate == pytest.approx(1 / 6)
    assert pylon.auroc == pytest.approx(0.7)


@pytest.mark.slow
def test_command_resumes(tmp_path: Path):
    command = [sys.executable, "-m", "tests.experiments.pylon_evidence", "phantoms", "--phantoms", "20", "--quick"]
    command += ["--runs", str(tmp_path / "runs"), "--output", str(tmp_path)]
    subprocess.run(command, check=True, capture_output=True)
    again = subprocess.run(command, check=True, capture_output=True, text=True)
    assert "epoch" not in again.stdout
    names = {record["name"] for record in json.loads((tmp_path / "pylon_phantoms.json").read_text())["runs"]}
    assert set(NETWORKS) <= names
