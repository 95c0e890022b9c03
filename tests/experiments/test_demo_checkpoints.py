"""Training of the demo's checkpoints: resuming, pooling, grid cells, mirrored scans and figures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from monai_pylon.visualize import map_geometry
from tests.experiments.demo_checkpoints import measures, phantoms, training
from tests.experiments.demo_checkpoints.__main__ import section


class _PowerError(Exception):
    """Power failure in the middle of a training."""


def _train(state: Path, stop: int | None = None) -> torch.Tensor:
    torch.manual_seed(0)
    network = nn.Linear(3, 1)

    def loss(step: int, random: torch.Generator) -> torch.Tensor:
        if step == stop:
            raise _PowerError
        return (network(torch.randn(8, 3, generator=random)).float() - 2).pow(2).mean()

    training.run_steps("line", network, [{"params": list(network.parameters()), "lr": 0.1}], 12, loss, state, every=4)
    return torch.cat([parameter.detach().flatten() for parameter in network.parameters()])


def test_a_stopped_training_ends_as_one_that_was_not_stopped(tmp_path: Path) -> None:
    whole = _train(tmp_path / "whole.pt")
    with pytest.raises(_PowerError):
        _train(tmp_path / "stopped.pt", stop=7)
    assert torch.equal(_train(tmp_path / "stopped.pt"), whole)


def test_the_soft_maximum_lies_between_mean_and_maximum() -> None:
    maps = torch.randn(2, 3, 8, 8)
    torch.testing.assert_close(training.soft_maximum(maps, 0.01), maps.mean((2, 3)), atol=0.02, rtol=0)
    torch.testing.assert_close(training.soft_maximum(maps, 1e4), maps.amax((2, 3)), atol=1e-3, rtol=0)


def test_weights_that_no_image_reaches_are_cleared_and_change_nothing() -> None:
    torch.manual_seed(0)
    network, images = training.pylon().eval(), torch.randn(2, 1, phantoms.XRAY_SIZE, phantoms.XRAY_SIZE)
    weight = network.decoder.attention.down[0].conv.weight
    with torch.inference_mode():
        before = network(images)
    with torch.no_grad():
        weight[..., -1, :] = float("nan")
    training.clear_unused(network, images)
    assert (weight[..., -1, :] == 0).all()
    assert (weight[..., 3, 3] != 0).all()
    with torch.inference_mode():
        torch.testing.assert_close(network(images), before)


def test_a_voxel_is_in_the_cell_that_looks_at_it() -> None:
    geometry = map_geometry(training.axialnet(), None, phantoms.CT_SIZE)
    assert (geometry.origin, geometry.spacing) == ((0.0, 0.0, 1.0), tuple(map(float, phantoms.CT_CELL)))
    masks = np.zeros((1, *phantoms.CT_SIZE), np.uint8)
    masks[0, 36:44, 4:12, 30:33] = 1  # around voxel (40, 8, 31): cell (5, 1, 10)
    assert np.argwhere(phantoms.cells_with(masks)[0]).tolist() == [[5, 1, 10]]


def test_the_labels_of_the_checkpoints_keep_their_boxes_and_lesions() -> None:
    labels = torch.eye(5)
    boxes = [torch.tensor([[1.0, 2, 3, 4, kind]]) for kind in range(5)]
    radiographs = phantoms.radiographs_with_kept_labels(phantoms.Radiographs(torch.zeros(5, 1, 8, 8), labels, boxes))
    for label, name in enumerate(phantoms.XRAY_KEPT):
        before = phantoms.XRAY_LABELS.index(name)
        assert radiographs.labels[before].tolist() == [float(k == label) for k in range(len(phantoms.XRAY_KEPT))]
        assert radiographs.boxes[before][:, 4].tolist() == [label]
    assert all(len(radiographs.boxes[phantoms.XRAY_LABELS.index(name)]) == 0 for name in phantoms.XRAY_LEFT_OUT)
    parts = len(phantoms.STRUCTURES) + 5
    marks = torch.arange(parts)[None, None, :, None].expand(1, 2, parts, 1)
    scans = phantoms.Scans(torch.zeros(1), labels[:1], marks[:, :, -5:], marks, torch.zeros(1), marks[:, 0, -5:])
    kept = phantoms.scans_with_kept_labels(scans)
    for label, name in enumerate(phantoms.CT_KEPT):
        mark = len(phantoms.STRUCTURES) + phantoms.CT_LABELS.index(name)
        assert kept.allowed[0, 1, label] == kept.lesions[0, label] == mark
        assert kept.contents[0, 0, len(phantoms.STRUCTURES) + label] == mark


@pytest.mark.slow
def test_a_mirrored_scan_has_its_findings_in_the_other_lung(tmp_path: Path) -> None:
    data = section("scans", "test", 3, tmp_path)
    again = section("scans", "test", 3, tmp_path)
    assert all(torch.equal(one, two) for one, two in zip(data, again, strict=True)), "the files are read"
    lesions = data.contents[:, :, len(phantoms.STRUCTURES) :]
    assert lesions.any()
    assert (lesions & ~data.allowed).sum() == 0, "findings lie in their organs"
    for n, m in data.labels.nonzero().tolist():
        middles = [float(data.allowed[n, k, m].nonzero()[:, 0].float().mean()) for k in (0, 1)]
        # the cells look at the voxels 0 to 104 of 112: their middle is half a cell beside the middle of the scan
        assert sum(middles) == pytest.approx((phantoms.CT_SIZE[0] - 1) / phantoms.CT_CELL[0], abs=0.6)


def test_figures_beside_their_baselines() -> None:
    cases = [
        measures.Case(0, 0, (True,), (0.1,), (False,)),
        measures.Case(1, 0, (False,), (0.3,), (True,)),
        measures.Case(1, 1, (True,), (0.2,), (False,)),
    ]
    logits, truth = torch.tensor([[1.0, -1.0], [2.0, 3.0], [0.0, -2.0]]), torch.tensor([[1.0, 0], [1, 1], [0, 0]])
    rows = measures.summary(("a", "b"), ("in box",), logits, truth, cases)["labels"]
    assert rows["a"] == {
        "findings": 2,
        "AUROC": 1.0,
        "peak in box": 0.5,
        "random in box": 0.2,
        "center in box": 0.5,
    }
    assert (rows["all"]["findings"], rows["all"]["peak in box"]) == (3, 0.667)


def test_a_lesion_counts_where_it_reaches_into_the_cell_of_the_peak() -> None:
    lesion = np.zeros((40, 40, 12), dtype=bool)
    lesion[12, 16, 4] = True
    assert measures._near(lesion, (16.0, 16.0, 4.0))
    assert measures._near(lesion, (8.0, 16.0, 4.0)) is False, "voxels 4 to 11"
    assert not measures._near(lesion, (16.0, 16.0, 7.0))
