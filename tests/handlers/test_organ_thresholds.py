"""Thresholds are tuned once, saved by label, and loaded only for the settings of their tuning."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from monai_pylon.handlers import OrganThresholds
from monai_pylon.metrics import OrganIoUMetric

LABELS = ("mass", "nodule", "cyst")
ENGINE = SimpleNamespace(state=SimpleNamespace(rank=0))


def metric() -> OrganIoUMetric:
    made = OrganIoUMetric(relative=True)
    maps = torch.rand(4, 3, 2, 2, 3)
    labels = torch.tensor([[1.0, 1.0, 0.0]] * 4)
    made(maps / maps.amax((2, 3, 4), keepdim=True), (labels, torch.rand(4, 3, 2, 2, 3) < 0.5))
    return made


def thresholds(file: Path, made: OrganIoUMetric, **about: Any) -> OrganThresholds:
    return OrganThresholds(file, {"hirescam": made}, LABELS, {"checkpoint": "abc", **about})


def test_loads_the_tuned_thresholds(tmp_path: Path) -> None:
    file, made = tmp_path / "models" / "thresholds.json", metric()
    first = thresholds(file, made)
    assert not first.load()
    first.tune(ENGINE)
    content = json.loads(file.read_text())
    assert set(content["thresholds"]["hirescam"]) == set(LABELS)
    assert content["thresholds"]["hirescam"]["cyst"] is None, "no scan had it: undefined, not 0"
    other = OrganIoUMetric(relative=True)
    assert thresholds(file, other).load()
    torch.testing.assert_close(other.thresholds, made.thresholds, equal_nan=True)


@pytest.mark.parametrize("about", [{"checkpoint": "abd"}, {"grid": (6, 6, 4)}])
def test_does_not_load_thresholds_of_another_network_or_grid(tmp_path: Path, about: dict) -> None:
    thresholds(tmp_path / "t.json", metric()).tune(ENGINE)
    assert not thresholds(tmp_path / "t.json", metric(), **about).load()
    assert thresholds(tmp_path / "t.json", metric()).load()


def test_tuples_in_about_equal_lists(tmp_path: Path) -> None:
    thresholds(tmp_path / "t.json", metric(), grid=(6, 6, 4)).tune(ENGINE)
    assert thresholds(tmp_path / "t.json", metric(), grid=[6, 6, 4]).load()


@pytest.mark.parametrize("text", ["", "{", "{}", '{"about": 1, "thresholds": {"hirescam": {"mass": 0.1}}}', "[]"])
def test_a_broken_file_is_tuned_again(tmp_path: Path, text: str) -> None:
    (tmp_path / "t.json").write_text(text)
    assert not thresholds(tmp_path / "t.json", metric()).load()


def test_other_processes_do_not_write(tmp_path: Path) -> None:
    thresholds(tmp_path / "t.json", metric()).tune(SimpleNamespace(state=SimpleNamespace(rank=1)))
    assert not list(tmp_path.iterdir())


def test_rejects_a_validation_section_without_a_present_label(tmp_path: Path) -> None:
    made = OrganIoUMetric(relative=True)
    made(torch.rand(1, 3, 2, 2, 2), (torch.zeros(1, 3), torch.ones(1, 3, 2, 2, 2)))
    with pytest.raises(ValueError, match="No validation scan has a present label"):
        thresholds(tmp_path / "t.json", made).tune(ENGINE)


def test_without_metrics_there_is_nothing_to_tune(tmp_path: Path) -> None:
    assert OrganThresholds(tmp_path / "t.json", {}, LABELS, {}).load()
