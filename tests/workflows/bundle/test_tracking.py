"""Handlers with a switch."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from monai.bundle import ConfigParser

from monai_pylon.workflows.bundle import mlflow_handler, progress_handler, tensorboard_handler, tracking


def test_a_handler_that_is_off_leaves_the_list() -> None:
    off = {"_target_": "monai_pylon.workflows.bundle.progress_handler", "show": False, "desc": "training"}
    on = {**off, "show": True}
    assert len(ConfigParser({"handlers": [on, off, on]}).get_parsed_content("handlers")) == 2


def test_only_the_first_process_shows_and_records(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "get_rank", lambda: 1)
    assert progress_handler(True, "training") is None
    assert tensorboard_handler(True, tmp_path) is None
    assert mlflow_handler(True, tmp_path, "chest_xray", "pylon") is None


@pytest.mark.parametrize(("enabled", "found", "made"), [(None, True, True), (None, False, False), (False, True, False)])
def test_tensorboard_is_used_if_it_is_installed(
    enabled: bool | None, found: bool, made: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracking, "optional_import", lambda *_, **__: (None, found))
    monkeypatch.setattr(tracking, "TensorBoardStatsHandler", lambda **given: given)
    handler: Any = tensorboard_handler(enabled, Path("logs"), training=True)
    assert (handler is not None) == made
    if made:
        assert handler["output_transform"]({"loss": 0.5}) == 0.5
        assert tensorboard_handler(True, "logs") == {"log_dir": "logs", "iteration_log": False}


def test_mlflow_has_a_database_in_the_output_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tracking, "MLFlowHandler", lambda **given: given)
    handler: Any = mlflow_handler(True, tmp_path, "chest_xray", "pylon")
    assert handler["tracking_uri"] == f"sqlite:///{tmp_path}/mlflow.db"
    assert handler["experiment_name"] == "chest_xray_pylon"
    assert handler["output_transform"]({"loss": 0.5}) == 0.5
    assert mlflow_handler(True, tmp_path, "a", "b", "http://server")["tracking_uri"] == "http://server"  # type: ignore[index]


def test_mlflow_gets_the_metrics_of_the_validation(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen: list[Any] = []
    made = SimpleNamespace(_default_epoch_log=lambda engine: seen.append((engine.state.epoch, engine.state.metrics)))
    monkeypatch.setattr(tracking, "MLFlowHandler", lambda **given: made)
    validator = SimpleNamespace(state=SimpleNamespace(metrics={"val_loss": 0.25}))
    handler: Any = mlflow_handler(True, tmp_path, "chest_xray", "pylon", validator=validator)
    handler.epoch_logger(SimpleNamespace(state=SimpleNamespace(epoch=3, metrics={"train_loss": 0.5})))
    assert seen == [(3, {"train_loss": 0.5, "val_loss": 0.25})]
