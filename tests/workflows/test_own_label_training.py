"""A label of your own, from CSV files of the labeler's rules up to a trained network, in both bundles."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import nibabel
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from monai_pylon import labeler as package
from monai_pylon.data import phantom_chest_ct, phantom_radiograph
from monai_pylon.networks.checkpoints import read_description
from monai_pylon.utils import read_rows
from monai_pylon.workflows.commands.labels import labels
from tests.workflows.bundle_runs import BundleRuns

PARTITION = BundleRuns("chest_ct_partition", progress=False)
CT = BundleRuns("chest_ct_classification_axialnet", progress=False)
XRAY = BundleRuns("chest_xray_classification_pylon", progress=False)
SIZE = {"image_size": [72, 72, 36], "spacing": [5.0, 5.0, 9.0]}
TINY = SIZE | {"network_settings": {"reduction_channels": [16], "reduction_padding": 1}}
OWN = "pulmonary embolism"
TEXTS = ("Segmental pulmonary embolism. Small left effusion.", "No pulmonary embolism. The heart is enlarged.")


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("own") / "rules"
    shutil.copytree(Path(package.__file__).parent / "rules", folder)
    with (folder / "labels.csv").open("a", encoding="utf-8") as file:
        file.write(f"{OWN},great vessel\n")
    return folder


def write_reports(file: Path, count: int) -> Path:
    with file.open("w", encoding="utf-8", newline="") as table:
        writer = csv.writer(table)
        writer.writerow(("id", "report", "patient", "section"))
        sections = ("training", "training", "validation", "test")
        for number in range(count):
            writer.writerow((f"p{number}", f"FINDINGS: {TEXTS[number % 2]}", f"p{number}", sections[number // 2 % 4]))
    return file


@pytest.mark.slow
def test_ct_training_on_a_label_of_the_rules(rules: Path, tmp_path: Path) -> None:
    scans, output, run = (tmp_path / name for name in ("scans", "results", "run"))
    scans.mkdir()
    for seed in range(8):
        phantom = phantom_chest_ct(seed, (60, 54, 54), (6.0, 6.0, 6.0))
        image = nibabel.Nifti1Image(np.rint(phantom.image).astype(np.int16), phantom.affine)
        nibabel.save(image, scans / f"p{seed}.nii.gz")
    reports = write_reports(tmp_path / "reports.csv", 8)
    given = {"input": str(scans), "reports": str(reports), "rules": str(rules), "output": str(output)}
    PARTITION.run("reports", **given, training={**TINY, "labels": [OWN, "pleural effusion"]}, overlay=False)
    table = read_rows(output / "labels.csv")
    assert [row[f"{OWN}*mediastinum"] for row in table] == ["1", "0"] * 4
    CT.run(
        "train",
        **TINY,
        dataset_dir=str(output),
        bundle_root=str(run),
        labels=[OWN, "pleural effusion"],
        weights="scratch",
        max_epochs=1,
        num_workers=0,
        tensorboard=False,
    )
    assert read_description(run / "models" / "model.pt")["network"]["labels"] == [OWN, "pleural effusion"]
    (epoch,) = read_rows(run / "logs" / "history.csv")
    assert np.isfinite(float(epoch["val_loss"]))


@pytest.mark.slow
def test_radiograph_training_on_a_label_of_the_rules(rules: Path, tmp_path: Path) -> None:
    images, run = tmp_path / "images", tmp_path / "run"
    images.mkdir()
    for seed in range(16):
        pixels = np.asarray(phantom_radiograph(seed, size=64).image[0])
        Image.fromarray((pixels * 255).astype(np.uint8)).save(images / f"p{seed}.png")
    reports = write_reports(tmp_path / "reports.csv", 16)
    words = [str(reports), "--output", str(images / "labels.csv"), "--rules", str(rules), "--no-progress"]
    done = CliRunner().invoke(labels, [*words, "--states", "rules", "--name-column", "image"], standalone_mode=False)
    assert done.return_value == 0, done.output
    table = read_rows(images / "labels.csv")
    assert [row[OWN] for row in table] == ["1", "0"] * 8
    XRAY.run(
        "train",
        dataset_dir=str(images),
        bundle_root=str(run),
        encoder="resnet18",
        network_settings={"decoder_channels": 8},
        image_size=64,
        batch_size=4,
        num_workers=0,
        weights="scratch",
        max_epochs=1,
        tensorboard=False,
    )
    assert OWN in read_description(run / "models" / "model.pt")["network"]["labels"]
    (epoch,) = read_rows(run / "logs" / "history.csv")
    assert np.isfinite(float(epoch["val_loss"]))
