"""The bundle chest_ct_partition with reports, as its users run it: scans and reports in, a folder to train from out."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

from monai_pylon.data import phantom_chest_ct, rad_chestct_datalist
from monai_pylon.data.phantoms.chest_ct import ChestCTPhantom
from monai_pylon.data.phantoms.datasets import PhantomChestCTs
from monai_pylon.labeler import language_model_labels, write_label_table
from monai_pylon.taxonomy import CHEST_CT_LABELS, ORGANS
from monai_pylon.transforms.disk_cache import CacheToDiskd
from monai_pylon.utils import read_rows
from monai_pylon.workflows.cohort.report_cohort import ReportCohortSummary
from tests.workflows.bundle_runs import BundleRuns, cause
from tests.workflows.hand_written_reports import MEANT, REPORTS

BUNDLE = BundleRuns("chest_ct_partition", progress=False)
TRAINING = BundleRuns("chest_ct_classification_axialnet", progress=False)
#: A training so small that one epoch takes seconds.
TINY = {
    "image_size": [72, 72, 36],
    "spacing": [5.0, 5.0, 9.0],
    "network_settings": {"reduction_channels": [16], "reduction_padding": 1},
}
FINDINGS: list[dict[str, Any]] = [{}, {"effusion": "left"}, {"mass": "right"}, {"ild": "both"}, {"nodules": 2}]


def run_here(**overrides: Any) -> ReportCohortSummary:
    return BUNDLE.parse("reports", **{"training": TINY, "overlay": False, **overrides}).run()[0]


def write_reports(file: Path, rows: list[tuple[str, str]]) -> Path:
    with file.open("w", newline="", encoding="utf-8") as table:
        csv.writer(table).writerows([("id", "report"), *rows])
    return file


@pytest.fixture(scope="module")
def phantoms(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, ChestCTPhantom]]:
    """Phantoms of several findings, each a scan in a folder of its own below the input."""
    folder, made = tmp_path_factory.mktemp("scans"), {}
    for seed, findings in enumerate(FINDINGS):
        phantom = phantom_chest_ct(seed, (60, 54, 54), (6.0, 6.0, 6.0), **findings)
        made[f"p{seed}__ct"] = phantom
        (folder / f"p{seed}").mkdir()
        hu = np.rint(phantom.image).astype(np.int16)
        nibabel.save(nibabel.Nifti1Image(hu, phantom.affine), folder / f"p{seed}" / "ct.nii.gz")
    return folder, made


@pytest.fixture(scope="module")
def cohort(phantoms, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, ReportCohortSummary]:
    """The folder that a first run makes, the table of reports and what the run says; the input has its faults."""
    folder, made = phantoms
    (folder / "broken.nii.gz").write_bytes(b"no scan at all")
    (folder / "lonely.nii.gz").write_bytes((folder / "p0" / "ct.nii.gz").read_bytes())
    rows = [(name.removesuffix("__ct"), phantom.report) for name, phantom in made.items()]
    rows = [(f"{name}/ct", text) for name, text in rows]
    rows += [("broken", "Left mass."), ("nobody", "A secret mass."), ("p3/ct", made["p3__ct"].report), ("", "Secret.")]
    output = tmp_path_factory.mktemp("results")
    table = write_reports(output.parent / "reports.csv", rows)
    return output, table, run_here(input=str(folder), reports=str(table), output=str(output))


def test_what_is_broken_is_named_and_the_rest_is_done(cohort) -> None:
    output, _, summary = cohort
    assert summary == ReportCohortSummary(scans=7, reports=9, ready=5, left_out=5, failed=1)
    states = [(line["identifier"], line["scan"], line["state"]) for line in read_rows(output / "matches.csv")]
    assert sorted(states) == sorted(
        [
            *((f"p{k}/ct", f"p{k}__ct", "matched") for k in range(5)),
            ("broken", "broken", "no masks"),
            ("nobody", "", "no scan"),
            ("p3/ct", "p3__ct", "duplicate"),
            ("", "", "unusable"),
            ("", "lonely", "no report"),
        ]
    )


def test_no_text_of_a_report_is_in_any_file_or_name(cohort) -> None:
    output, _, _ = cohort
    for file in output.rglob("*"):
        assert "secret" not in file.name.lower()
        if file.suffix in (".csv", ".html"):
            assert "secret" not in file.read_text().lower()
            assert "There is a" not in file.read_text()


def test_the_labels_of_generated_reports_are_the_phantoms(cohort, phantoms) -> None:
    output, _, _ = cohort
    items = {item["name"]: item for item in rad_chestct_datalist(output, "all")}
    assert set(items) == set(phantoms[1])
    for name, phantom in phantoms[1].items():
        np.testing.assert_array_equal(items[name]["locations"], phantom.locations, err_msg=name)
        np.testing.assert_array_equal(items[name]["label"], phantom.labels)
        assert Path(items[name]["organs"]).name == f"{name}_organs.nii.gz"


def test_the_page_names_what_was_left_out(cohort) -> None:
    page = (cohort[0] / "summary.html").read_text()
    for words in ("nobody", "lonely", "broken", "no identifier", "<b>5</b> scans ready", "chest_ct_classification"):
        assert words in page


def test_a_second_run_makes_nothing_again(cohort, phantoms) -> None:
    output, table, first = cohort
    before = {file: file.stat().st_mtime_ns for file in output.rglob("*") if file.suffix in (".gz", ".pt")}
    assert run_here(input=str(phantoms[0]), reports=str(table), output=str(output)) == first
    assert {file: file.stat().st_mtime_ns for file in before} == before
    assert len(list((output / "regions").iterdir())) == 5


def test_another_report_makes_the_regions_again_and_not_the_masks(cohort, phantoms, tmp_path: Path) -> None:
    folder, made = phantoms
    scan = folder / "p0"
    rows = [("ct", made["p0__ct"].report)]
    table = write_reports(tmp_path / "r.csv", rows)
    run_here(input=str(scan), reports=str(table), output=str(tmp_path / "out"))
    mask = (tmp_path / "out" / "ct_organs.nii.gz").stat().st_mtime_ns
    write_reports(table, [("ct", "There is a mass in the right lower lobe.")])
    run_here(input=str(scan), reports=str(table), output=str(tmp_path / "out"))
    assert (tmp_path / "out" / "ct_organs.nii.gz").stat().st_mtime_ns == mask
    assert len(list((tmp_path / "out" / "regions").iterdir())) == 2
    (row,) = read_rows(tmp_path / "out" / "regions.csv")
    assert (row["labels"], row["allowed_nowhere"]) == ("1", "0")
    kept = CacheToDiskd("allowed", (), dict, None).read(tmp_path / "out" / row["files"])
    assert kept is not None
    allowed = kept["allowed"]
    assert allowed.flatten(1).any(1).nonzero().tolist() == [[CHEST_CT_LABELS.index("lung mass")]]


def test_reports_in_parquet(phantoms, tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    parquet = pytest.importorskip("pyarrow.parquet")
    folder, made = phantoms
    columns = {"id": ["ct", "ct2"], "report": [made["p1__ct"].report, None], "section": ["train", "test"]}
    parquet.write_table(pyarrow.table(columns), tmp_path / "r.parquet")
    output = tmp_path / "out"
    run_here(input=str(folder / "p1"), reports=str(tmp_path / "r.parquet"), output=str(output), regions=False)
    (row,) = read_rows(output / "labels.csv")
    assert (row["scan"], row["section"], row["pleural effusion*left lung"]) == ("ct", "training", "1")
    assert [line["state"] for line in read_rows(output / "matches.csv")] == ["unusable", "matched"]


@pytest.fixture(scope="module")
def labeled_cohort(phantoms, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ReportCohortSummary]:
    """The folder that a run makes of labels which a language model listed, through the adapter and its table."""
    folder, made = phantoms
    output = tmp_path_factory.mktemp("labeled")
    entries = []
    for name, phantom in made.items():
        findings = [
            {"abnormality": CHEST_CT_LABELS[k], "locations": [ORGANS[o]]} for k, o in np.argwhere(phantom.locations)
        ]
        entries.append({"report": name.replace("__", "/"), "findings": findings})
    entries += [{"report": "nobody", "findings": []}, {"report": "p4__ct.nii.gz", "findings": entries[4]["findings"]}]
    (output.parent / "listed.json").write_text(json.dumps(entries))
    table = language_model_labels(output.parent / "listed.json")
    values = table.values
    values[0] = np.nan
    write_label_table(output.parent / "table.csv", table.reports, values, patient=[f"of {n}" for n in table.reports])
    summary = run_here(input=str(folder), labels=str(output.parent / "table.csv"), output=str(output))
    return output, summary


def test_labels_from_elsewhere_make_a_folder_to_train_from(labeled_cohort, phantoms) -> None:
    output, summary = labeled_cohort
    others = {path.name.split(".")[0] for path in phantoms[0].iterdir() if path.is_file()}
    assert (summary.reports, summary.ready) == (7, 4)
    assert "section" not in read_rows(output / "labels.csv")[0]
    items = {item["name"]: item for item in rad_chestct_datalist(output, "all")}
    assert set(items) == {f"p{k}__ct" for k in range(1, 5)}
    for name, item in items.items():
        np.testing.assert_array_equal(item["locations"], phantoms[1][name].locations, err_msg=name)
        assert item["patient_id"] == f"of {name.replace('__', '/')}"
    states = [(line["identifier"], line["scan"], line["state"]) for line in read_rows(output / "matches.csv")]
    assert sorted(states) == sorted(
        [
            *((f"p{k}/ct", f"p{k}__ct", "matched") for k in range(1, 5)),
            ("p0/ct", "p0__ct", "no labels"),
            ("nobody", "", "no scan"),
            ("p4__ct.nii.gz", "p4__ct", "duplicate"),
            *(("", name, "no masks" if name == "broken" else "no report") for name in others),
        ]
    )
    assert "all labels of this scan are unknown in the table" in (output / "summary.html").read_text()
    assert len(list((output / "regions").iterdir())) == 4


def test_reports_that_fit_no_scan_end_with_a_page(phantoms, tmp_path: Path) -> None:
    table = write_reports(tmp_path / "r.csv", [("somebody", "Left mass.")])
    with pytest.raises(RuntimeError) as error:
        run_here(input=str(phantoms[0] / "p0"), reports=str(table), output=str(tmp_path / "out"))
    assert "No scan has both labels and masks" in cause(error)
    assert "somebody" in (tmp_path / "out" / "summary.html").read_text()


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({}, "--reports PATH"),
        ({"reports": "/there/is/no/such.csv"}, "no/such.csv"),
        ({"labels": "/there/is/no/such.csv"}, "no/such.csv"),
        ({"labels": str(BUNDLE.file("reports"))}, "the header must have a column 'report'"),
        ({"labels": "labels.csv", "reports": "reports.csv"}, "labels must be None if reports are given"),
        ({"duplicates": "joined"}, "Did you mean 'join'?"),
        ({"silent": "absnt"}, "Did you mean 'absent'?"),
        ({"keep_scans": "move"}, "'link', 'copy'"),
        ({"side_unknown": "left"}, "side_unknown"),
        ({"training": {"image_siz": [72, 72, 36]}}, "Did you mean 'image_size'?"),
        ({"method": "papr"}, "Did you mean 'paper'?"),
    ],
)
def test_wrong_values_are_errors_before_anything_runs(
    phantoms, tmp_path: Path, overrides: dict[str, Any], message: str
) -> None:
    with pytest.raises(RuntimeError) as error:
        run_here(input=str(phantoms[0]), output=str(tmp_path / "new"), **overrides)
    assert message in cause(error)
    assert not (tmp_path / "new").exists()


def test_it_has_every_property_that_monai_asks_for(phantoms, tmp_path: Path) -> None:
    workflow = BUNDLE.parse("reports", input=str(phantoms[0]), output=str(tmp_path), regions=False)
    assert workflow.check_properties() == []


def train_from(output: Path, folder: Path, training: dict[str, Any]) -> None:
    """An epoch of AxialNet. Its regions are in the cache already: bundle and cohort make the same ones."""
    ready = sorted(file.name for file in (output / "regions").iterdir())
    TRAINING.run(
        "train",
        bundle_root=str(folder),
        dataset_dir=str(output),
        cache_dir=str(output / "regions"),
        weights="scratch",
        max_epochs=1,
        num_workers=0,
        tensorboard=False,
        **training,
    )
    assert sorted(file.name for file in (output / "regions").iterdir()) == ready
    (row,) = read_rows(folder / "logs" / "history.csv")
    assert all(np.isfinite(float(value)) for name, value in row.items() if name.endswith("loss"))
    assert list((folder / "models").iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("made", ["cohort", "labeled_cohort"])
def test_axialnet_trains_from_that_folder_alone(made: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    train_from(request.getfixturevalue(made)[0], tmp_path, TINY)


def test_without_data_there_are_phantoms_with_reports(tmp_path: Path) -> None:
    output = tmp_path / "out"
    summary = run_here(input="phantom", phantoms=2, bundle_root=str(tmp_path), output=str(output), regions=False)
    assert summary == ReportCohortSummary(scans=2, reports=2, ready=2, left_out=0, failed=0)
    for number, item in enumerate(rad_chestct_datalist(output, "training")):
        np.testing.assert_array_equal(item["locations"], PhantomChestCTs(2).phantom(number).locations)


@pytest.mark.real
@pytest.mark.slow
def test_real_scans_with_a_report_written_for_each(public_data: Path, tmp_path: Path) -> None:
    scans = [public_data / "chest_ct" / path for path in REPORTS]
    (tmp_path / "scans.json").write_text(json.dumps([str(scan) for scan in scans]))
    table = tmp_path / "reports.jsonl"
    sections = dict(zip(REPORTS, ["training"] * 4 + ["validation", "test"], strict=True))
    rows = ({"id": Path(path).name, "section": sections[path], "report": text} for path, text in REPORTS.items())
    table.write_text("\n".join(json.dumps(row) for row in rows))
    training = {**TINY, "spacing": [4.0, 4.0, 9.0], "image_size": [105, 105, 45]}
    output = tmp_path / "out"
    summary = run_here(input=str(tmp_path / "scans.json"), reports=str(table), output=str(output), training=training)
    assert summary == ReportCohortSummary(scans=6, reports=6, ready=6, left_out=0, failed=0)
    for item in rad_chestct_datalist(output, "all"):
        meant = np.zeros((80, 3), dtype=bool)
        for label, organs in MEANT[item["name"]].items():
            meant[CHEST_CT_LABELS.index(label)] = organs
        np.testing.assert_array_equal(item["locations"], meant, err_msg=item["name"])
    assert all(row["allowed_nowhere"] == "0" for row in read_rows(output / "regions.csv"))
    assert (output / "dicom_lung_pet_ct_dx_A0002.nii.gz").is_file()
    train_from(output, tmp_path / "net", training)
