"""The bundle chest_xray_classification_pylon in use: train, resume, evaluate, explain radiographs, fail clearly.

The network is small and the radiographs are phantoms of 64 pixels, so each run takes seconds on a CPU.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any
from urllib.error import URLError

import nibabel
import numpy as np
import pytest
import torch
from monai.bundle import ConfigWorkflow, load
from monai.bundle.scripts import verify_net_in_out
from PIL import Image

from monai_pylon.data import phantom_radiograph, read_radiograph
from monai_pylon.metrics.baselines import BASELINES
from monai_pylon.networks.checkpoints import read_checkpoint, read_description
from monai_pylon.networks.nets import PYLON
from monai_pylon.taxonomy import CHEST_XRAY14_LABELS
from monai_pylon.utils import read_rows
from monai_pylon.visualize import MapGeometry, map_on_image
from monai_pylon.workflows.bundle import make_network
from monai_pylon.workflows.bundle.networks import network_table
from tests.data.radiographs.test_reader import WRITE, write_dicom
from tests.workflows.bundle_runs import BundleRuns, cause, two_processes

NAME = "chest_xray_classification_pylon"
SMALL = {"encoder": "resnet18", "network_settings": {"decoder_channels": 8}, "image_size": 64}
FAST = {**SMALL, "phantoms": 16, "batch_size": 8, "num_workers": 0, "progress": False, "tensorboard": False}
EVALUATE = {key: value for key, value in FAST.items() if key != "tensorboard"} | {"num_resamples": 50, "examples": 1}
BUNDLE = BundleRuns(NAME)


def train(folder: Path, **overrides: Any) -> ConfigWorkflow:
    return BUNDLE.run("train", **{**FAST, "bundle_root": str(folder), "max_epochs": 1, **overrides})


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    torch.manual_seed(0)
    train(folder)
    return folder


@pytest.fixture
def radiographs(tmp_path: Path) -> Path:
    """A folder with two radiographs, one of them 16 bits deep and not square, and one that is broken."""
    folder = tmp_path / "radiographs"
    (folder / "ward").mkdir(parents=True)
    radiograph = phantom_radiograph(5, size=96, findings=["Mass"]).image[0]
    Image.fromarray((radiograph * 255).astype(np.uint8)).save(folder / "a.png")
    Image.fromarray((radiograph[:80] * 65535).astype(np.uint16)).save(folder / "ward" / "deep.png")
    whole = (folder / "a.png").read_bytes()
    (folder / "broken.png").write_bytes(whole[: len(whole) // 2])
    return folder


# --- training


def test_training_leaves_checkpoints_and_a_history(trained: Path) -> None:
    assert {file.name for file in (trained / "models").iterdir()} == {"model.pt", "model.json", "last.pt"}
    best = read_description(trained / "models" / "model.pt")
    assert best["network"] == {"name": "pylon", "encoder": "resnet18", "decoder_channels": 8}
    assert best["metric"] == "val_loss"
    (row,) = read_rows(trained / "logs" / "history.csv")
    assert row["epoch"] == "1"
    assert float(row["val_loss"]) == pytest.approx(best["best_value"], rel=1e-6)
    assert float(row["train_loss"]) > 0
    assert row["val_auroc_Hernia"] == "", "a class without positives is undefined, not 0"


def test_the_validation_loss_is_that_of_all_radiographs(trained: Path) -> None:
    """An independent loop over the validation radiographs, one by one."""
    workflow = BUNDLE.run("evaluate", **{**EVALUATE, "section": "validation", "bundle_root": str(trained)})
    network = workflow.network_def.eval()
    losses = []
    for item in workflow.val_dataset:
        with torch.no_grad():
            logits = network(torch.as_tensor(item["image"])[None])[0]
        losses.append(torch.nn.functional.binary_cross_entropy_with_logits(logits, item["label"]).item())
    (row,) = read_rows(trained / "logs" / "history.csv")
    assert float(row["val_loss"]) == pytest.approx(np.mean(losses), rel=1e-4)


def test_training_resumes(trained: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(trained, folder)
    before = read_checkpoint(folder / "models" / "last.pt")
    workflow = train(folder, max_epochs=2)
    after = read_checkpoint(folder / "models" / "last.pt")
    assert (before["epoch"], after["epoch"]) == (1, 2)
    assert workflow.trainer.state.iteration == 4, "two batches an epoch"
    steps = [int(state["step"]) for state in after["optimizer"]["state"].values()]
    assert set(steps) == {4}, "the optimizer's state went on too"
    assert [row["epoch"] for row in read_rows(folder / "logs" / "history.csv")] == ["1", "2"]


def test_a_worse_epoch_after_resuming_does_not_replace_the_best(trained: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(trained, folder)
    last = read_checkpoint(folder / "models" / "last.pt")
    torch.save({**last, "best_value": 1e-9}, folder / "models" / "last.pt")
    before = (folder / "models" / "model.pt").read_bytes()
    train(folder, max_epochs=2)
    assert (folder / "models" / "model.pt").read_bytes() == before


def test_resume_false_starts_a_new_training(trained: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(trained, folder)
    workflow = train(folder, resume=False)
    assert workflow.trainer.state.iteration == 2
    assert read_checkpoint(folder / "models" / "last.pt")["epoch"] == 1


def test_training_stops_below_the_least_learning_rate(tmp_path: Path) -> None:
    workflow = train(tmp_path, max_epochs=9, learning_rate=1e-7)
    assert workflow.trainer.state.epoch <= 1


def test_does_not_resume_another_networks_training(trained: Path) -> None:
    with pytest.raises(RuntimeError) as error:
        train(trained, max_epochs=2, network_name="backbone", network_settings={})
    assert "name=backbone encoder=resnet18" in cause(error)
    assert "name=pylon encoder=resnet18 decoder_channels=8" in cause(error)


RECIPE = {
    "encoder": {"_target_": "tests.networks.tiny.TinyEncoder"},
    "training_pool": "soft",
    "schedule": "one_cycle",
    "learning_rate": 2e-4,
    "decoder_rate": 1e-3,
    "prior_bias": True,
    "frozen_stages": 2,
    "rotation": 15,
}


def test_an_encoder_of_your_own_with_a_soft_maximum_trains_resumes_evaluates_and_explains(
    tmp_path: Path, radiographs: Path
) -> None:
    workflow = train(tmp_path, max_epochs=2, **RECIPE)
    network = workflow.network_def
    assert type(network.encoder).__name__ == "TinyEncoder"
    assert type(network.pool).__name__ == "SoftMaximumPool"
    assert network.pool.sharpness == pytest.approx(16 ** (0.75 / 0.8)), "four steps; the last is at three quarters"
    rates = [group["lr"] for group in workflow.trainer.optimizer.param_groups]
    assert rates[1] == pytest.approx(5 * rates[0])
    assert read_checkpoint(tmp_path / "models" / "last.pt")["scheduler"]["last_epoch"] == 4, "a step per batch"
    described = read_description(tmp_path / "models" / "model.pt")["network"]
    assert described["encoder"] == {"_target_": "tests.networks.tiny.TinyEncoder"}
    encoder = {"encoder": RECIPE["encoder"], "bundle_root": str(tmp_path)}
    assert train(tmp_path, max_epochs=2, **RECIPE).trainer.state.iteration == 4, "resumed, and nothing is left to do"
    with pytest.raises(RuntimeError) as error:
        train(tmp_path, **{**RECIPE, "max_epochs": 3})
    assert "max_epochs must be as when the training began, but is '6 steps'" in cause(error)
    BUNDLE.run("evaluate", **{**EVALUATE, **encoder, "output": str(tmp_path / "evaluation")})
    assert (tmp_path / "evaluation" / "evaluation.json").is_file()
    settings = {"network_settings": SMALL["network_settings"], "image_size": 64, "progress": False}
    BUNDLE.run("inference", **{**settings, **encoder, "input": str(radiographs), "output": str(tmp_path / "output")})
    assert len(read_rows(tmp_path / "output" / "probabilities.csv")) == 3


def test_a_new_training_starts_at_the_frequencies_and_frozen_stages_stay(tmp_path: Path) -> None:
    how = {**RECIPE, "encoder": "resnet18", "learning_rate": 1e-9, "decoder_rate": 1e-9, "max_epochs": 1}
    network = train(tmp_path, **how).network_def
    assert bool((network.head.bias < -0.5).any()), "rare labels start below even chances"
    fresh = make_network({"name": "pylon", "encoder": "resnet18"}).encoder
    norm = network.encoder.bn1
    assert torch.equal(norm.running_mean, fresh.bn1.running_mean)
    assert not torch.equal(network.encoder.layer2[0].bn1.running_mean, fresh.layer2[0].bn1.running_mean)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("training_pool", "mean", "training_pool must be one of 'maximum', 'soft'"),
        ("schedule", "cosine", "schedule must be one of 'plateau', 'one_cycle'"),
        ("frozen_stages", 9, "frozen_stages must be at most 5"),
        ("decoder_rate", -1, "decoder_rate must be above 0"),
        ("rotation", "much", "rotation must be a number"),
    ],
)
def test_wrong_values_of_the_recipe_are_errors(tmp_path: Path, key: str, value: object, message: str) -> None:
    with pytest.raises((RuntimeError, ValueError)) as error:
        train(tmp_path, **{key: value})
    assert message in cause(error)


# --- evaluation


def test_the_mask_loss_reaches_evidence_outside_the_boxes(tmp_path: Path) -> None:
    """In the only step the map's logits are around 0, where the penalty of a forbidden grid cell is log(2)."""
    one_step = {"phantoms": 8, "batch_size": 8}
    losses = []
    for weight in (0, 0.5):
        train(tmp_path / str(weight), mask_loss=weight, **one_step)
        losses.append(float(read_rows(tmp_path / str(weight) / "logs" / "history.csv")[0]["train_loss"]))
    assert 0.3 < (losses[1] - losses[0]) / 0.5 < 2


def test_evaluation_writes_numbers_with_intervals_and_a_page(trained: Path, tmp_path: Path) -> None:
    workflow = BUNDLE.run("evaluate", **{**EVALUATE, "bundle_root": str(trained), "output": str(tmp_path)})
    report = json.loads((tmp_path / "evaluation.json").read_text())
    assert report["data"] == "phantom"
    assert report["images"] == report["patients"] == 4
    found = report["metrics"]
    calibration = {"brier", "calibration_error", "probability_minus_frequency"}
    baselines = {f"point_localization, {name}" for name in BASELINES}
    boxes = {f"box_localization_{t}" for t in (0.1, 0.25, 0.5)}
    localization = {"point_localization", *boxes, *baselines}
    assert set(found) == {"auroc", "sensitivity", "specificity", *calibration, *localization}
    assert set(found["auroc"]) == {"macro", "weighted", "median", *CHEST_XRAY14_LABELS}
    state = workflow.evaluator.state.metrics
    assert found["point_localization"]["weighted"]["estimate"] == pytest.approx(state["point_localization"], abs=1e-5)
    assert found["auroc"]["macro"]["estimate"] == pytest.approx(state["auroc"], abs=1e-5)
    instances = sum(len({int(box[4]) for box in item["boxes"]}) for item in workflow.val_dataset)
    assert found["point_localization"]["weighted"]["n"] == instances > 0
    assert found["point_localization"]["Hernia"] == {"estimate": None, "low": None, "high": None, "n": 0}
    rows = read_rows(tmp_path / "evaluation.csv")
    assert len(rows) == 12 * 16 + 3 * 15 + 1
    points = found["point_localization, random_point"]["weighted"]
    assert points["n"] == found["point_localization"]["weighted"]["n"]
    assert 0 < points["low"] < points["high"] < 1
    alone = found["point_localization, other_patients"]["weighted"]
    assert alone == {"estimate": None, "low": None, "high": None, "n": 0}, "no class has two patients"
    assert found["brier"]["macro"]["n"] == 4 * 14
    assert report["operating_point"]["chosen_on"] == "these images"
    assert report["patients_also_in_training"] == 0
    views = {item["view"] for item in workflow.val_dataset}
    assert set(report["subgroups"]) == {f"view {view}" for view in views}
    assert sum(group["images"] for group in report["subgroups"].values()) == 4
    with Image.open(tmp_path / "overlays" / "page.png") as page:
        page.verify()


def test_an_operating_point_of_the_validation_section_is_used(trained: Path, tmp_path: Path) -> None:
    how = {**EVALUATE, "bundle_root": str(trained), "examples": 0}
    BUNDLE.run("evaluate", **{**how, "section": "validation", "output": str(tmp_path / "validation")})
    chosen = str(tmp_path / "validation" / "evaluation.json")
    BUNDLE.run("evaluate", **{**how, "operating_thresholds": chosen, "output": str(tmp_path / "test")})
    one, other = (json.loads((tmp_path / name / "evaluation.json").read_text()) for name in ("validation", "test"))
    assert other["operating_point"]["chosen_on"] == chosen
    assert other["operating_point"]["thresholds"] == one["operating_point"]["thresholds"]
    assert other["metrics"]["specificity"]["macro"]["n"] > 0


# --- inference


def explain(trained: Path, radiographs: Path, output: Path, **overrides: Any) -> ConfigWorkflow:
    checkpoint = str(trained / "models" / "model.pt")
    given = {**SMALL, "input": str(radiographs), "output": str(output), "checkpoint": checkpoint, "progress": False}
    return BUNDLE.run("inference", **{**given, **overrides})


def test_an_unreadable_radiograph_does_not_stop_the_others(trained: Path, radiographs: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    workflow = explain(trained, radiographs, output)
    summary = workflow.evaluator.summary
    assert (summary.done, summary.failed, summary.flagged) == (2, 1, None)
    rows = {row["scan"]: row for row in read_rows(output / "probabilities.csv")}
    assert set(rows) == {"a", "broken", "ward__deep"}
    assert rows["broken"]["error"]
    chances = {name: float(rows["a"][name]) for name in CHEST_XRAY14_LABELS}
    assert all(0 <= value <= 1 for value in chances.values())
    best = sorted(chances, key=chances.get, reverse=True)[:3]
    assert rows["a"]["top"] == "; ".join(best)
    files = {f"a/a_{name}.nii.gz" for name in best} | {"a/a_overlay.png", "a/a_findings.json"}
    assert set(rows["a"]["files"].split("; ")) == files
    with pytest.raises(SystemExit, match="Scans that failed: 1"):
        workflow.finalize()


def test_the_maps_on_the_radiographs_own_grid_hold_the_logits(trained: Path, radiographs: Path, tmp_path: Path) -> None:
    workflow = explain(trained, radiographs, tmp_path / "out", map_grid="radiograph")
    row = next(row for row in read_rows(tmp_path / "out" / "probabilities.csv") if row["scan"] == "ward__deep")
    first = row["top"].split("; ")[0]
    map = np.asarray(nibabel.load(tmp_path / "out" / "ward__deep" / f"ward__deep_{first}.nii.gz").dataobj)[..., 0].T
    radiograph = read_radiograph(radiographs / "ward" / "deep.png")
    assert map.shape == tuple(radiograph.shape[1:]) == (80, 96)
    image = workflow.preprocessing({"image": str(radiographs / "ward" / "deep.png")})["image"]
    with torch.no_grad():
        logits, attention, _ = workflow.network_def.explain(torch.as_tensor(image)[None])
    label = CHEST_XRAY14_LABELS.index(first)
    assert float(row[first]) == pytest.approx(logits[0, label].sigmoid().item(), abs=1e-4)
    # PYLON's cells look at 0, 4, ... of the 64 pixels; the radiograph was resized from 80 x 96
    geometry = MapGeometry((0.0, 0.0), (4.0, 4.0)).resized((64, 64), (80, 96))
    large = map_on_image(attention[0, label], geometry, (80, 96), extend=True).numpy()
    np.testing.assert_allclose(map, large, atol=1e-4)
    column, line = (int(number) for number in row["peaks"].split("; ")[0].split())
    chances = map_on_image(attention[0, label].sigmoid(), geometry, (80, 96), extend=True)
    assert chances[line, column] == pytest.approx(chances.max().item(), abs=1e-6)


def test_a_second_run_skips_and_other_settings_do_not(trained: Path, radiographs: Path, tmp_path: Path) -> None:
    one, output = radiographs / "a.png", tmp_path / "out"
    assert explain(trained, one, output).evaluator.summary.done == 1
    assert explain(trained, one, output).evaluator.summary.skipped == 1
    assert explain(trained, one, output, top=1).evaluator.summary.done == 1


def test_warns_of_another_image_size_than_in_training(
    trained: Path, radiographs: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The network takes any size, but has learned the findings at one."""
    explain(trained, radiographs / "a.png", tmp_path / "same", overlay=False)
    assert "image_size" not in caplog.text
    explain(trained, radiographs / "a.png", tmp_path / "larger", overlay=False, image_size=96)
    assert "image_size must be 64, with which" in caplog.text
    assert read_rows(tmp_path / "larger" / "probabilities.csv")[0]["error"] == ""


def test_reads_boxes_of_a_data_list(trained: Path, radiographs: Path, tmp_path: Path) -> None:
    listed = radiographs / "list.json"
    listed.write_text(json.dumps([{"image": "a.png", "boxes": [[10, 10, 30, 40, 4]]}]))
    workflow = explain(trained, listed, tmp_path / "out", nifti=False)
    assert workflow.evaluator.summary.done == 1
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "a",
        "probabilities.csv",
        "manifest.csv",
        "cohort.sqlite",
    }
    assert {path.name for path in (tmp_path / "out" / "a").iterdir()} == {"a_overlay.png", "a_findings.json"}
    listed.write_text(json.dumps([{"image": "a.png", "boxes": [[10, 10, 30, 40, 14]]}]))
    assert explain(trained, listed, tmp_path / "out").evaluator.summary.failed == 1


def test_one_radiograph_in_any_format_has_one_result(trained: Path, tmp_path: Path) -> None:
    """Color, alpha, depth and inversion change nothing; a size of 64 and one of 4096 pixels are taken."""
    folder, output = tmp_path / "radiographs", tmp_path / "out"
    folder.mkdir()
    gray = (phantom_radiograph(5, size=96, findings=["Mass"]).image[0] * 255).astype(np.uint8)
    gray[0, :2] = 0, 255  # the whole range: DICOM is stretched to it
    WRITE["grey.png"](folder / "plain.png", gray)
    for name in ("rgb.png", "rgba.png", "la.png", "palette.png", "sixteen.png", "plain.dcm", "inverted.dcm"):
        WRITE[name](folder / f"other_{name}", gray)
    for edge in (64, 4096):
        Image.fromarray(gray).resize((edge, edge)).save(folder / f"edge_{edge}.png")
    summary = explain(trained, folder, output, overlay=False, top=1).evaluator.summary
    assert (summary.done, summary.failed) == (10, 0)
    rows = {row["scan"]: row for row in read_rows(output / "probabilities.csv")}
    for scan, row in rows.items():
        chances, plain = ([float(r[name]) for name in CHEST_XRAY14_LABELS] for r in (row, rows["plain"]))
        tolerance = 0.2 if scan.startswith("edge") else 1e-3  # resampling blurs
        np.testing.assert_allclose(chances, plain, atol=tolerance, err_msg=scan)
        (map,) = output.glob(f"{scan}/{scan}_*.nii.gz")
        edge = int(scan[5:]) if scan.startswith("edge") else 96
        found = nibabel.load(map)
        assert found.shape == (16, 16, 1), "stride 4 of 64 pixels"
        np.testing.assert_allclose(found.header.get_zooms(), (edge / 16, edge / 16, 1))


def test_images_that_are_no_frontal_chest_get_a_row_with_the_reason(trained: Path, tmp_path: Path) -> None:
    folder, gray = tmp_path / "radiographs", np.arange(80 * 96).reshape(80, 96) // 2
    folder.mkdir()
    write_dicom(folder / "ct.dcm", gray, Modality="CT")
    write_dicom(folder / "hand.dcm", gray, BodyPartExamined="HAND")
    write_dicom(folder / "lateral.dcm", gray, ViewPosition="LATERAL")
    write_dicom(folder / "mirrored.dcm", gray, BodyPartExamined="CHEST", PatientOrientation=["R", "F"])
    summary = explain(trained, folder, tmp_path / "out", top=1).evaluator.summary
    assert (summary.done, summary.failed) == (1, 3)
    rows = {row["scan"]: row for row in read_rows(tmp_path / "out" / "probabilities.csv")}
    assert "Modality is CT" in rows["ct"]["error"]
    assert "BodyPartExamined is HAND" in rows["hand"]["error"]
    assert "ViewPosition is LATERAL" in rows["lateral"]["error"]
    assert (rows["mirrored"]["error"], rows["mirrored"]["sides"]) == ("", "RL")
    summary = explain(trained, folder, tmp_path / "out", top=1, frontal_chest_only=False).evaluator.summary
    assert (summary.done, summary.failed) == (4, 0)


def test_a_radiographs_spacing_is_that_of_its_maps(trained: Path, tmp_path: Path) -> None:
    stored = np.arange(80 * 96).reshape(80, 96) // 2
    radiograph = write_dicom(tmp_path / "radiograph.dcm", stored, ImagerPixelSpacing=[0.2, 0.15])
    explain(trained, radiograph, tmp_path / "out", overlay=False, top=1)
    (map,) = (tmp_path / "out").rglob("*.nii.gz")
    cell = (0.15 * 4 * 96 / 64, 0.2 * 4 * 80 / 64, 1)
    np.testing.assert_allclose(nibabel.load(map).header.get_zooms(), cell)


# --- errors


def test_invalid_radiographs_get_a_row_with_the_reason(trained: Path, tmp_path: Path) -> None:
    folder = tmp_path / "radiographs"
    folder.mkdir()
    (folder / "text.png").write_text("text")
    (folder / "empty.png").write_bytes(b"")
    write_dicom(folder / "frames.dcm", np.zeros((2, 70, 70)), NumberOfFrames=2)
    gray = np.arange(70 * 70, dtype=np.uint8).reshape(70, 70)
    WRITE["grey.png"](folder / "cut.png", gray)
    (folder / "cut.png").write_bytes((folder / "cut.png").read_bytes()[:30])  # within the header's numbers
    write_dicom(folder / "cut.dcm", gray)
    (folder / "cut.dcm").write_bytes((folder / "cut.dcm").read_bytes()[:155])
    nan = np.full((64, 64), 0.5, np.float32)
    nan[3, 4] = np.nan
    Image.fromarray(nan).save(folder / "nan.png", format="TIFF")  # PNG knows no NaN, but an ending says little
    Image.fromarray(gray[:, :1]).save(folder / "line.png")
    summary = explain(trained, folder, tmp_path / "out", overlay=False).evaluator.summary
    errors = {row["scan"]: row["error"] for row in read_rows(tmp_path / "out" / "probabilities.csv")}
    assert summary.failed == 6
    assert errors.pop("line") == "", "a radiograph of one column is enlarged as every other"
    assert "without NaN" in errors["nan"]
    assert "one frame" in errors["frames"]
    assert all("path must be" in error for error in errors.values()), errors


def test_rejects_a_network_with_other_channels(trained: Path, radiographs: Path, tmp_path: Path) -> None:
    """Its weights do not fit, and one without weights says how many channels it wants."""
    settings = {"decoder_channels": 8, "in_channels": 3}
    with pytest.raises(RuntimeError) as error:
        explain(trained, radiographs, tmp_path / "out", network_settings=settings)
    assert "in_channels=3" in cause(error)
    torch.save(PYLON(encoder="resnet18", **settings).state_dict(), tmp_path / "three.pt")
    explain(trained, radiographs, tmp_path / "out", network_settings=settings, checkpoint=str(tmp_path / "three.pt"))
    (row,) = (row for row in read_rows(tmp_path / "out" / "probabilities.csv") if row["scan"] == "a")
    assert "image must be of 3 channels" in row["error"]


def test_without_a_checkpoint_it_stops_and_says_where_weights_come_from(radiographs: Path, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError) as error:
        explain(tmp_path, radiographs, tmp_path / "out")
    assert "train.json" in cause(error)
    assert "--checkpoint" in cause(error)
    assert "github.com/cmb-chula/pylon" in cause(error)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("config", ["inference", "evaluate"])
def test_a_checkpoint_of_another_network_names_both(
    config: str, trained: Path, radiographs: Path, tmp_path: Path
) -> None:
    given = {**SMALL, "network_name": "fpn_bn", "network_settings": {}, "output": str(tmp_path / "out")}
    given |= {"checkpoint": str(trained / "models" / "model.pt")}
    given |= {"input": str(radiographs)} if config == "inference" else {"num_workers": 0}
    with pytest.raises(RuntimeError) as error:
        BUNDLE.run(config, **given)
    assert "name=fpn_bn encoder=resnet18" in cause(error)
    assert "--network_name pylon --encoder resnet18" in cause(error)
    assert not (tmp_path / "out").exists()


def test_rejects_a_state_dict_of_another_network(trained: Path, radiographs: Path, tmp_path: Path) -> None:
    torch.save(PYLON(encoder="resnet18", decoder_channels=16).state_dict(), tmp_path / "other.pt")
    with pytest.raises(RuntimeError) as error:
        explain(trained, radiographs, tmp_path / "out", checkpoint=str(tmp_path / "other.pt"))
    assert "name=pylon encoder=resnet18 decoder_channels=8" in cause(error)
    assert "other.pt" in cause(error)


def test_rejects_an_encoder_as_checkpoint(trained: Path, radiographs: Path, tmp_path: Path) -> None:
    state = PYLON(encoder="resnet18", decoder_channels=8).encoder.state_dict()
    torch.save(state, tmp_path / "encoder.pt")
    with pytest.raises(RuntimeError) as error:
        explain(trained, radiographs, tmp_path / "out", checkpoint=str(tmp_path / "encoder.pt"))
    assert "an encoder alone" in cause(error)


def test_rejects_a_truncated_checkpoint(trained: Path, radiographs: Path, tmp_path: Path) -> None:
    whole = (trained / "models" / "model.pt").read_bytes()
    (tmp_path / "half.pt").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(RuntimeError) as error:
        explain(trained, radiographs, tmp_path / "out", checkpoint=str(tmp_path / "half.pt"))
    assert "half.pt' cannot be read: it is incomplete" in cause(error)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"network_name": "pylon_nopa"}, "Did you mean 'pylon_no_pa'?"),
        ({"num_resamples": 10}, "'num_resamples' belongs to evaluate.json, which is not being run."),
        ({"encodr": "resnet18"}, "Did you mean 'encoder' instead of 'encodr'?"),
        ({"dataset_dir": "phantoms"}, "Did you mean 'phantom'?"),
        ({"weights": "imagenet.pth"}, "imagenet.pth"),
        ({"phantoms": 0}, "count must be positive"),
    ],
)
def test_wrong_values_are_errors_that_help(overrides: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises((RuntimeError, ValueError)) as error:
        train(tmp_path, **overrides)
    assert message in cause(error)
    assert not (tmp_path / "models").exists()


def test_offline_training_tells_how_to_add_the_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_connection(request: Any) -> None:
        raise URLError("no route to host")

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(torch.hub, "urlopen", no_connection)
    with pytest.raises(RuntimeError) as error:
        train(tmp_path / "run", weights="imagenet")
    assert "no route to host" in cause(error)
    assert "resnet18_imagenet.pth or give its path as weights" in cause(error)
    assert not (tmp_path / "run" / "models").exists()


# --- what MONAI's model zoo checks


@pytest.mark.filterwarnings("ignore:parsing config_file")  # MONAI warns of every bundle
def test_monai_loads_the_trained_network(trained: Path, tmp_path: Path) -> None:
    """`monai.bundle.load` with the installed configurations: every variable is the trained one."""
    bundle = BUNDLE.copy(tmp_path, trained / "models" / "model.pt")
    network = load(NAME, bundle_dir=tmp_path, device="cpu", net_override={"encoder": "resnet18", "decoder_channels": 8})
    state = torch.load(bundle / "models" / "model.pt", weights_only=True)
    assert network.state_dict().keys() == state.keys()
    assert all(torch.equal(value, state[key]) for key, value in network.state_dict().items())


@pytest.mark.parametrize("name", sorted(network_table()))
def test_every_row_of_the_papers_table_is_a_network(name: str) -> None:
    network = make_network({"name": name, "encoder": "resnet18"}).eval()
    with torch.no_grad():
        logits, attention, _ = network.explain(torch.zeros(1, 1, 64, 64))
    assert logits.shape == (1, 14)
    assert attention.shape[:2] == (1, 14)


@pytest.mark.parametrize("name", ["evaluate", "inference", "train"])
def test_it_has_the_properties(name: str, tmp_path: Path) -> None:
    assert BUNDLE.parse(name, bundle_root=str(tmp_path)).check_properties() == []


@pytest.mark.parametrize("name", ["evaluate", "inference", "train"])
def test_the_network_takes_and_gives_what_the_metadata_says(name: str) -> None:
    verify_net_in_out(
        net_id="network_def",
        meta_file=str(BUNDLE.file("metadata")),
        config_file=BUNDLE.files(name),
        device="cpu",
        encoder="resnet18",
    )


def test_the_metadata_names_the_findings_in_their_order() -> None:
    metadata = json.loads(BUNDLE.file("metadata").read_text())
    channels = metadata["network_data_format"]["outputs"]["pred"]["channel_def"]
    assert tuple(channels[str(k)] for k in range(14)) == CHEST_XRAY14_LABELS


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::torch.jit.TracerWarning")
def test_a_checkpoint_is_exported_by_trace(trained: Path, tmp_path: Path) -> None:
    checkpoint, settings = trained / "models" / "model.pt", {"decoder_channels": 8}
    exported = BUNDLE.export_by_trace(
        checkpoint, tmp_path / "model.ts", [1, 1, 64, 64], encoder="resnet18", network_settings=settings
    )
    network = make_network({"name": "pylon", "encoder": "resnet18", "decoder_channels": 8}).eval()
    network.load_state_dict(read_checkpoint(checkpoint))
    image = torch.randn(2, 1, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(exported(image), network(image), rtol=1e-5, atol=1e-5)


# --- the command line


@pytest.mark.slow
def test_the_command_line_ends_with_the_cause(radiographs: Path, tmp_path: Path) -> None:
    result = BundleRuns(NAME, **SMALL).command_line("inference", "--input", radiographs, "--bundle_root", tmp_path)
    assert result.returncode != 0
    assert result.stderr.splitlines()[-1].startswith("The cause is: FileNotFoundError: checkpoint must be a file")


@pytest.mark.slow
def test_two_processes_train_and_evaluate_as_one(tmp_path: Path) -> None:
    """Two gloo processes on the CPU; 5 test radiographs, so that one process has more than the other."""
    small, both = BundleRuns(NAME, **SMALL), two_processes()
    phantoms = ["--phantoms", "20", "--batch_size", "4", "--num_workers", "0", "--bundle_root", tmp_path]
    small.succeeds("train+multi_gpu_train", *phantoms, "--max_epochs", "2", launch=both)
    assert [row["epoch"] for row in read_rows(tmp_path / "logs" / "history.csv")] == ["1", "2"]
    small.succeeds("evaluate+multi_gpu_evaluate", *phantoms, "--output", tmp_path / "two", launch=both)
    small.succeeds("evaluate", *phantoms, "--output", tmp_path / "one")
    assert (tmp_path / "two" / "evaluation.csv").read_text() == (tmp_path / "one" / "evaluation.csv").read_text()
    assert json.loads((tmp_path / "two" / "evaluation.json").read_text())["images"] == 5


@pytest.mark.real
@pytest.mark.slow
def test_it_runs_on_real_radiographs_with_folds(public_data: Path, tmp_path: Path) -> None:
    folder = public_data / "nih_chestxray14"
    given = {"dataset_dir": str(folder), "folds": str(folder / "folds.csv"), "fold": 1}
    workflow = BUNDLE.run("evaluate", **{**EVALUATE, **given, "checkpoint": str(_random_weights(tmp_path))})
    assert workflow.evaluator.state.metrics["point_localization"] < 1
    radiographs = sorted((folder).glob("images*/*.jpg"))[:2]
    (tmp_path / "radiographs.json").write_text(json.dumps([str(radiograph) for radiograph in radiographs]))
    summary = explain(tmp_path, tmp_path / "radiographs.json", tmp_path / "out").evaluator.summary
    assert (summary.done, summary.failed) == (2, 0)


def _random_weights(folder: Path) -> Path:
    (folder / "models").mkdir()
    file = folder / "models" / "model.pt"
    torch.save(PYLON(encoder="resnet18", decoder_channels=8).state_dict(), file)
    return file
