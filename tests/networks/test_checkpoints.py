"""Plain checkpoints, the description beside them, and the checks when they are loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from monai_pylon.networks import load_checkpoint
from monai_pylon.networks.checkpoints import read_checkpoint, read_description, save_checkpoint

SPEC = {"name": "line"}
STATE = {"weight": torch.ones(1, 1), "bias": torch.ones(1)}


def saved(folder: Path, network: Any = SPEC, **inputs: Any) -> Path:
    save_checkpoint(folder / "model.pt", STATE, {"network": network, "inputs": inputs})
    return folder / "model.pt"


def line() -> torch.nn.Module:
    net = torch.nn.Linear(1, 1)
    torch.nn.init.zeros_(net.weight)
    return net


def test_rejects_a_file_that_is_no_checkpoint(tmp_path: Path) -> None:
    (tmp_path / "notes.pt").write_text("not a checkpoint")
    with pytest.raises(ValueError, match=r"notes\.pt' cannot be read"):
        read_checkpoint(tmp_path / "notes.pt")
    torch.save([1], tmp_path / "list.pt")
    with pytest.raises(ValueError, match="a dictionary of weights"):
        read_checkpoint(tmp_path / "list.pt")


def test_rejects_other_inputs_than_those_of_the_training(tmp_path: Path) -> None:
    file, net = saved(tmp_path, spacing=[0.8, 0.8, 0.8], size=256), line()
    load_checkpoint(net, file, SPEC, {"spacing": (0.8, 0.8, 0.8), "size": 256})
    assert net.weight.item() == 1
    with pytest.raises(
        ValueError, match=r"spacing must be \[0.8, 0.8, 0.8\], with which .* but is \[1, 1, 1\]\."
    ) as error:
        load_checkpoint(net, file, SPEC, {"spacing": [1, 1, 1]})
    assert '--spacing "[0.8, 0.8, 0.8]"' in str(error.value)
    with pytest.raises(ValueError, match="size must be 256"):
        load_checkpoint(net, file, SPEC, {"size": 512})


def test_warns_of_other_inputs_if_asked_to(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file, net = saved(tmp_path, size=256), line()
    load_checkpoint(net, file, SPEC, {"size": 256}, "warn")
    assert not caplog.records
    load_checkpoint(net, file, SPEC, {"size": 512}, "warn")
    assert net.weight.item() == 1
    assert "size must be 256" in caplog.text
    with pytest.raises(ValueError, match="other_inputs must be one of"):
        load_checkpoint(net, file, SPEC, {"size": 256}, "ignore")


def test_rejects_another_networks_checkpoint(tmp_path: Path) -> None:
    file = saved(tmp_path, {"name": "curve", "encoder": "resnet18", "width": 8})
    with pytest.raises(ValueError, match=r"one of the network name=line, but .* is one of name=curve") as error:
        load_checkpoint(line(), file, SPEC)
    assert "--network_name curve --encoder resnet18 --network_settings \"{'width': 8}\"" in str(error.value)


def test_loads_a_checkpoint_without_description(tmp_path: Path) -> None:
    torch.save(STATE, tmp_path / "bare.pt")
    for file in (tmp_path / "bare.pt", saved(tmp_path)):
        net = line()
        load_checkpoint(net, file, SPEC, {"spacing": [1, 1, 1]})
        assert net.weight.item() == 1


def test_checks_the_description_within_a_training_state(tmp_path: Path) -> None:
    torch.save({"model": STATE, "network": SPEC, "inputs": {"size": 256}, "epoch": 3}, tmp_path / "last.pt")
    net = line()
    load_checkpoint(net, tmp_path / "last.pt", SPEC, {"size": 256})
    assert net.weight.item() == 1
    with pytest.raises(ValueError, match="size must be 256"):
        load_checkpoint(net, tmp_path / "last.pt", SPEC, {"size": 512})


def test_wrong_weights_are_an_error(tmp_path: Path) -> None:
    """MONAI's own loader copies the keys that fit and is silent about the others."""
    save_checkpoint(tmp_path / "model.pt", {**STATE, "weight": torch.ones(1, 2)}, {"network": SPEC})
    with pytest.raises(ValueError, match=r"one of the whole network name=line, .*weight \(1, 2\) instead of \(1, 1\)"):
        load_checkpoint(line(), tmp_path / "model.pt", SPEC)
    save_checkpoint(tmp_path / "model.pt", {"weight": torch.ones(1, 1)}, {"network": SPEC})
    with pytest.raises(ValueError, match="they differ in bias"):
        load_checkpoint(line(), tmp_path / "model.pt", SPEC)


def test_new_weights_never_stand_beside_an_old_description(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = saved(tmp_path, size=256)
    monkeypatch.setattr(torch, "save", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        saved(tmp_path, size=512)
    assert read_description(file) == {}
    assert [path.name for path in tmp_path.iterdir()] == ["model.pt"]


def test_a_damaged_description_is_named(tmp_path: Path) -> None:
    file = saved(tmp_path)
    file.with_suffix(".json").write_text('{"network": ')
    with pytest.raises(ValueError, match=r"model\.json cannot be read: .* Restore it"):
        load_checkpoint(line(), file, SPEC)
    file.with_suffix(".json").write_text("[1]")
    assert read_description(file) == {}
