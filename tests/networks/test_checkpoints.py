"""The best checkpoint is the best one, whatever comes later, and a reader of a half file says so."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from monai_pylon.handlers import TrainingCheckpoints
from monai_pylon.networks import load_checkpoint, read_checkpoint
from monai_pylon.utils import file_hash


def make(folder: Path, **how: Any) -> tuple[TrainingCheckpoints, torch.nn.Module, Any]:
    net = torch.nn.Linear(1, 1)
    optimizer = torch.optim.Adam(net.parameters())
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer)
    validator = SimpleNamespace(state=SimpleNamespace(metrics={}))
    handler = TrainingCheckpoints(folder, net, optimizer, scheduler, validator, {"name": "line"}, **how)
    return handler, net, validator


def run(handler: TrainingCheckpoints, net: torch.nn.Module, validator: Any, values: list[float], rank: int = 0) -> None:
    """Epochs with these values; the weight is the number of the epoch."""
    for epoch, value in enumerate(values, start=1):
        torch.nn.init.constant_(net.weight, epoch)
        validator.state.metrics["val_loss"] = value
        handler.save(SimpleNamespace(state=SimpleNamespace(epoch=epoch, rank=rank)))


@pytest.mark.parametrize(
    ("smaller", "values", "best"),
    [
        (True, [0.5, 0.3, 0.4], 2),
        (False, [0.5, 0.3, 0.4], 1),
        (True, [0.5, 0.5], 1),  # of equals the first
        (True, [float("nan"), 0.9, 0.4], 3),
        (True, [0.2, float("nan")], 1),
    ],
)
def test_the_best_epoch_is_kept(smaller: bool, values: list[float], best: int, tmp_path: Path) -> None:
    handler, net, validator = make(tmp_path, smaller_is_better=smaller)
    run(handler, net, validator, values)
    assert read_checkpoint(handler.best)["model"]["weight"].item() == best
    assert read_checkpoint(handler.best)["epoch"] == best
    last = read_checkpoint(handler.last)
    assert last["model"]["weight"].item() == len(values)
    assert last["best_epoch"] == best


def test_a_training_without_any_value_still_leaves_weights(tmp_path: Path) -> None:
    handler, net, validator = make(tmp_path)
    run(handler, net, validator, [float("nan")])
    assert handler.best.is_file()


def test_only_the_first_process_writes(tmp_path: Path) -> None:
    handler, net, validator = make(tmp_path)
    run(handler, net, validator, [0.5], rank=1)
    assert not list(tmp_path.iterdir())


def test_a_mark_is_of_the_content(tmp_path: Path) -> None:
    for name, text in (("a", "x"), ("b", "x"), ("c", "y")):
        (tmp_path / name).write_text(text)
    assert file_hash(tmp_path / "a") == file_hash(tmp_path / "b") != file_hash(tmp_path / "c")


def test_a_file_that_is_no_checkpoint_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "notes.pt").write_text("not a checkpoint")
    with pytest.raises(ValueError, match=r"notes\.pt' cannot be read"):
        read_checkpoint(tmp_path / "notes.pt")
    torch.save([1], tmp_path / "list.pt")
    with pytest.raises(ValueError, match="a dictionary of weights"):
        read_checkpoint(tmp_path / "list.pt")


def trained_on(folder: Path, **inputs: Any) -> Path:
    handler, net, validator = make(folder, inputs=inputs)
    run(handler, net, validator, [0.5])
    return handler.best


def test_other_inputs_than_those_of_the_training_are_refused(tmp_path: Path) -> None:
    file, net = trained_on(tmp_path, spacing=[0.8, 0.8, 0.8], size=256), torch.nn.Linear(1, 1)
    load_checkpoint(net, file, {"name": "line"}, {"spacing": (0.8, 0.8, 0.8), "size": 256})
    assert net.weight.item() == 1
    with pytest.raises(
        ValueError, match=r"spacing must be \[0.8, 0.8, 0.8\], with which .* but is \[1, 1, 1\]\."
    ) as error:
        load_checkpoint(net, file, {"name": "line"}, {"spacing": [1, 1, 1]})
    assert '--spacing "[0.8, 0.8, 0.8]"' in str(error.value)
    with pytest.raises(ValueError, match="size must be 256"):
        load_checkpoint(net, file, {"name": "line"}, {"size": 512})


def test_where_another_size_makes_sense_the_log_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file, net = trained_on(tmp_path, size=256), torch.nn.Linear(1, 1)
    load_checkpoint(net, file, {"name": "line"}, {"size": 256}, "warn")
    assert not caplog.records
    load_checkpoint(net, file, {"name": "line"}, {"size": 512}, "warn")
    assert net.weight.item() == 1
    assert "size must be 256" in caplog.text
    with pytest.raises(ValueError, match="other_inputs must be one of"):
        load_checkpoint(net, file, {"name": "line"}, {"size": 256}, "ignore")


def test_a_checkpoint_that_does_not_say_what_it_was_trained_on_is_taken(tmp_path: Path) -> None:
    net = torch.nn.Linear(1, 1)
    torch.save({"weight": torch.ones(1, 1), "bias": torch.ones(1)}, tmp_path / "bare.pt")
    for file in (tmp_path / "bare.pt", trained_on(tmp_path)):
        torch.nn.init.zeros_(net.weight)
        load_checkpoint(net, file, {"name": "line"}, {"spacing": [1, 1, 1]})
        assert net.weight.item() == 1


def test_a_training_on_other_inputs_is_not_gone_on_with(tmp_path: Path) -> None:
    trained_on(tmp_path, size=256)
    state = SimpleNamespace(epoch=0, iteration=0, epoch_length=1)
    with pytest.raises(ValueError, match="size must be 256"):
        make(tmp_path, inputs={"size": 512})[0].start(SimpleNamespace(state=state))
    make(tmp_path, inputs={"size": 256})[0].start(SimpleNamespace(state=state))
    assert state.epoch == 1
