"""The bundle chest_xray_classification_pylon on a hospital's own labels, from a table to explained radiographs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from monai.bundle import ConfigWorkflow, load
from PIL import Image

from monai_pylon.data import phantom_radiograph
from monai_pylon.networks.checkpoints import read_description
from monai_pylon.taxonomy import CHEST_XRAY14_LABELS
from monai_pylon.utils import read_rows
from tests.data.xray14_files import write_root
from tests.old_versions import needs_monai_1_6
from tests.workflows.bundle_runs import BundleRuns, cause

BUNDLE = BundleRuns("chest_xray_classification_pylon")
FAST = {"encoder": "resnet18", "network_settings": {"decoder_channels": 8}, "image_size": 64}
FAST |= {"num_workers": 0, "progress": False, "batch_size": 4}
TRAIN = {**FAST, "weights": "scratch", "max_epochs": 1, "tensorboard": False}
#: Labels of the table, and the findings of the phantoms that they name.
OWN = {"big heart": "Cardiomegaly", "Fluid/Effusion": "Effusion"}


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hospital's folder: a semicolon table with a byte order mark, patients, uncertain cells, and boxes."""
    folder = tmp_path_factory.mktemp("hospital")
    rows, boxes = ["image;patient;section;big heart;Fluid/Effusion"], ["image;label;x;y;width;height"]
    for seed in range(16):
        findings = [finding for bit, finding in enumerate(OWN.values()) if seed >> bit & 1]
        phantom = phantom_radiograph(seed, size=64, findings=findings)
        Image.fromarray((np.asarray(phantom.image[0]) * 255).astype(np.uint8)).save(folder / f"{seed}.png")
        cells = [str(int(phantom.labels[CHEST_XRAY14_LABELS.index(finding)])) for finding in OWN.values()]
        cells[1] = {5: "-1", 6: ""}.get(seed, cells[1])
        section = "training" if seed < 8 else "validation" if seed < 12 else "test"
        rows.append(";".join([f"{seed}", f"p{seed // 2}", section, *cells]))
        names = {CHEST_XRAY14_LABELS.index(finding): label for label, finding in OWN.items()}
        for x1, y1, x2, y2, label in phantom.boxes.tolist():
            boxes.append(f"{seed};{names[int(label)]};{x1};{y1};{x2 - x1};{y2 - y1}")
    (folder / "labels.csv").write_text("\n".join(rows), encoding="utf-8-sig")
    (folder / "boxes.csv").write_text("\n".join(boxes), encoding="utf-8-sig")
    return folder


def train(folder: Path, dataset_dir: Path, **overrides: Any) -> ConfigWorkflow:
    return BUNDLE.run("train", **{**TRAIN, "bundle_root": str(folder), "dataset_dir": str(dataset_dir), **overrides})


@pytest.fixture(scope="module")
def trained(own: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    torch.manual_seed(0)
    train(folder, own, pos_weight="balanced")
    return folder


def test_training_takes_the_labels_of_the_table(trained: Path) -> None:
    assert read_description(trained / "models" / "model.pt")["network"]["labels"] == list(OWN)
    (row,) = read_rows(trained / "logs" / "history.csv")
    assert {"val_auroc_big heart", "val_points_Fluid/Effusion"} <= set(row)
    assert float(row["val_loss"]) > 0


def test_the_validation_loss_weighs_and_leaves_out_like_the_training_loss(trained: Path, own: Path) -> None:
    """Balanced weights of 8 radiographs: 4 of 8 are present; of the second label, 3 of the 6 certain ones."""
    (row,) = read_rows(trained / "logs" / "history.csv")
    given = {**FAST, "bundle_root": str(trained), "dataset_dir": str(own), "section": "validation"}
    workflow = BUNDLE.run("evaluate", **given, num_resamples=10, output=str(trained / "validation"))
    network, losses = workflow.network_def.eval(), []
    truth = torch.tensor([[seed & 1, seed >> 1 & 1] for seed in range(8)]).float()
    known = torch.ones(8, 2)
    known[5, 1] = known[6, 1] = 0
    weight = (known * (1 - truth)).sum(0) / (known * truth).sum(0)
    for item in workflow.val_dataset:
        with torch.no_grad():
            logits = network(torch.as_tensor(item["image"])[None])[0]
        y, p = item["label"], logits.sigmoid()
        losses.append(-(weight * y * p.log() + (1 - y) * (1 - p).log()).mean())
    assert float(row["val_loss"]) == pytest.approx(float(torch.stack(losses).mean()), rel=1e-4)


def test_evaluation_takes_the_labels_of_the_checkpoint(trained: Path, own: Path, tmp_path: Path) -> None:
    given = {**FAST, "bundle_root": str(trained), "dataset_dir": str(own), "output": str(tmp_path)}
    BUNDLE.run("evaluate", **given, num_resamples=20)
    report = json.loads((tmp_path / "evaluation.json").read_text())
    assert (report["images"], report["patients"]) == (4, 2)
    assert set(report["metrics"]["auroc"]) == {"macro", "weighted", "median", *OWN}
    assert report["metrics"]["point_localization"]["weighted"]["n"] > 0
    assert (tmp_path / "overlays" / "page.png").is_file()


def test_another_hospital_may_order_its_columns_otherwise(trained: Path, own: Path, tmp_path: Path) -> None:
    """The truth follows the names, whatever the order; a label without a column is undefined."""
    other = tmp_path / "other"
    other.mkdir()
    rows = [line.split(";") for line in (own / "labels.csv").read_text(encoding="utf-8-sig").splitlines()]
    rows = [[str(own / f"{row[0]}.png") if row[0] != "image" else row[0], row[2], row[4]] for row in rows]
    (other / "labels.csv").write_text("\n".join(",".join(row) for row in rows))
    given = {**FAST, "bundle_root": str(trained), "output": str(tmp_path / "out"), "num_resamples": 20}
    BUNDLE.run("evaluate", **given, dataset_dir=str(other))
    BUNDLE.run("evaluate", **{**given, "output": str(tmp_path / "same")}, dataset_dir=str(own))
    found, same = (json.loads((tmp_path / name / "evaluation.json").read_text())["metrics"] for name in ("out", "same"))
    assert found["auroc"]["big heart"]["estimate"] is None
    assert found["auroc"]["Fluid/Effusion"]["estimate"] == same["auroc"]["Fluid/Effusion"]["estimate"]
    assert (tmp_path / "out" / "overlays" / "page.png").is_file(), "without boxes, radiographs with the finding"


def test_radiographs_are_explained_with_the_labels_of_the_checkpoint(trained: Path, own: Path, tmp_path: Path) -> None:
    given = {"checkpoint": str(trained / "models" / "model.pt"), "input": str(own / "3.png"), "output": str(tmp_path)}
    size = {key: FAST[key] for key in ("encoder", "network_settings", "image_size", "progress")}
    BUNDLE.run("inference", **given, **size, top=20)
    (row,) = read_rows(tmp_path / "probabilities.csv")
    assert set(row["top"].split("; ")) == set(OWN)
    assert all(0 < float(row[name]) < 1 for name in OWN)
    assert {"3/3_big_heart.nii.gz", "3/3_Fluid_Effusion.nii.gz"} <= set(row["files"].split("; "))
    assert all((tmp_path / name).is_file() for name in row["files"].split("; "))


@needs_monai_1_6
def test_labels_can_be_chosen_on_the_command_line(own: Path, tmp_path: Path) -> None:
    workflow = train(tmp_path, own, labels=["Fluid/Effusion"], accumulation_steps=2, uncertain="ones", max_epochs=1)
    assert workflow.network_def.head.out_channels == 1
    labels = [float(item["label"][0]) for item in workflow.train_dataset.data.data]
    assert labels[5] == 1
    assert np.isnan(labels[6])


def test_a_table_is_a_dataset_too(own: Path, tmp_path: Path) -> None:
    workflow = BUNDLE.parse("train", **{**TRAIN, "bundle_root": str(tmp_path), "dataset_dir": str(own / "labels.csv")})
    assert len(workflow.train_dataset) == 8


def test_findings_of_chest_xray14_can_be_chosen(tmp_path: Path) -> None:
    root = write_root(tmp_path / "cxr14")
    given = {**TRAIN, "bundle_root": str(tmp_path), "dataset_dir": str(root), "labels": ["Mass", "Hernia"]}
    workflow = BUNDLE.parse("train", **given)
    assert workflow.network_def.head.out_channels == 2
    assert workflow.train_dataset.data.data[0]["label"].shape == (2,)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"labels": ["big hearts"]}, "Did you mean 'big heart'"),
        ({"labels": "big heart"}, "labels must be of type list or tuple"),
        ({"labels": ["Mass"], "dataset_dir": "phantom"}, "labels must be the 14 of ChestX-ray14"),
        ({"uncertain": "one"}, "uncertain must be one of 'ignore', 'zeros', 'ones'"),
        ({"pos_weight": [1, 2, 3]}, "pos_weight must be a positive number, or 2 of them"),
        ({"accumulation_steps": 0}, "accumulation_steps must be 1 or more"),
    ],
)
def test_wrong_values_are_errors_that_help(own: Path, tmp_path: Path, overrides: dict, message: str) -> None:
    with pytest.raises((RuntimeError, ValueError)) as error:
        train(tmp_path, **{"dataset_dir": own, **overrides})
    assert message in cause(error)
    assert not (tmp_path / "models").exists()


def test_a_folder_without_a_known_table_names_the_choices(tmp_path: Path) -> None:
    (tmp_path / "export.csv").write_text("image,mass\na,1\n")
    with pytest.raises((RuntimeError, ValueError)) as error:
        train(tmp_path / "run", tmp_path)
    assert "must have labels.csv (your own labels), train.csv and valid.csv (CheXpert)" in cause(error)
    assert "It has export.csv" in cause(error)


@pytest.mark.filterwarnings("ignore:parsing config_file")  # MONAI warns of every bundle
def test_monai_loads_the_network_with_the_number_of_labels(trained: Path, tmp_path: Path) -> None:
    bundle = BUNDLE.copy(tmp_path, trained / "models" / "model.pt")
    settings = {"encoder": "resnet18", "decoder_channels": 8, "num_classes": 2}
    network = load(bundle.name, bundle_dir=tmp_path, device="cpu", net_override=settings)
    state = torch.load(bundle / "models" / "model.pt", weights_only=True)
    assert all(torch.equal(value, state[key]) for key, value in network.state_dict().items())
