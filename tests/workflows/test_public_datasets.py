"""Both classification bundles evaluated on folders in the layouts of public datasets, by one key: dataset_dir."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import torch

from monai_pylon.data import phantom_chest_ct
from monai_pylon.data.datasets.labels import public_labels
from monai_pylon.networks.checkpoints import save_checkpoint
from tests.data.datasets import files
from tests.workflows.bundle_runs import BundleRuns

XRAY, CT = BundleRuns("chest_xray_classification_pylon"), BundleRuns("chest_ct_classification_axialnet")
SMALL_XRAY = {"encoder": "resnet18", "network_settings": {"decoder_channels": 8}, "image_size": 64}
SMALL_CT = {"image_size": [64, 64, 12], "spacing": [5.6, 5.6, 27.0], "network_settings": {"reduction_padding": 1}}
RUN = {"num_workers": 0, "progress": False, "num_resamples": 5}


def checkpoint(runs: BundleRuns, folder: Path, settings: dict[str, Any]) -> Path:
    """Write a checkpoint of an untrained network, with its description."""
    torch.manual_seed(0)
    given = {"num_workers": 0, "progress": False, "tensorboard": False, "weights": "scratch", "phantoms": 4}
    workflow = runs.parse("train", **settings, **given, bundle_root=str(folder), max_epochs=1)
    facts = {key: workflow.parser.get_parsed_content(f"network_{key}") for key in ("spec", "inputs")}
    description = {"network": facts["spec"], "inputs": facts["inputs"]}
    network = workflow.parser.get_parsed_content("network_def")
    save_checkpoint(folder / "models/model.pt", network.state_dict(), description)
    return folder


@pytest.fixture(scope="module")
def xray(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoint(XRAY, tmp_path_factory.mktemp("xray"), SMALL_XRAY)


@pytest.fixture(scope="module")
def ct(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoint(CT, tmp_path_factory.mktemp("ct"), SMALL_CT)


def evaluate(runs: BundleRuns, folder: Path, data: Path, output: Path, **given: Any) -> dict[str, Any]:
    settings = SMALL_XRAY if runs is XRAY else SMALL_CT
    arguments = {**settings, **RUN, "bundle_root": str(folder), "dataset_dir": str(data), "output": str(output)}
    runs.run("evaluate", **arguments, **given)
    return json.loads((output / "evaluation.json").read_text())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("write", "label", "instances", "images"),
    [
        (files.write_vindr, "Effusion", 2, 3),
        (files.write_ms_cxr, "Pneumothorax", 2, 2),
        (files.write_chexlocalize, "Cardiomegaly", 2, 2),
    ],
)
def test_radiographs_with_boxes(
    xray: Path, tmp_path: Path, write: Callable[[Path], Path], label: str, instances: int, images: int
) -> None:
    found = evaluate(XRAY, xray, write(tmp_path / "data"), tmp_path / "out", examples=1)
    assert found["images"] == images
    for metric in ("point_localization", "box_localization_0.25"):
        assert found["metrics"][metric][label]["n"] == instances
        assert 0 <= found["metrics"][metric][label]["estimate"] <= 1
    with_masks = write is files.write_chexlocalize
    assert ("peak_in_mask" in found["metrics"]) == with_masks
    if with_masks:
        assert found["metrics"]["peak_in_mask"][label]["n"] == instances
        share = found["metrics"]["peak_in_mask, random_point"][label]["estimate"]
        assert share == pytest.approx((200 + 66) / (64 * 48), abs=0.02)  # a rectangle and a triangle


@pytest.mark.slow
def test_an_evaluation_goes_on_after_an_unreadable_radiograph(
    xray: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = files.write_chexlocalize(tmp_path / "data")
    for k, share in ((1, 0.05), (2, 0.8)):  # a broken header, and broken pixels
        broken = data / f"CheXpert/val/patient6454{k}/study1/view1_frontal.jpg"
        broken.write_bytes(broken.read_bytes()[: round(broken.stat().st_size * share)])
    found = evaluate(XRAY, xray, data, tmp_path / "out", section="validation", batch_size=3)
    assert (found["images"], found["left_out"]) == (1, 2)
    for k in (1, 2):
        assert f"patient6454{k}_study1_view1_frontal is left out" in caplog.text
    assert found["metrics"]["peak_in_mask"]["Cardiomegaly"]["n"] == 1


@pytest.mark.slow
def test_a_network_learns_the_labels_of_a_dataset(tmp_path: Path) -> None:
    """Training takes all 28 labels of VinDr-CXR, and the checkpoint says so."""
    data = files.write_vindr(tmp_path / "data")
    given = {**SMALL_XRAY, "num_workers": 0, "progress": False, "tensorboard": False, "weights": "scratch"}
    XRAY.run("train", **given, bundle_root=str(tmp_path / "run"), dataset_dir=str(data), max_epochs=1, batch_size=4)
    description = json.loads((tmp_path / "run/models/model.json").read_text())
    assert tuple(description["network"]["labels"]) == public_labels("VinDr-CXR")


def _phantom(seed: int) -> np.ndarray:
    made = phantom_chest_ct(seed, shape=(64, 57, 16), spacing=(5.6, 5.6, 20))
    return np.asarray(made.image).round().astype(np.int16)


@pytest.mark.slow
def test_scans_with_nodules(ct: Path, tmp_path: Path) -> None:
    data = files.write_luna(tmp_path / "data", _phantom, spacing=5.6)
    (data / "annotations.csv").write_text(files.LUNA + "1.3.6.9,100,150,-120,30\n1.3.6.8,100,150,-120,30\n")
    found = evaluate(CT, ct, data, tmp_path / "out", section="test")
    assert found["scans"] == 1
    assert found["metrics"]["peak_in_nodule"]["lung nodule"]["n"] == 1
    assert 0 < found["metrics"]["peak_in_nodule, random_point"]["lung nodule"]["estimate"] < 1
    assert found["nodules_outside_of_the_map"] == 0


@pytest.mark.slow
def test_scans_with_labels_only(ct: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """One of four volumes was rescaled twice: it is left out with the reason, and the evaluation goes on."""
    data = files.write_ct_rate(tmp_path / "data", _phantom, (5.6, 20.0), patients=(2, 2))
    path = data / "valid_fixed/valid_2/valid_2_a/valid_2_a_2.nii.gz"
    image = nibabel.load(path)
    nibabel.save(nibabel.Nifti1Image(np.asarray(image.dataobj) - np.int16(1024), image.affine), path)
    found = evaluate(CT, ct, data, tmp_path / "out")
    assert (found["scans"], found["left_out"]) == (3, 1)
    assert "valid_2_a_2 is left out" in caplog.text
    assert "rescaled twice" in caplog.text
    assert found["metrics"]["auroc"]["lung nodule"]["n"] == 2
    assert found["metrics"]["auroc"]["lung mass"]["n"] == 0
