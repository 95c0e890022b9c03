"""The table of epochs."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from monai_pylon.handlers import CSVHistory
from monai_pylon.utils import read_rows, write_rows


def epochs(file: Path, rank: int = 0) -> None:
    """Write two epochs."""
    validator = SimpleNamespace(state=SimpleNamespace(metrics={"val_loss": 0.25, "val_points": float("nan")}))
    history = CSVHistory(file, validator, torch.optim.Adam([torch.zeros(1, requires_grad=True)], lr=1e-4))
    for epoch in (1, 2):
        state = SimpleNamespace(epoch=epoch, max_epochs=2, rank=rank, metrics={"train_loss": 0.5})
        history.start(SimpleNamespace(state=state))
        history(SimpleNamespace(state=state))


def test_writes_a_row_for_each_epoch(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        epochs(tmp_path / "h.csv")
    first, second = read_rows(tmp_path / "h.csv")
    assert (first["epoch"], second["epoch"]) == ("1", "2")
    assert (first["train_loss"], first["val_loss"], first["val_points"]) == ("0.5", "0.25", ""), "NaN is an empty cell"
    assert float(first["learning_rate"]) == 1e-4
    assert "Epoch 1 of at most 2: train_loss 0.5, val_loss 0.25, learning_rate 0.0001" in caplog.text


def test_only_the_first_process_writes(tmp_path: Path) -> None:
    epochs(tmp_path / "h.csv", rank=1)
    assert not list(tmp_path.iterdir())


def test_rows_of_an_earlier_training_are_removed(tmp_path: Path) -> None:
    """A new training begins a new table; a resumed one keeps the epochs before it."""
    file = tmp_path / "h.csv"
    write_rows(file, [{"epoch": epoch, "train_loss": 9} for epoch in (1, 2, 3, 4)])
    history = CSVHistory(file, SimpleNamespace(state=SimpleNamespace(metrics={})))
    for epoch in (3, 4):
        state = SimpleNamespace(epoch=epoch, max_epochs=4, rank=0, metrics={"train_loss": 0.5})
        history.start(SimpleNamespace(state=state))
        history(SimpleNamespace(state=state))
    assert [(row["epoch"], row["train_loss"]) for row in read_rows(file)] == [
        ("1", "9"),
        ("2", "9"),
        ("3", "0.5"),
        ("4", "0.5"),
    ]
    history.begin(SimpleNamespace())
    history.start(SimpleNamespace(state=SimpleNamespace(epoch=1, rank=0)))
    assert not file.exists()
