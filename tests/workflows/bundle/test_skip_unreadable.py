"""Dataset that logs and skips unreadable scans, with readers that fail."""

from __future__ import annotations

import logging

import pytest
import torch
from monai.data import DataLoader

from monai_pylon.workflows.bundle import SkipUnreadableDataset
from monai_pylon.workflows.bundle.errors import root_cause

STAND_IN = {"image": "air", "label": torch.full((2,), torch.nan)}


def read(item: dict) -> dict:
    if item["name"] == "broken":
        raise ValueError("path must be a whole file")
    return {"image": item["name"], "label": torch.zeros(2), "name": item["name"], "patient_id": "p"}


def test_evaluation_replaces_an_unreadable_scan_by_an_unknown_one(
    caplog: pytest.LogCaptureFixture,
) -> None:
    data = SkipUnreadableDataset([{"name": n, "patient_id": f"p{n}"} for n in ("a", "broken", "b")], read, STAND_IN)
    data.check_first()
    with caplog.at_level(logging.ERROR):
        items = list(data)
    assert [item["image"] for item in items] == ["a", "air", "b"]
    assert items[1]["label"].isnan().all()
    assert items[1]["error"] == "ValueError: path must be a whole file"
    assert (items[1]["name"], items[1]["patient_id"]) == ("broken", "pbroken")
    assert [item["error"] for item in items] == ["", items[1]["error"], ""]
    assert "broken is left out. ValueError: path must be a whole file" in caplog.text


def test_training_replaces_an_unreadable_scan_by_the_next(caplog: pytest.LogCaptureFixture) -> None:
    """The number of steps stays, and batch norms see scans only."""
    names = ("broken", "a", "b", "broken", "broken")
    data = SkipUnreadableDataset([{"name": n, "patient_id": f"p{n}"} for n in names], read)
    assert [item["name"] for item in data] == ["a", "a", "b", "a", "a"]
    assert {item["error"] for item in data} == {""}
    assert caplog.text.count("broken is left out. ValueError: path must be a whole file") == 3, "each once"


@pytest.mark.parametrize("stand_in", [None, STAND_IN])
@pytest.mark.parametrize("workers", [0, 2])
def test_all_workers_log_an_unreadable_scan_once(
    stand_in: dict | None, workers: int, capfd: pytest.CaptureFixture[str]
) -> None:
    handler = logging.StreamHandler()  # to the standard error of whichever process
    logging.getLogger("monai_pylon").addHandler(handler)
    try:
        data = SkipUnreadableDataset([{"name": n, "patient_id": n} for n in ("a", "broken", "b", "c")], read, stand_in)
        order = [0, 1, 2, 3]
        loader = DataLoader(data, num_workers=workers, sampler=order, persistent_workers=workers > 0)
        for _ in range(2):
            assert len(list(loader)) == 4
            order.reverse()  # the broken one comes to the other worker
    finally:
        logging.getLogger("monai_pylon").removeHandler(handler)
    assert capfd.readouterr().err.count("broken is left out") == 1


def test_training_without_a_readable_scan_is_an_error() -> None:
    data = SkipUnreadableDataset([{"name": "broken"}] * 5, read)
    with pytest.raises(
        ValueError, match=r"None of the 5 scans can be read. The last error was: ValueError: path must be a whole file"
    ):
        data[3]


def test_check_first_raises_if_no_scan_is_readable() -> None:
    data = SkipUnreadableDataset([{"name": "broken"}] * 5, read, STAND_IN)
    with pytest.raises(RuntimeError) as error:
        data.check_first()
    assert root_cause(error.value) == "ValueError: path must be a whole file"
    SkipUnreadableDataset([{"name": "broken"}, {"name": "a"}], read, STAND_IN).check_first()
