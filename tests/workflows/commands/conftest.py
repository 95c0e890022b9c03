"""Inputs of the commands: a phantom scan, a phantom radiograph, and checkpoints of small networks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from monai_pylon.data import phantom_chest_ct, phantom_radiograph
from monai_pylon.reports.nifti import save_volume_nifti
from tests.workflows.commands.checkpoints import save_small


@pytest.fixture(scope="session")
def scan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = phantom_chest_ct(3, shape=(60, 54, 54), spacing=(6, 6, 6))
    file = tmp_path_factory.mktemp("scans") / "a.nii.gz"
    save_volume_nifti(file, made.image, made.affine)
    return file


@pytest.fixture(scope="session")
def radiograph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pixels = np.asarray(phantom_radiograph(1, size=96).image).squeeze()
    file = tmp_path_factory.mktemp("images") / "b.png"
    Image.fromarray((255 * pixels).round().astype(np.uint8)).save(file)
    return file


@pytest.fixture(scope="session")
def xray_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_small(tmp_path_factory.mktemp("xray"), "chest_xray_classification_pylon")


@pytest.fixture(scope="session")
def ct_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_small(tmp_path_factory.mktemp("ct"), "chest_ct_classification_axialnet")
