"""Trainings recorded by TensorBoard and MLflow: what they hold is what the history holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from monai.utils import optional_import

from monai_pylon.utils import read_rows
from tests.workflows.bundle_runs import BundleRuns
from tests.workflows.test_training_processes import BATCH, CT, SMALL, XRAY, arguments

pytestmark = pytest.mark.slow
EPOCHS = 2


def settings(name: str, folder: Path, **more: Any) -> dict[str, Any]:
    given = {**SMALL[name], "batch_size": BATCH[name], "max_epochs": EPOCHS, "bundle_root": str(folder)}
    return {**given, "num_workers": 0, "progress": False, **more}


def column(folder: Path, name: str) -> list[float]:
    return [float(row[name]) for row in read_rows(folder / "logs" / "history.csv")]


@pytest.mark.parametrize("name", [XRAY, CT])
def test_tensorboard_has_the_losses(name: str, tmp_path: Path) -> None:
    reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    trained = BundleRuns(name).run("train", **settings(name, tmp_path, tensorboard=True))
    events = reader.EventAccumulator(str(tmp_path / "logs")).Reload()
    assert [event.value for event in events.Scalars("val_loss")] == pytest.approx(column(tmp_path, "val_loss"))
    losses = events.Scalars("train_loss_iteration")
    assert [event.step for event in losses] == list(range(1, trained.trainer.state.iteration + 1))


@pytest.mark.parametrize("name", [XRAY, CT])
@pytest.mark.parametrize("how", ["own", "monai"])
@pytest.mark.filterwarnings("ignore")  # those of MLflow and its database
def test_mlflow_has_the_losses(name: str, how: str, tmp_path: Path) -> None:
    """By the key `mlflow` of the bundles, and by MONAI's option `--tracking mlflow`."""
    mlflow, found = optional_import("mlflow")
    if not found:
        pytest.skip("needs mlflow")
    bundle, uri = BundleRuns(name), f"sqlite:///{tmp_path}/runs.db"
    if how == "own":
        bundle.run("train", **settings(name, tmp_path, tensorboard=False, mlflow=True, mlflow_uri=uri))
    else:
        given = {**SMALL[name], "batch_size": BATCH[name], "max_epochs": EPOCHS, "tracking_uri": uri}
        bundle.succeeds("train", *arguments(tmp_path, **given), "--tracking", "mlflow")
    client = mlflow.tracking.MlflowClient(tracking_uri=uri)
    runs = client.search_runs([experiment.experiment_id for experiment in client.search_experiments()])
    values = [client.get_metric_history(run.info.run_id, "val_loss") for run in runs]
    found_values = [metric.value for metric in max(values, key=len)]
    assert found_values == pytest.approx(column(tmp_path, "val_loss"))
