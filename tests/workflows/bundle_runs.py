"""Runs of bundles: within this process, which is faster, or by the command line itself."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from monai.bundle import ckpt_export

from monai_pylon.workflows.bundle import CheckedWorkflow
from monai_pylon.workflows.bundle.errors import root_cause
from monai_pylon.workflows.bundle.folders import bundle_folder

__all__ = ["BundleRuns", "cause", "two_processes"]


class BundleRuns:
    """Runs of one bundle.

    Args:
        name: the bundle's.
        always: what is overridden in each run.
    """

    def __init__(self, name: str, **always: Any) -> None:
        self.configs, self.always = bundle_folder(name) / "configs", always

    def file(self, config: str) -> Path:
        return self.configs / f"{config}.json"

    def files(self, config: str) -> list[str]:
        """Return the files of one or several configurations (joined by "+"); "evaluate" is an overlay of "train"."""
        names = config.split("+")
        names = ["train", *names] if names[0] == "evaluate" else names
        return [str(self.file(name)) for name in names]

    def workflow(self, config: str, **overrides: Any) -> CheckedWorkflow:
        """Return a workflow that is not initialized."""
        files, given = self.files(config), {**self.always, **overrides}
        kind = "train" if Path(files[0]).stem == "train" else "infer"
        return CheckedWorkflow(files, logging_file=False, workflow_type=kind, **given)

    def parse(self, config: str, **overrides: Any) -> CheckedWorkflow:
        """Return a workflow that is initialized but does not run."""
        workflow = self.workflow(config, **overrides)
        workflow.initialize()
        return workflow

    def run(self, config: str, **overrides: Any) -> CheckedWorkflow:
        """Run a configuration within this process, as the command line does."""
        workflow = self.parse(config, **overrides)
        workflow.run()
        return workflow

    def copy(self, folder: Path, checkpoint: Path) -> Path:
        """Copy the bundle into a folder, with a checkpoint, as if it were downloaded."""
        bundle = folder / self.configs.parent.name
        shutil.copytree(self.configs, bundle / "configs", ignore=shutil.ignore_patterns("logging.conf"))
        (bundle / "models").mkdir()
        shutil.copyfile(checkpoint, bundle / "models" / "model.pt")
        return bundle

    def export_by_trace(
        self, checkpoint: Path, file: Path, shape: list[int], **overrides: Any
    ) -> torch.jit.ScriptModule:
        """Export a checkpoint by MONAI's ckpt_export for images of a shape (N, C, *spatial), and load the result."""
        ckpt_export(
            net_id="network_def",
            filepath=str(file),
            ckpt_file=str(checkpoint),
            meta_file=str(self.file("metadata")),
            config_file=str(self.file("inference")),
            use_trace=True,
            input_shape=shape,
            **overrides,
        )
        return torch.jit.load(file)

    def command_line(
        self, config: str, *arguments: str | Path, launch: tuple[str, ...] = (sys.executable,)
    ) -> subprocess.CompletedProcess[str]:
        """Run the command itself; several configurations are joined by a plus sign."""
        files = self.files(config)
        always = [part for key, value in self.always.items() for part in (f"--{key}", str(value))]
        file = files[0] if len(files) == 1 else str(files)
        command = [*launch, "-m", "monai.bundle", "run", "--config_file", file, *always, *map(str, arguments)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        return subprocess.run(command, capture_output=True, text=True, timeout=900, check=False, env=environment)

    def succeeds(self, config: str, *arguments: str | Path, launch: tuple[str, ...] = (sys.executable,)) -> None:
        """Run the command, and fail with its last messages if it fails."""
        result = self.command_line(config, *arguments, launch=launch)
        assert result.returncode == 0, result.stderr[-2000:]


def two_processes() -> tuple[str, ...]:
    """Return the command that starts two processes on this machine."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return (sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2", "--master_port", str(port))


def cause(error: pytest.ExceptionInfo[BaseException]) -> str:
    """Return the cause of a run's error; see :func:`root_cause`."""
    return root_cause(error.value)
