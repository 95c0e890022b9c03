"""The bundles train, evaluate and explain on a device, which is simulated: see :mod:`tests.references.pretend_device`.

The device "mps" has all rules of "cuda" and refuses float64 too.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from monai_pylon.data import phantom_radiograph
from monai_pylon.reports.nifti import save_map_nifti
from monai_pylon.utils import read_rows
from tests.references.pretend_device import PretendDevice
from tests.workflows import test_chest_ct_classification_axialnet as ct
from tests.workflows import test_chest_xray_classification_pylon as xray

pytestmark = [
    pytest.mark.filterwarnings("ignore::UserWarning"),  # PyTorch says that this machine has no such device
    pytest.mark.filterwarnings("ignore::RuntimeWarning"),
]


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
