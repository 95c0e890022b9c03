"""Tests of the evaluation report on scans: the peaks in nodules."""

from __future__ import annotations

from types import SimpleNamespace

import torch
from torch import nn

from monai_pylon.workflows.chest_ct import ScanEvaluationReport
from monai_pylon.workflows.chest_ct.explainer import ScanMaps
from monai_pylon.workflows.chest_ct.nodules import MOST_NODULES


class Explained(nn.Module):
    """One convolution, whose cells look at voxels 1, 5, ... of an image."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv3d(1, 2, 4, stride=4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(x).amax(dim=(2, 3, 4))


def report_of(tmp_path, nodules: torch.Tensor, maps: torch.Tensor, layer: str | None = "conv") -> dict:
    """The report of one batch with two scans of 8 x 8 x 8 voxels."""
    report = ScanEvaluationReport(tmp_path, {}, ["a", "b"], Explained(), layer, num_resamples=5, unit="scans")
    batch = {"nodules": nodules, "patient_id": ["p", "q"], "error": ["", ""]}
    pred = ScanMaps(torch.tensor([[0.0, 1.0], [1.0, 0.0]]), maps, maps)
    output = {"pred": pred, "label": torch.tensor([[0.0, 1.0], [1.0, 0.0]]), "image": torch.zeros(2, 1, 8, 8, 8)}
    engine = SimpleNamespace(state=SimpleNamespace(output=output, batch=batch, rank=0))
    report.start(engine)
    report.collect(engine)
    report.write(engine)
    return report.report


def test_the_report_counts_peaks_in_nodules(tmp_path) -> None:
    nodules = torch.full((2, MOST_NODULES, 7), torch.nan)
    nodules[0, 0] = torch.tensor([5.5, 1, 1, 0.5, 0.5, 0.5, 1])  # cell (1, 0, 0)
    nodules[1, 0] = torch.tensor([1.0, 1, 1, 0.5, 0.5, 0.5, 0])  # cell (0, 0, 0)
    maps = torch.zeros(2, 2, 2, 2, 2)
    maps[0, 1, 1, 0, 0] = maps[1, 0, 1, 1, 1] = 1  # a hit and a miss
    found = report_of(tmp_path, nodules, maps)
    assert found["metrics"]["peak_in_nodule"]["weighted"]["estimate"] == 0.5
    assert found["metrics"]["peak_in_nodule"]["b"] == {"estimate": 1.0, "low": 1.0, "high": 1.0, "n": 1}
    assert found["metrics"]["peak_in_nodule, random_point"]["weighted"]["estimate"] == 1 / 8
    assert found["nodules_outside_of_the_map"] == 0


def test_a_nodule_that_no_cell_covers_is_counted_and_left_out(tmp_path) -> None:
    nodules = torch.full((2, MOST_NODULES, 7), torch.nan)
    nodules[0, 0] = torch.tensor([99.0, 1, 1, 0.5, 0.5, 0.5, 1])
    found = report_of(tmp_path, nodules, torch.zeros(2, 2, 2, 2, 2))
    assert found["nodules_outside_of_the_map"] == 1
    assert found["metrics"]["peak_in_nodule"]["weighted"]["n"] == 0


def test_without_nodules_or_maps_the_report_is_the_plain_one(tmp_path) -> None:
    nodules = torch.full((2, MOST_NODULES, 7), torch.nan)
    assert "peak_in_nodule" not in report_of(tmp_path, nodules, torch.zeros(2, 2, 2, 2, 2))["metrics"]
    nodules[0, 0] = torch.ones(7)
    assert "peak_in_nodule" not in report_of(tmp_path, nodules, torch.zeros(2, 2, 2, 2, 2), None)["metrics"]
