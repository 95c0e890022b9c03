"""Bundles as their users run them: within this process, which is faster, or by the command line itself."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from monai.bundle import ConfigWorkflow, ckpt_export

from monai_pylon.workflows.bundle import bundle_folder, root_cause

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

    def parse(self, config: str, **overrides: Any) -> ConfigWorkflow:
        """A workflow that is initialized but does not run."""
        kind = "train" if config == "train" else "infer"
        given = {**self.always, **overrides}
        workflow = ConfigWorkflow(str(self.file(config)), logging_file=False, workflow_type=kind, **given)
        workflow.initialize()
        return workflow

    def run(self, config: str, **overrides: Any) -> ConfigWorkflow:
        """What the command line does, within this process."""
        workflow = self.parse(config, **overrides)
        workflow.run()
        return workflow

    def export_by_trace(
        self, checkpoint: Path, file: Path, shape: list[int], **overrides: Any
    ) -> torch.jit.ScriptModule:
        """What MONAI's ckpt_export makes of a checkpoint for images of a shape (N, C, *spatial), loaded again."""
        ckpt_export(
            net_id="network_def",
            filepath=str(file),
            ckpt_file=str(checkpoint),
            meta_file=str(self.file("metadata")),
            config_file=str(self.file("inference")),
            key_in_ckpt="model",
            use_trace=True,
            input_shape=shape,
            **overrides,
        )
        return torch.jit.load(file)

    def command_line(
        self, config: str, *arguments: str | Path, launch: tuple[str, ...] = (sys.executable,)
    ) -> subprocess.CompletedProcess[str]:
        """The command itself; several configurations are joined by a plus sign."""
        files = [str(self.file(name)) for name in config.split("+")]
        always = [part for key, value in self.always.items() for part in (f"--{key}", str(value))]
        file = files[0] if len(files) == 1 else str(files)
        command = [*launch, "-m", "monai.bundle", "run", "--config_file", file, *always, *map(str, arguments)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        return subprocess.run(command, capture_output=True, text=True, timeout=900, check=False, env=environment)


def two_processes() -> tuple[str, ...]:
    """What launches a command in two processes of this machine."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return (sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2", "--master_port", str(port))


def cause(error: pytest.ExceptionInfo[BaseException]) -> str:
    """What an error of a run is about; see :func:`root_cause`."""
    return root_cause(error.value)
