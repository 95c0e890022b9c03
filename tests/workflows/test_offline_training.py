"""The bundles train without a network: no step of a training opens a connection or looks up a name."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest
from monai.utils import optional_import

from monai_pylon.utils import read_rows
from tests.workflows import test_chest_ct_classification_axialnet as ct
from tests.workflows import test_chest_xray_classification_pylon as xray
from tests.workflows.offline import refuse_connections


@pytest.mark.parametrize(("module", "phantoms"), [(xray, 16), (ct, 4)], ids=["xray", "ct"])
def test_a_training_opens_no_connection(
    module: Any, phantoms: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each has one step, a validation, checkpoints and, if it is installed, the files of TensorBoard."""
    tensorboard = optional_import("tensorboard")[1]
    tried = refuse_connections(monkeypatch)
    trained = module.train(tmp_path, phantoms=phantoms, batch_size=phantoms, tensorboard=tensorboard)
    assert trained.trainer.state.iteration == 1
    assert float(read_rows(tmp_path / "logs" / "history.csv")[0]["val_loss"]) > 0
    assert (tmp_path / "models" / "model.pt").is_file()
    assert tried == []


def test_connections_are_refused_and_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = refuse_connections(monkeypatch)
    with pytest.raises(OSError, match="unreachable"):
        socket.create_connection(("localhost", 9))
    with socket.socket() as own, pytest.raises(OSError, match="unreachable"):
        own.connect(("127.0.0.1", 9))
    assert len(tried) == 2
