"""The bundle chest_ct_classification_axialnet in use: train, resume, evaluate, explain scans, fail clearly.

The network is small and the scans are phantoms of 64 x 64 x 12 voxels, so each run takes seconds on a CPU.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import torch
from monai.bundle import ConfigWorkflow, load
from monai.bundle.scripts import verify_net_in_out
from monai.data import MetaTensor
from PIL import Image

from monai_pylon.data import phantom_chest_ct, read_volume
from monai_pylon.networks import Explained
from monai_pylon.networks.checkpoints import read_checkpoint, read_description
from monai_pylon.networks.nets import AxialNet
from monai_pylon.reports.nifti import save_label_nifti, save_map_nifti
from monai_pylon.taxonomy import CHEST_CT_LABELS
from monai_pylon.transforms import allowed_regions
from monai_pylon.utils import read_rows
from monai_pylon.workflows.bundle import make_network
from monai_pylon.workflows.bundle.networks import network_table
from tests.old_versions import needs_monai_1_6
from tests.workflows.bundle_runs import BundleRuns, cause, two_processes

NAME = "chest_ct_classification_axialnet"
SMALL = {
    "image_size": [64, 64, 12],
    "spacing": [5.6, 5.6, 27.0],
    "network_settings": {"reduction_padding": 1},
}
FAST = {**SMALL, "phantoms": 4, "num_workers": 0, "progress": False, "tensorboard": False, "downsampling": "area"}
EVALUATE = {key: value for key, value in FAST.items() if key != "tensorboard"} | {"num_resamples": 20}
BUNDLE = BundleRuns(NAME)
NETWORK_SPEC = {"name": "axialnet", "encoder": "resnet18", "image_size": [64, 64, 12], "reduction_padding": 1}


def train(folder: Path, **overrides: Any) -> ConfigWorkflow:
    return BUNDLE.run("train", **{**FAST, "bundle_root": str(folder), "max_epochs": 1, **overrides})


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    torch.manual_seed(0)
    train(folder)
    return folder


def phantom(seed: int, **how: Any) -> Any:
    return phantom_chest_ct(seed, shape=(64, 57, 16), spacing=(5.6, 5.6, 20), **how)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Write scans with labels by organ: mixed spacings, one with masks, one truncated."""
    rows = ["scan,section,lung mass*right lung,lung mass*left lung,pneumonia*left lung"]
    for k, (section, spacing) in enumerate(
        [
            ("training", (5.6, 5.6, 20)),
            ("training", (8, 8, 15)),
            ("training", (5.6, 5.6, 20)),
            ("validation", (6, 6, 18)),
        ]
    ):
        shape = [round(mm / step) for mm, step in zip((360, 320, 320), spacing, strict=True)]
        made = phantom_chest_ct(k, shape=shape, spacing=spacing, mass="right" if k % 2 else None)
        save_map_nifti(tmp_path / f"s{k}.nii.gz", made.image, made.affine)
        save_label_nifti(tmp_path / f"s{k}_organs.nii.gz", made.organs, made.affine)
        rows.append(f"s{k},{section},{k % 2},0,0")
    whole = (tmp_path / "s2.nii.gz").read_bytes()
    (tmp_path / "s2.nii.gz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "labels.csv").write_text("\n".join(rows) + "\n")
    return tmp_path


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    """A NIfTI file, RAD-ChestCT's kind of file, and one that is broken."""
    place = tmp_path / "scans"
    (place / "ward").mkdir(parents=True)
    made = phantom(5, mass="right")
    save_map_nifti(place / "a.nii.gz", made.image, made.affine)
    # made is left, posterior, superior; RAD-ChestCT has slices from the head, rows, columns
    np.savez_compressed(place / "ward" / "trn00001.npz", ct=made.image.transpose(2, 1, 0)[::-1].astype(np.int16))
    np.savez_compressed(place / "broken.npz", volume=np.zeros((4, 4, 4)))
    return place


# --- training


def test_training_leaves_checkpoints_a_history_and_regions(trained: Path) -> None:
    assert {file.name for file in (trained / "models").iterdir()} == {"model.pt", "model.json", "last.pt"}
    best = read_description(trained / "models" / "model.pt")
    assert best["network"] == NETWORK_SPEC
    assert best["inputs"] == {"spacing": SMALL["spacing"], "hu_range": [-1000, 800]}
    assert best["metric"] == "val_loss"
    (row,) = read_rows(trained / "logs" / "history.csv")
    assert float(row["val_loss"]) == pytest.approx(best["best_value"], rel=1e-6)
    assert float(row["train_loss"]) > 0
    assert len(list((trained / "cache").iterdir())) == 8, "four that train, four that validate"


def test_the_loss_is_that_of_labels_and_regions(trained: Path) -> None:
    """An independent loop over the validation scans, with the formula written out."""
    workflow = BUNDLE.parse("train", **FAST, bundle_root=str(trained))
    network = make_network(NETWORK_SPEC, bundle=NAME, num_classes=80).eval()
    network.load_state_dict(read_checkpoint(trained / "models" / "model.pt"))
    losses = []
    for item in workflow.parser.get_parsed_content("validate#dataset"):
        with torch.no_grad():
            logits, attention, _ = network.explain(item["image"][None])
        entropy = torch.nn.functional.binary_cross_entropy_with_logits(logits[0], item["label"])
        forbidden = ~item["allowed"]
        losses.append(float(entropy - (1 - attention[0].sigmoid())[forbidden].log().mean() / 3))
    (row,) = read_rows(trained / "logs" / "history.csv")
    assert float(row["val_loss"]) == pytest.approx(np.mean(losses), rel=1e-4)


def test_training_resumes(trained: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(trained, folder)
    stamps = {file: file.stat().st_mtime_ns for file in (folder / "cache").iterdir()}
    workflow = train(folder, max_epochs=2)
    after = read_checkpoint(folder / "models" / "last.pt")
    assert after["epoch"] == 2
    assert workflow.trainer.state.iteration == 8
    assert after["optimizer"]["state"][0]["momentum_buffer"].any(), "the optimizer's state went on too"
    assert [row["epoch"] for row in read_rows(folder / "logs" / "history.csv")] == ["1", "2"]
    assert {file: file.stat().st_mtime_ns for file in (folder / "cache").iterdir()} == stamps, "regions were read"


def test_training_without_the_mask_loss_needs_no_regions(tmp_path: Path) -> None:
    workflow = train(tmp_path, mask_loss=0, phantoms=1)
    assert not (tmp_path / "cache").exists()
    assert "allowed" not in workflow.parser.get_parsed_content("train#dataset")[0]


def test_the_defaults_are_the_papers(tmp_path: Path) -> None:
    workflow = BUNDLE.parse("train", **SMALL, bundle_root=str(tmp_path), phantoms=1)
    group = workflow.parser.get_parsed_content("optimizer").param_groups[0]
    assert (group["lr"], group["momentum"], group["weight_decay"]) == (1e-3, 0.99, 1e-7)
    loss = workflow.parser.get_parsed_content("loss")
    assert (loss.weight, loss.penalty) == (pytest.approx(1 / 3), "bce")
    assert workflow.parser.get_parsed_content("train#dataloader").batch_size == 1
    assert isinstance(workflow.parser.get_parsed_content("network"), Explained)
    given = json.loads(BUNDLE.file("train").read_text())
    assert given["image_size"] == [420, 420, 405]
    assert given["spacing"] == [0.8, 0.8, 0.8]
    assert (given["max_epochs"], given["patience"]) == (100, 15)


def test_training_stops_without_progress(trained: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(trained, folder)
    last = read_checkpoint(folder / "models" / "last.pt")
    torch.save({**last, "best_value": 1e-9, "best_epoch": 0}, folder / "models" / "last.pt")
    assert train(folder, max_epochs=9, patience=1).trainer.state.epoch == 1


def test_training_on_a_folder_skips_an_unreadable_scan(
    folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    labels = ["lung mass", "pneumonia"]
    workflow = train(tmp_path / "run", dataset_dir=str(folder), labels=labels, weights="scratch")
    assert workflow.trainer.state.iteration == 3
    assert workflow.trainer.state.metrics["train_loss"] > 0.5
    assert caplog.text.count("s2 is left out. ValueError: path must be a whole file") == 1
    batches = list(workflow.parser.get_parsed_content("train#dataloader"))
    assert sorted(batch["name"][0] for batch in batches) == ["s0", "s0", "s1"], "s0 takes the place of s2"
    assert all(batch["image"].std() > 0.1 for batch in batches), "batch norms see scans only"
    best = tmp_path / "run" / "models" / "model.pt"
    assert read_description(best)["network"]["labels"] == labels
    assert read_checkpoint(best)["head.weight"].shape[0] == 2
    assert len(list((tmp_path / "run" / "cache").iterdir())) == 3


def test_unknown_labels_do_not_stop_a_training(folder: Path, tmp_path: Path) -> None:
    text = (folder / "labels.csv").read_text().replace("s1,training,1,0,0", "s1,training,,,0")
    (folder / "labels.csv").write_text(text)
    workflow = train(tmp_path / "run", dataset_dir=str(folder), labels=["lung mass", "pneumonia"], weights="scratch")
    assert float(workflow.trainer.state.metrics["train_loss"]) > 0


@needs_monai_1_6
def test_rare_labels_can_weigh_more_and_gradients_accumulate(folder: Path, tmp_path: Path) -> None:
    """Of three scans for training, one has a lung mass and none pneumonia."""
    settings = {"labels": ["lung mass", "pneumonia"], "weights": "scratch", "pos_weight": "balanced"}
    workflow = train(tmp_path / "run", dataset_dir=str(folder), accumulation_steps=3, **settings)
    assert workflow.parser.get_parsed_content("loss").pos_weight.tolist() == [2, 1]
    last = read_checkpoint(tmp_path / "run" / "models" / "last.pt")
    assert workflow.trainer.state.iteration == 3
    assert workflow.trainer.accumulation_steps == 3
    assert last["epoch"] == 1


def test_does_not_resume_another_networks_training(trained: Path) -> None:
    with pytest.raises(RuntimeError) as error:
        train(trained, max_epochs=2, network_name="bodycam")
    assert "name=bodycam encoder=resnet18 image_size=[64, 64, 12] reduction_padding=1" in cause(error)
    assert '--network_name axialnet --encoder resnet18 --image_size "[64, 64, 12]"' in cause(error)


# --- preprocessing and augmentation


@pytest.mark.parametrize("organ", [1, 2, 3])
def test_image_and_regions_align(organ: int, tmp_path: Path) -> None:
    """A scan in which one organ alone is bright: the cells with something bright are allowed, and no others."""
    made = phantom_chest_ct(2, shape=(64, 57, 32), spacing=(5.6, 5.6, 10))
    scan = np.where(made.organs == organ, 800.0, -1000.0).astype(np.float32)
    item = {
        "image": MetaTensor(torch.from_numpy(scan)[None], affine=torch.from_numpy(made.affine)),
        "organs": MetaTensor(torch.from_numpy(made.organs)[None], affine=torch.from_numpy(made.affine)),
        "label": np.ones(80, np.float32),
        "locations": np.tile(np.arange(1, 4) == organ, (80, 1)),
        **{"patient_id": "p", "name": "n"},
    }
    size = {"image_size": [96, 128, 24], "spacing": [4.0, 4.0, 14.0]}
    workflow = BUNDLE.parse("train", **{**FAST, **size}, bundle_root=str(tmp_path))
    found = workflow.parser.get_parsed_content("validate#preprocessing")(item)
    assert found["image"].shape == (1, 96, 128, 24)
    assert found["allowed"].shape == (80, 3, 4, 8)
    bright = (found["image"][0] > 0.3).reshape(3, 32, 4, 32, 8, 3).float().mean((1, 3, 5))
    allowed = found["allowed"][0]
    assert 0 < allowed.sum() < allowed.numel()
    assert (bright[~allowed] < 0.01).all()
    assert allowed[bright > 0.01].all()
    centre = allowed.nonzero()[:, 0].float().mean()
    assert organ == 2 or (centre < 1) == (organ == 1), "x runs to the patient's left"


def test_the_intensities_are_the_papers(tmp_path: Path) -> None:
    workflow = BUNDLE.parse("inference", **SMALL, input=None)
    steps = workflow.parser.get_parsed_content("preprocessing").transforms[3:]
    affine = torch.diag(torch.tensor([-5.6, -5.6, -27.0, 1.0]))
    values = torch.tensor([-3000.0, -1000.0, -100.0, 800.0, 3000.0, 0.0]).reshape(1, 6, 1, 1).expand(1, 6, 6, 6)
    item = {"image": MetaTensor(values.clone(), affine=affine)}
    for step in steps:
        item = step(item)
    image = item["image"][0]
    assert image.shape == (64, 64, 12)
    row = image[29:35, 32, 6].numpy()
    np.testing.assert_allclose(row, np.array([0, 0, 0.5, 1, 1, 1000 / 1800]) - 0.449, atol=1e-5)
    assert image[0, 0, 0] == pytest.approx(-0.449), "padded with the least value"


def test_scan_and_regions_are_flipped_and_rotated_alike(tmp_path: Path) -> None:
    """A bright block in one grid cell, whose region is that cell: both are transformed alike."""
    workflow = BUNDLE.parse("train", **FAST, bundle_root=str(tmp_path))
    augment = workflow.parser.get_parsed_content("train#random_transforms")
    image, allowed = torch.zeros(1, 64, 64, 12), torch.zeros(1, 4, 4, 4, dtype=torch.bool)
    image[0, 16:32, 0:16, 0:3], allowed[0, 1, 0, 0] = 1, True
    seen = set()
    for seed in range(40):
        item: dict[str, Any] = {"image": image, "allowed": allowed}
        for step in augment:
            item = step.set_random_state(seed)(item)
        cells = torch.as_tensor(item["image"])[0].reshape(4, 16, 4, 16, 4, 3).mean((1, 3, 5))
        torch.testing.assert_close(cells, torch.as_tensor(item["allowed"])[0].float())
        seen.add(tuple(cells.nonzero()[0].tolist()))
    assert len(seen) > 6, "unchanged, flipped along each axis, turned by 90, 180, 270 degrees"


def test_regions_of_a_flipped_scan_are_the_flipped_regions() -> None:
    """Flips and quarter turns commute with the downsampling "area"; "nearest" looks at each cell's first voxel."""
    organs = torch.from_numpy(phantom(4).organs)[:57, :, :15]
    from_ = {"locations": torch.eye(3, dtype=torch.bool), "grid": (3, 3, 5), "mode": "area"}
    regions = allowed_regions(organs, **from_)
    for axis in range(3):
        torch.testing.assert_close(allowed_regions(organs.flip(axis), **from_), regions.flip(axis + 1))
    for k in (1, 2, 3):
        turned = allowed_regions(organs.rot90(k, (0, 1)), **from_)
        torch.testing.assert_close(turned, regions.rot90(k, (1, 2)))


def test_slices_that_are_not_square_are_not_rotated(tmp_path: Path) -> None:
    size = {"image_size": [64, 96, 12]}
    workflow = BUNDLE.parse("train", **{**FAST, **size}, bundle_root=str(tmp_path))
    assert workflow.parser.get_parsed_content("train#random_transforms")[1].prob == 0


# --- evaluation


@pytest.fixture(scope="module")
def evaluated(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("evaluated")
    BUNDLE.run("evaluate", **EVALUATE, bundle_root=str(trained), output=str(output))
    return output


#: Metrics of the scores alone.
CLASSIFICATION = {
    *("auroc", "sensitivity", "specificity"),
    *("brier", "calibration_error", "probability_minus_frequency"),
}

EXPOSED = {f"exposed, {what}" for what in ("false positives", "true positives", "false positives with an even map")}


def test_evaluation_writes_numbers_with_intervals(trained: Path, evaluated: Path) -> None:
    report = json.loads((evaluated / "evaluation.json").read_text())
    assert report["patients_also_in_training"] == 0
    assert report["scans"] == report["patients"] == 4
    assert report["layer"] == "reduction"
    found = report["metrics"]
    assert set(found) == {"organ_iou_hirescam", "organ_iou_gradcam", *CLASSIFICATION, *EXPOSED}
    assert set(found["auroc"]) == {"macro", "weighted", "median", *CHEST_CT_LABELS}
    assert found["organ_iou_hirescam"]["air trapping"] == {"estimate": None, "low": None, "high": None, "n": 0}
    assert 0 <= found["organ_iou_gradcam"]["weighted"]["estimate"] <= 1
    assert len(read_rows(evaluated / "evaluation.csv")) == 8 * 82 + 3 * 81 + 1
    assert len(read_rows(evaluated / "scans.csv")) == 4 * 80
    assert {"evidence.html", "slice_scores.csv", "slice_scores.png", "lungs.png"} < {
        f.name for f in evaluated.iterdir()
    }
    kept = json.loads((trained / "models" / "thresholds.json").read_text())
    assert set(kept["thresholds"]) == {"hirescam", "gradcam"}
    named = kept["thresholds"]["hirescam"]
    assert report["thresholds"]["organ_iou_hirescam"] == [named[label] for label in CHEST_CT_LABELS]


def test_thresholds_are_tuned_once_and_for_this_checkpoint(
    trained: Path, evaluated: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = trained / "models" / "thresholds.json"
    before = file.read_text()
    with caplog.at_level("INFO"):
        BUNDLE.run("evaluate", **EVALUATE, bundle_root=str(trained), output=str(tmp_path))
    assert "tuned on the validation section before" in caplog.text
    assert file.read_text() == before
    assert (tmp_path / "evaluation.csv").read_text() == (evaluated / "evaluation.csv").read_text()


def test_two_models_stand_side_by_side(trained: Path, evaluated: Path, tmp_path: Path) -> None:
    given = {"bundle_root": str(trained), "output": str(tmp_path), "against": str(evaluated), "examples": 1}
    BUNDLE.run("evaluate", **EVALUATE, **given)
    rows = read_rows(tmp_path / "models.csv")
    assert len(rows) == 4 * 80
    here, there = ([float(row[name]) for row in rows] for name in ("above_mean", "other_above_mean"))
    np.testing.assert_allclose(here, there, atol=5e-4, err_msg="the same model; files have six digits")
    assert (tmp_path / "models.png").is_file()
    BUNDLE.run("evaluate", **EVALUATE, bundle_root=str(trained), output=str(tmp_path / "plain"), evidence=False)
    assert {file.name for file in (tmp_path / "plain").iterdir()} == {"evaluation.json", "evaluation.csv"}


def test_a_broken_scan_is_left_out_of_an_evaluation(folder: Path, trained: Path, tmp_path: Path) -> None:
    text = (folder / "labels.csv").read_text().replace("training", "test")
    (folder / "labels.csv").write_text(text)
    labels = ["lung mass", "pneumonia"]
    network = make_network({**NETWORK_SPEC, "labels": labels}, bundle=NAME, num_classes=2)
    torch.save(network.state_dict(), tmp_path / "two.pt")
    given = {"dataset_dir": str(folder), "labels": labels, "checkpoint": str(tmp_path / "two.pt")}
    given |= {"bundle_root": str(tmp_path), "output": str(tmp_path / "out")}
    BUNDLE.run("evaluate", **{**EVALUATE, **given})
    report = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    assert (report["scans"], report["left_out"]) == (2, 1)
    assert report["metrics"]["auroc"]["lung mass"]["n"] == 1
    assert report["metrics"]["auroc"]["lung mass"]["estimate"] in (0.0, 1.0)


def test_ctnet_has_no_organ_iou(tmp_path: Path) -> None:
    size = {"image_size": [161, 161, 3], "spacing": [2.2, 2.2, 40.0], "network_settings": {}, "network_name": "ctnet"}
    network = make_network({"name": "ctnet", "encoder": "resnet18", "image_size": [161, 161, 3]}, bundle=NAME)
    torch.save(network.state_dict(), tmp_path / "ctnet.pt")
    given = {"checkpoint": str(tmp_path / "ctnet.pt"), "bundle_root": str(tmp_path), "output": str(tmp_path / "out")}
    BUNDLE.run("evaluate", **{**EVALUATE, **size, **given, "phantoms": 1})
    report = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    assert set(report["metrics"]) == CLASSIFICATION
    assert (tmp_path / "out" / "scans.csv").is_file()
    assert not (tmp_path / "cache").exists()


# --- inference


def explain(trained: Path, scans: Path, output: Path, **overrides: Any) -> ConfigWorkflow:
    checkpoint = str(trained / "models" / "model.pt")
    given = {**SMALL, "input": str(scans), "output": str(output), "checkpoint": checkpoint, "progress": False, "top": 1}
    return BUNDLE.run("inference", **{**given, **overrides})


def test_a_broken_scan_does_not_stop_the_others(trained: Path, scans: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    workflow = explain(trained, scans, output)
    assert (workflow.evaluator.summary.done, workflow.evaluator.summary.failed) == (2, 1)
    rows = {row["scan"]: row for row in read_rows(output / "probabilities.csv")}
    assert set(rows) == {"a", "broken", "ward__trn00001"}
    assert "an array 'ct'" in rows["broken"]["error"]
    chances = {name: float(rows["a"][name]) for name in CHEST_CT_LABELS}
    best = max(chances, key=chances.get)
    assert rows["a"]["mapped"] == best
    files = set(rows["a"]["files"].split("; "))
    assert {"a/a_slice_scores.csv", "a/a_overlay.png", "a/a_findings.json"} < files
    assert len(files) == 4
    with Image.open(output / "a" / "a_overlay.png") as page:
        page.verify()
    with pytest.raises(SystemExit, match="Scans that failed: 1"):
        workflow.finalize()


def test_the_same_patient_as_nifti_and_as_npz_gets_the_same_scores(trained: Path, scans: Path, tmp_path: Path) -> None:
    """Files of RAD-ChestCT have no spacing. It is assumed to be 0.8 mm, so the scan is padded here."""
    bare = tmp_path / "bare.pt"  # weights alone say nothing of the spacing in which they were trained
    shutil.copyfile(trained / "models" / "model.pt", bare)
    given = {"spacing": [2.0, 2.0, 8.0], "checkpoint": str(bare), "nifti": False, "overlay": False}
    made = phantom_chest_ct(5, shape=(60, 60, 60), spacing=(0.8, 0.8, 0.8), noise=0)
    save_map_nifti(tmp_path / "x.nii.gz", np.rint(made.image), made.affine)
    np.savez_compressed(tmp_path / "x.npz", ct=np.rint(made.image).transpose(2, 1, 0)[::-1].astype(np.int16))
    for name in ("x.nii.gz", "x.npz"):
        explain(trained, tmp_path / name, tmp_path / name[2:5], **given)
    rows = [read_rows(tmp_path / name / "probabilities.csv")[0] for name in ("nii", "npz")]
    scores = [[float(row[label]) for label in CHEST_CT_LABELS] for row in rows]
    np.testing.assert_allclose(*scores, atol=2e-3)


def test_maps_have_the_networks_grid_or_the_scans(trained: Path, scans: Path, tmp_path: Path) -> None:
    explain(trained, scans / "a.nii.gz", tmp_path / "native", findings=["cardiomegaly"])
    native = nibabel.load(tmp_path / "native" / "a" / "a_cardiomegaly_hirescam.nii.gz")
    explain(trained, scans / "a.nii.gz", tmp_path / "out", findings=["cardiomegaly"], map_grid="scan")
    image = nibabel.load(tmp_path / "out" / "a" / "a_cardiomegaly_hirescam.nii.gz")
    scan = read_volume(scans / "a.nii.gz")
    assert np.prod(native.shape) < np.prod(image.shape) / 100
    assert image.shape == scan.shape[1:]
    np.testing.assert_allclose(image.affine, scan.affine, atol=1e-6)
    (row,) = read_rows(tmp_path / "out" / "probabilities.csv")
    assert row["mapped"] == "cardiomegaly"
    scores = read_rows(tmp_path / "out" / "a" / "a_slice_scores.csv")
    logit = np.mean([float(score["cardiomegaly"]) for score in scores])
    assert 1 / (1 + np.exp(-logit)) == pytest.approx(float(row["cardiomegaly"]), abs=1e-4)


def test_a_second_run_skips_and_other_settings_do_not(trained: Path, scans: Path, tmp_path: Path) -> None:
    one, output = scans / "a.nii.gz", tmp_path / "out"
    less = {"overlay": False, "nifti": False}
    assert explain(trained, one, output, **less).evaluator.summary.done == 1
    assert explain(trained, one, output, **less).evaluator.summary.skipped == 1
    assert explain(trained, one, output, **less, top=0).evaluator.summary.done == 1


# --- errors


def test_without_a_checkpoint_it_stops_and_says_where_weights_come_from(scans: Path, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError) as error:
        explain(tmp_path, scans, tmp_path / "out")
    assert "checkpoint must be a file that exists" in cause(error)
    assert "train.json" in cause(error)
    assert "pylon" not in cause(error).lower(), "a hint for another bundle"
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("config", ["inference", "evaluate"])
def test_a_checkpoint_of_another_network_names_both(config: str, trained: Path, scans: Path, tmp_path: Path) -> None:
    given = {**SMALL, "network_name": "axialnet_max_pool", "output": str(tmp_path / "out")}
    given |= {"checkpoint": str(trained / "models" / "model.pt")}
    given |= {"input": str(scans)} if config == "inference" else {"num_workers": 0}
    with pytest.raises(RuntimeError) as error:
        BUNDLE.run(config, **given)
    assert "name=axialnet_max_pool" in cause(error)
    assert "--network_name axialnet --encoder resnet18" in cause(error)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("other", "remedy"),
    [
        ({"spacing": [0.8, 0.8, 0.8]}, '--spacing "[5.6, 5.6, 27.0]"'),
        ({"hu_range": [-1000, 400]}, '--hu_range "[-1000, 800]"'),
        ({"image_size": [64, 64, 15]}, '--image_size "[64, 64, 12]"'),
    ],
)
@pytest.mark.parametrize("config", ["inference", "evaluate", "train"])
def test_rejects_other_inputs_than_in_training(
    config: str, other: dict[str, Any], remedy: str, trained: Path, scans: Path, tmp_path: Path
) -> None:
    """The network would take them, and give scores of bodies at another scale."""
    given = {**SMALL, "bundle_root": str(trained), **other}
    given |= {"max_epochs": 2} if config == "train" else {"output": str(tmp_path / "out")}
    given |= {"input": str(scans)} if config == "inference" else {"num_workers": 0, "phantoms": 1}
    with pytest.raises(RuntimeError) as error:
        BUNDLE.run(config, **given)
    assert remedy in cause(error)
    assert str(next(iter(other.values()))) in cause(error)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"network_name": "axialnet_maxpool"}, "Did you mean 'axialnet_max_pool'?"),
        ({"image_siz": [64, 64, 12]}, "Did you mean 'image_size' instead of 'image_siz'?"),
        ({"image_size": [64, 64, 13]}, "image_size must be of a multiple of 3 slices"),
        ({"dataset_dir": "phantoms"}, "Did you mean 'phantom'?"),
        (
            {"mask_loss": 1.0, "network_name": "conv3d", "network_settings": {}, "image_size": [81] * 3},
            "no explanation",
        ),
        ({"network_settings": {}}, "reduction_padding=1"),
        ({"labels": ["mass"]}, "labels must be some of the 80 of RAD-ChestCT"),
    ],
)
def test_wrong_values_are_errors_that_help(overrides: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises((RuntimeError, NotImplementedError, ValueError)) as error:
        train(tmp_path, **{"phantoms": 1, **overrides})
    assert message in cause(error)
    assert not list(tmp_path.glob("models/*.pt"))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda ct: np.where(ct > 100, np.nan, ct), "must be finite"),
        (lambda ct: np.full_like(ct, -1000), "-1000 HU everywhere"),
        (lambda ct: ct[..., :1], "at least 2 slices"),
        (lambda ct: ct + 1024, "1024 higher"),
    ],
)
def test_invalid_scans_get_a_row_with_the_reason(damage: Any, message: str, trained: Path, tmp_path: Path) -> None:
    made, file = phantom(3), tmp_path / "a.nii.gz"
    image = nibabel.Nifti1Image(damage(made.image).astype(np.float32), made.affine)
    image.set_qform(made.affine, code=1)
    nibabel.save(image, file)
    workflow = explain(trained, file, tmp_path / "out")
    assert workflow.evaluator.summary.failed == 1
    assert message in read_rows(tmp_path / "out" / "probabilities.csv")[0]["error"]


# --- what MONAI's model zoo checks


@pytest.mark.filterwarnings("ignore:parsing config_file")  # MONAI warns of every bundle
def test_monai_loads_the_trained_network(trained: Path, tmp_path: Path) -> None:
    """`monai.bundle.load` with the installed configurations: every variable is the trained one."""
    bundle = BUNDLE.copy(tmp_path, trained / "models" / "model.pt")
    override = {key: value for key, value in NETWORK_SPEC.items() if key != "name"}
    network = load(NAME, bundle_dir=tmp_path, device="cpu", net_override=override)
    state = torch.load(bundle / "models" / "model.pt", weights_only=True)
    assert network.state_dict().keys() == state.keys()
    assert all(torch.equal(value, state[key]) for key, value in network.state_dict().items())


@pytest.mark.parametrize("name", sorted(network_table(bundle=NAME)))
def test_every_row_of_the_papers_table_is_a_network(name: str) -> None:
    size = [161, 161, 81] if name in ("ctnet", "conv3d", "bodyconv") else [64, 64, 3]
    settings = {"reduction_padding": 1} if name.startswith(("axialnet", "bodycam")) else {}
    network_spec = {"name": name, "encoder": "resnet18", "image_size": size, **settings}
    network = make_network(network_spec, bundle=NAME, num_classes=5).eval()
    with torch.no_grad():
        assert network(torch.zeros(1, 1, *size)).shape == (1, 5)


def test_the_table_is_the_papers() -> None:
    rows = {entry["_desc_"] for entry in network_table(bundle=NAME).values()}
    table_1 = {"CTNet", "3DConv", "BodyConv", "BodyCAM", "MaxPool", "RandInitResNet", "NoCustomConv", "AxialNet"}
    assert table_1 <= rows
    assert make_network({"name": "axialnet"}, bundle=NAME).in_plane_size == (420, 420)


@pytest.mark.parametrize("name", ["evaluate", "inference", "train"])
def test_it_has_the_properties(name: str, tmp_path: Path) -> None:
    assert BUNDLE.parse(name, bundle_root=str(tmp_path)).check_properties() == []


@pytest.mark.slow
def test_the_network_takes_and_gives_what_the_metadata_says() -> None:
    """At the paper's own size in plane, three slices."""
    verify_net_in_out(
        net_id="network_def",
        meta_file=str(BUNDLE.file("metadata")),
        config_file=str(BUNDLE.file("inference")),
        device="cpu",
        any=3,
    )


def test_the_metadata_names_the_labels_in_their_order() -> None:
    metadata = json.loads(BUNDLE.file("metadata").read_text())
    channels = metadata["network_data_format"]["outputs"]["pred"]["channel_def"]
    assert tuple(channels[str(k)] for k in range(80)) == CHEST_CT_LABELS


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::torch.jit.TracerWarning")
def test_a_checkpoint_is_exported_by_trace(trained: Path, tmp_path: Path) -> None:
    shape = [1, 1, *SMALL["image_size"]]
    checkpoint = trained / "models" / "model.pt"
    exported = BUNDLE.export_by_trace(checkpoint, tmp_path / "model.ts", shape, **SMALL)
    network = make_network(NETWORK_SPEC, bundle=NAME, num_classes=80).eval()
    network.load_state_dict(read_checkpoint(checkpoint))
    image = torch.randn(2, 1, *SMALL["image_size"])
    with torch.no_grad():
        torch.testing.assert_close(exported(image), network(image), rtol=1e-5, atol=1e-5)


# --- the command line


@pytest.mark.slow
def test_the_command_line_ends_with_the_cause(scans: Path, tmp_path: Path) -> None:
    result = BundleRuns(NAME, **SMALL).command_line("inference", "--input", scans, "--bundle_root", tmp_path)
    assert result.returncode != 0
    assert result.stderr.splitlines()[-1].startswith("The cause is: FileNotFoundError: checkpoint must be a file")


@pytest.mark.slow
def test_two_processes_train_and_evaluate_as_one(tmp_path: Path) -> None:
    """Two gloo processes on the CPU; 5 test scans, so that one process has more than the other."""
    small, both = BundleRuns(NAME, **SMALL), two_processes()
    phantoms = ["--phantoms", "20", "--num_workers", "0", "--bundle_root", tmp_path, "--downsampling", "area"]
    small.succeeds("train+multi_gpu_train", *phantoms, "--max_epochs", "1", launch=both)
    assert [row["epoch"] for row in read_rows(tmp_path / "logs" / "history.csv")] == ["1"]
    small.succeeds("evaluate+multi_gpu_evaluate", *phantoms, "--output", tmp_path / "two", launch=both)
    thresholds = json.loads((tmp_path / "models" / "thresholds.json").read_text())
    (tmp_path / "models" / "thresholds.json").unlink()
    small.succeeds("evaluate", *phantoms, "--output", tmp_path / "one")
    assert json.loads((tmp_path / "models" / "thresholds.json").read_text()) == thresholds
    assert (tmp_path / "two" / "evaluation.csv").read_text() == (tmp_path / "one" / "evaluation.csv").read_text()
    two, one = (
        {(row["scan"], row["label"]): row["probability"] for row in read_rows(tmp_path / name / "scans.csv")}
        for name in ("two", "one")
    )
    assert two == one, "the order of the scans is another one"
    assert json.loads((tmp_path / "two" / "evaluation.json").read_text())["scans"] == 5


@pytest.mark.real
@pytest.mark.slow
def test_it_explains_real_scans_of_every_kind(public_data: Path, tmp_path: Path) -> None:
    """NIfTI, NRRD, a DICOM folder: maps on the scans' own grids, in their own orientation."""
    (tmp_path / "models").mkdir()
    torch.save(AxialNet(in_plane_size=(64, 64), reduction_padding=1).state_dict(), tmp_path / "models" / "model.pt")
    folder = public_data / "chest_ct"
    scans = ["nsclc_radiomics/LUNG1-001_ct.nii.gz", "cip/ct-64.nrrd", "dicom_lung_pet_ct_dx_A0002"]
    (tmp_path / "scans.json").write_text(json.dumps([str(folder / scan) for scan in scans]))
    output = tmp_path / "out"
    workflow = explain(
        tmp_path, tmp_path / "scans.json", output, overlay=False, findings=["lung mass"], map_grid="scan"
    )
    assert (workflow.evaluator.summary.done, workflow.evaluator.summary.failed) == (3, 0)
    for row, scan in zip(read_rows(tmp_path / "out" / "probabilities.csv"), scans, strict=True):
        image, own = nibabel.load(tmp_path / "out" / row["files"].split("; ")[1]), read_volume(folder / scan)
        assert image.shape == own.shape[1:]
        np.testing.assert_allclose(image.affine, own.affine, atol=1e-3)
        assert np.asarray(image.dataobj).any()
