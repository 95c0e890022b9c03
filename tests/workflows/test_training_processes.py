"""Training in two processes, killed, with a full disk, or with NaN: the same losses, and no good state is lost."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from monai.data import DistributedSampler

from monai_pylon.networks.checkpoints import read_checkpoint
from monai_pylon.utils import read_rows
from tests.old_versions import needs_monai_1_6
from tests.workflows.bundle_runs import BundleRuns, two_processes

pytestmark = pytest.mark.slow

XRAY, CT = "chest_xray_classification_pylon", "chest_ct_classification_axialnet"
SMALL: dict[str, dict[str, Any]] = {
    XRAY: {"encoder": "resnet18", "network_settings": {"decoder_channels": 8}, "image_size": 64, "phantoms": 16},
    CT: {
        "image_size": [64, 64, 12],
        "spacing": [5.6, 5.6, 27.0],
        "network_settings": {"reduction_padding": 1},
        "phantoms": 4,
        "downsampling": "area",
        "weights": "scratch",
    },
}
#: Items of the whole batch, those of two processes together.
BATCH = {XRAY: 8, CT: 2}
ALWAYS = {"num_workers": 0, "progress": False, "tensorboard": False}


class InTurn(DistributedSampler):
    """Order of one process that takes the batches of two processes in turn, as gradient accumulation needs."""

    def __init__(self, dataset: Any, batch_size: int) -> None:
        super().__init__(dataset, num_replicas=1, rank=0, shuffle=True)
        self.batch_size = batch_size

    def __iter__(self) -> Iterator[int]:
        order = list(super().__iter__())
        parts = order[0::2], order[1::2]
        for start in range(0, len(parts[0]), self.batch_size):
            for part in parts:
                yield from part[start : start + self.batch_size]


def losses(folder: Path) -> list[tuple[float, float]]:
    rows = read_rows(folder / "logs" / "history.csv")
    return [(float(row["train_loss"]), float(row["val_loss"])) for row in rows]


def arguments(folder: Path, **given: Any) -> list[str]:
    settings = {**ALWAYS, "bundle_root": folder, **given}
    return [part for key, value in settings.items() for part in (f"--{key}", str(value))]


@needs_monai_1_6
@pytest.mark.parametrize("name", [XRAY, CT])
def test_two_processes_have_the_losses_of_one_with_the_same_batch(name: str, tmp_path: Path) -> None:
    """One process accumulates the gradients of two half batches: batch norm sees a half batch at a time in both."""
    bundle, half = BundleRuns(name, **SMALL[name]), BATCH[name] // 2
    two = ["--batch_size", f"$monai_pylon.workflows.bundle.share_of_batch({BATCH[name]})", "--max_epochs", "2"]
    run = bundle.command_line("train+multi_gpu_train", *arguments(tmp_path / "two"), *two, launch=two_processes())
    assert run.returncode == 0, run.stderr[-3000:]
    sampler = {"_target_": "tests.workflows.test_training_processes.InTurn", "dataset": "@train#dataset"}
    one = ["--batch_size", str(half), "--accumulation_steps", "2", "--max_epochs", "2"]
    sampled = ["--train#sampler", str({**sampler, "batch_size": half})]
    run = bundle.command_line("train", *arguments(tmp_path / "one"), *one, *sampled)
    assert run.returncode == 0, run.stderr[-3000:]
    found, expected = losses(tmp_path / "two"), losses(tmp_path / "one")
    assert len(expected) == 2
    assert expected[0][0] != expected[1][0]
    for (train_two, _), (train_one, _) in zip(found, expected, strict=True):
        assert train_two == pytest.approx(train_one, rel=2e-3)
    weights = [read_checkpoint(tmp_path / folder / "models" / "last.pt")["model"] for folder in ("one", "two")]
    for key, value in weights[0].items():
        if not key.endswith(("running_mean", "running_var", "num_batches_tracked")):
            torch.testing.assert_close(weights[1][key], value, rtol=1e-3, atol=1e-4, msg=key)


def command(name: str, folder: Path, **given: Any) -> list[str]:
    bundle = BundleRuns(name)
    settings = {**SMALL[name], "batch_size": BATCH[name], **given}
    file = str(bundle.file("train"))
    return [sys.executable, "-m", "monai.bundle", "run", "--config_file", file, *arguments(folder, **settings)]


def run(parts: Sequence[str], **more: Any) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(parts, capture_output=True, text=True, timeout=900, check=False, env=environment, **more)


@pytest.mark.parametrize("name", [XRAY, CT])
@pytest.mark.parametrize("mode", [{}, {"amp": True, "accumulation_steps": 2}], ids=["plain", "amp"])
def test_a_training_killed_at_any_moment_resumes_exactly(name: str, mode: dict[str, Any], tmp_path: Path) -> None:
    whole = run(command(name, tmp_path / "whole", max_epochs=3, **mode))
    assert whole.returncode == 0, whole.stderr[-3000:]
    parts = command(name, tmp_path / "killed", max_epochs=3, **mode)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(parts, env=environment, **quiet)  # type: ignore[call-overload]
    last, deadline = tmp_path / "killed" / "models" / "last.pt", time.monotonic() + 600
    while not last.is_file() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.3)  # within the second epoch
    process.kill()
    process.wait()
    resumed = run(parts)
    assert resumed.returncode == 0, resumed.stderr[-3000:]
    history = [(tmp_path / folder / "logs" / "history.csv") for folder in ("whole", "killed")]
    assert _without_times(history[1]) == _without_times(history[0])
    assert len(read_rows(history[1])) == 3


def _without_times(file: Path) -> list[dict[str, str]]:
    return [{name: value for name, value in row.items() if "second" not in name} for row in read_rows(file)]


def test_a_full_disk_and_nan_keep_the_last_good_state(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    first = run(command(XRAY, folder, max_epochs=1))
    assert first.returncode == 0, first.stderr[-3000:]
    models = {file.name: file.read_bytes() for file in (folder / "models").glob("*.*") if file.suffix != ".lock"}
    size = max(len(content) for content in models.values())
    limited = ["bash", "-c", f'ulimit -f {size // 2048}; trap "" XFSZ; exec "$@"', "bash"]
    full = run([*limited, *command(XRAY, folder, max_epochs=2)])
    assert full.returncode != 0
    assert "Traceback" in full.stderr or "cause" in full.stderr
    assert {name: (folder / "models" / name).read_bytes() for name in models} == models, "the state of epoch 1"
    wild = run(command(XRAY, folder, max_epochs=2, learning_rate=1e30, resume=False))
    if wild.returncode == 0:
        pytest.fail("a learning rate of 1e30 gives no number")
    assert read_checkpoint(folder / "models" / "last.pt")["epoch"] == 1
    again = run(command(XRAY, folder, max_epochs=2))
    assert again.returncode == 0, again.stderr[-3000:]
    assert read_checkpoint(folder / "models" / "last.pt")["epoch"] == 2
