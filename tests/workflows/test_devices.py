"""The bundles train, evaluate and explain on a device, which is simulated: see :mod:`tests.references.pretend_device`.

The device "mps" has all rules of "cuda" and refuses float64 too.
"""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from monai_pylon.data import phantom_chest_ct, phantom_radiograph
from monai_pylon.reports.nifti import save_map_nifti
from monai_pylon.utils import read_rows
from tests.old_versions import needs_monai_1_6, needs_torch_2_5
from tests.references.pretend_device import PretendDevice
from tests.workflows import test_chest_ct_classification_axialnet as ct
from tests.workflows import test_chest_xray_classification_pylon as xray
from tests.workflows.bundle_runs import BundleRuns
from tests.workflows.commands.results import content

pytestmark = [
    needs_torch_2_5,
    pytest.mark.filterwarnings("ignore::UserWarning"),  # PyTorch says that this machine has no such device
    pytest.mark.filterwarnings("ignore::RuntimeWarning"),
]

PARTITION = BundleRuns("chest_ct_partition")


def run_all(module: Any, inputs: Path, root: Path, device: torch.device) -> Path:
    """Train, evaluate on both sections, resume, and explain inputs; return the folder of the results."""
    on_device = {"bundle_root": str(root), "device": device, "amp": False}
    module.BUNDLE.run("train", **{**module.FAST, **on_device, "max_epochs": 1})
    trained = module.BUNDLE.run("train", **{**module.FAST, **on_device, "max_epochs": 2})
    assert next(trained.network_def.parameters()).device == device
    assert len(read_rows(root / "logs" / "history.csv")) == 2
    module.BUNDLE.run("evaluate", **{**module.EVALUATE, **on_device})
    how = {**module.SMALL, "input": str(inputs), "output": str(root / "out"), "progress": False, "amp": False}
    how |= {"checkpoint": str(root / "models" / "model.pt"), "device": device}
    explained = module.BUNDLE.run("inference", **how)
    assert (explained.evaluator.summary.done, explained.evaluator.summary.failed) == (1, 0)
    return root / "out"


def test_the_bundle_of_radiographs_runs_on_a_device(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    radiograph = phantom_radiograph(5, size=96, findings=["Mass"]).image[0]
    Image.fromarray((radiograph * 255).astype(np.uint8)).save(tmp_path / "in" / "a.png")
    with PretendDevice("mps") as device:
        output = run_all(xray, tmp_path / "in", tmp_path / "run", device)
    assert list(output.rglob("*_overlay.png"))
    assert list(output.rglob("*.nii.gz"))


@pytest.mark.slow
def test_the_bundle_of_chest_cts_runs_on_a_device(tmp_path: Path) -> None:
    made = ct.phantom(5, mass="right")
    (tmp_path / "in").mkdir()
    save_map_nifti(tmp_path / "in" / "a.nii.gz", made.image, made.affine)
    with PretendDevice("mps") as device:
        output = run_all(ct, tmp_path / "in", tmp_path / "run", device)
    assert list(output.rglob("*.nii.gz"))


def test_the_bundle_of_organ_masks_runs_on_a_device(tmp_path: Path) -> None:
    """Masks, picture and table are those of the CPU."""
    made = phantom_chest_ct(3, shape=(48, 40, 40), spacing=(8.0, 8.0, 8.0))
    (tmp_path / "in").mkdir()
    save_map_nifti(tmp_path / "in" / "a.nii.gz", made.image, made.affine)
    how = {"input": str(tmp_path / "in"), "progress": False}
    PARTITION.run("inference", **how, output=str(tmp_path / "cpu"))
    with PretendDevice("mps") as device:
        summary = PARTITION.run("inference", **how, output=str(tmp_path / "out"), device=device).evaluator.summary
    assert (summary.done, summary.failed) == (1, 0), read_rows(tmp_path / "out" / "quality.csv")
    (files, rows), (files_of_cpu, rows_of_cpu) = content(tmp_path / "out"), content(tmp_path / "cpu")
    assert files == files_of_cpu
    assert [row["error"] for row in rows] == [""]
    assert [row["right_lung_ml"] for row in rows] == [row["right_lung_ml"] for row in rows_of_cpu]


class Autocast(torch.autocast):
    """Mixed precision of the simulated device: that of the CPU, where its tensors really are."""

    def __init__(self, device_type: str, dtype: torch.dtype | None = None, enabled: bool = True, **_: Any) -> None:
        super().__init__("cpu", dtype=dtype or torch.bfloat16, enabled=enabled)


@pytest.fixture
def mixed_precision(monkeypatch: pytest.MonkeyPatch) -> list[torch.dtype]:
    """Let the simulated device have mixed precision and scale its gradients; return the types of all feature maps."""
    seen: list[torch.dtype] = []
    convolve = torch.nn.Conv2d._conv_forward

    def recorded(self: torch.nn.Conv2d, *arguments: Any) -> torch.Tensor:
        result = convolve(self, *arguments)
        seen.append(result.dtype)
        return result

    monkeypatch.setattr(torch.nn.Conv2d, "_conv_forward", recorded)
    monkeypatch.setattr(torch, "autocast", Autocast)
    monkeypatch.setattr(torch.cuda.amp, "GradScaler", lambda: torch.amp.GradScaler("cpu"))
    return seen


def run_mixed(module: Any, inputs: Path, root: Path, device: torch.device, seen: list[torch.dtype]) -> None:
    """Train with accumulated gradients, evaluate and explain in mixed precision."""
    on_device = {"bundle_root": str(root), "device": device, "amp": True}
    settings = {**module.FAST, **on_device, "max_epochs": 1, "accumulation_steps": 2}
    trained = module.BUNDLE.run("train", **settings)
    assert trained.trainer.scaler.get_scale() > 1, "the gradients were scaled, and finite"
    for config in ("evaluate", "inference"):
        assert torch.bfloat16 in seen
        seen.clear()
        if config == "evaluate":
            module.BUNDLE.run(config, **{**module.EVALUATE, **on_device})
    how = {**module.SMALL, "input": str(inputs), "output": str(root / "out"), "progress": False, "amp": True}
    how |= {"checkpoint": str(root / "models" / "model.pt"), "device": device}
    summary = module.BUNDLE.run("inference", **how).evaluator.summary
    assert (summary.done, summary.failed) == (1, 0)
    assert torch.bfloat16 in seen


@needs_monai_1_6
@pytest.mark.slow
@pytest.mark.parametrize("kind", ["xray", "ct"])
def test_mixed_precision_on_a_device(kind: str, mixed_precision: list[torch.dtype], tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    if kind == "xray":
        radiograph = phantom_radiograph(5, size=96, findings=["Mass"]).image[0]
        Image.fromarray((radiograph * 255).astype(np.uint8)).save(tmp_path / "in" / "a.png")
    else:
        made = ct.phantom(5, mass="right")
        save_map_nifti(tmp_path / "in" / "a.nii.gz", made.image, made.affine)
    with PretendDevice("mps") as device:
        run_mixed(xray if kind == "xray" else ct, tmp_path / "in", tmp_path / "run", device, mixed_precision)


@pytest.mark.slow
@pytest.mark.parametrize("module", [xray, ct], ids=["xray", "ct"])
def test_distributed_training_on_a_device(module: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One process in a group of its own: DistributedDataParallel's hooks see the tensors of the device."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    group = {"RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    for name, value in group.items():
        monkeypatch.setenv(name, value)
    with PretendDevice("mps") as device:
        settings = {**module.FAST, "bundle_root": str(tmp_path), "device": device, "amp": False, "max_epochs": 1}
        workflow = module.BUNDLE.run("train+multi_gpu_train", **{**settings, "batch_size": 2})
        workflow.finalize()
        assert isinstance(workflow.trainer.network, torch.nn.parallel.DistributedDataParallel)
        assert next(workflow.network_def.parameters()).device == device
    assert len(read_rows(tmp_path / "logs" / "history.csv")) == 1
