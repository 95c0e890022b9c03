"""Identifiers of patients in headers and reports: where they may be in the results, and that they are nowhere else."""

from __future__ import annotations

import gzip
import json
import logging
import shutil
from pathlib import Path

import nibabel
import pydicom
import pytest
import SimpleITK
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from monai_pylon.__main__ import main
from tests.workflows.commands.dicom_inputs import write_chest, write_series
from tests.workflows.commands.leaks import leaks

#: Fields that name patient, study or visit: DICOM results without --deidentify carry them, and nothing else does.
OF_THE_STUDY = {
    "PatientName": "Qnamexq^Vorname",
    "PatientID": "QPIDXQ-4711",
    "PatientBirthDate": "19170329",
    "AccessionNumber": "QACCXQ-99",
    "StudyDate": "20190228",
    "StudyID": "QSTUDYXQ",
    "ReferringPhysicianName": "Qreferxq^Arzt",
    "PatientComments": "Qcommentxq",
    "AdditionalPatientHistory": "Qhistoryxq",
}
#: Fields that no result carries.
OF_NOBODY = {
    "InstitutionName": "Qinstitutionxq",
    "InstitutionAddress": "Qaddressxq 1",
    "InstitutionalDepartmentName": "Qdepartmentxq",
    "StationName": "QSTATIONXQ",
    "DeviceSerialNumber": "QSERIALXQ",
    "ImageComments": "Qimagexq",
    "PatientAddress": "Qstreetxq 5",
    "PatientTelephoneNumbers": "Qphonexq",
    "OtherPatientIDs": "QOTHERXQ",
    "OperatorsName": "Qoperatorxq",
    "PerformingPhysicianName": "Qperformerxq",
    "RequestingPhysician": "Qrequesterxq",
    "RequestedProcedureDescription": "Qprocedurexq",
    "SeriesDescription": "Qseriesxq",
    "ProtocolName": "Qprotocolxq",
}
UIDS = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
#: Texts to look for.
STUDY_WORDS = [part for value in OF_THE_STUDY.values() for part in value.split("^") if part != "Arzt"]
OTHER_WORDS = [*OF_NOBODY.values(), "QPRIVATEXQ", "Qnestedxq"]


def add_hidden(folder: Path) -> None:
    """Add a private field and a sequence with a name to each file."""
    for file in sorted(folder.rglob("*.dcm")):
        dataset = pydicom.dcmread(file)
        dataset.private_block(0x0031, "MAKER", create=True).add_new(1, "LO", "QPRIVATEXQ")
        request = pydicom.Dataset()
        request.ScheduledProcedureStepDescription = "Qnestedxq"
        dataset.RequestAttributesSequence = [request]
        dataset.save_as(file)


def uids_of(folder: Path) -> set[str]:
    """Return the UIDs of studies, series and images."""
    headers = [pydicom.dcmread(file) for file in folder.rglob("*.dcm")]
    return {str(header[name].value) for header in headers for name in UIDS}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders of a good and a damaged CT series, and of a good and a damaged radiograph."""
    root, tags = tmp_path_factory.mktemp("identifiers"), {**OF_THE_STUDY, **OF_NOBODY}
    (root / "ct").mkdir()
    write_series(root / "ct" / "a", **tags)
    shutil.copytree(root / "ct" / "a", root / "ct" / "b")
    (root / "xray").mkdir()
    for name in "ab":
        write_chest(root / "xray" / f"{name}.dcm", **tags)
    add_hidden(root)
    sorted((root / "ct" / "b").iterdir(), key=lambda file: pydicom.dcmread(file).InstanceNumber)[5].unlink()
    chest = pydicom.dcmread(root / "xray" / "b.dcm")
    del chest.PixelData
    chest.save_as(root / "xray" / "b.dcm")
    return root


@pytest.mark.parametrize("command", ["organs", "ct", "xray"])
def test_only_dicom_results_name_the_patient_and_none_with_deidentify(
    command: str,
    inputs: Path,
    xray_model: Path,
    ct_model: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    given = [command, str(inputs / ("xray" if command == "xray" else "ct")), "--page", "--dicom", "--debug"]
    if command != "organs":
        model = xray_model if command == "xray" else ct_model
        given += ["--model", str(model), "--device", "cpu", "--top", "1"]
    uids = uids_of(Path(given[1]))
    for kind, more in {"plain": [], "removed": ["--deidentify"]}.items():
        output = tmp_path / kind
        with caplog.at_level(logging.DEBUG):
            assert main([*given, *more, "-o", str(output)]) == 1, "one input is damaged"
        shown = capfd.readouterr()
        found = leaks([*STUDY_WORDS, *OTHER_WORDS, *uids], output, shown.out + shown.err + caplog.text)
        assert len(list(output.rglob("*.dcm"))) >= 3
        assert len(list(output.rglob("*_page.html"))) == 1
        in_dicom = {word for name, word in found if name.endswith(".dcm")} - set(() if more else uids)
        assert {one for one in found if not one[0].endswith(".dcm")} == set()
        assert in_dicom == (set() if more else set(STUDY_WORDS))


@pytest.mark.parametrize("command", ["organs", "xray"])
def test_several_series_or_a_wrong_view_are_refused_without_names(
    command: str, inputs: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """The errors of these name fields of the header."""
    tags = {**OF_THE_STUDY, **OF_NOBODY}
    if command == "organs":
        source = tmp_path / "two"
        write_series(source, **tags)
        other = write_series(tmp_path / "other", **{**tags, "SeriesNumber": 3})
        for file in other.iterdir():
            shutil.copyfile(file, source / f"o{file.name}")
    else:
        source = write_chest(tmp_path / "knee.dcm", **tags, BodyPartExamined="KNEE")
    with caplog.at_level(logging.DEBUG):
        assert main([command, str(source), "-o", str(tmp_path / "out"), "--debug"]) == 1
    shown = capfd.readouterr()
    assert leaks([*STUDY_WORDS, *OTHER_WORDS], tmp_path / "out", shown.out + shown.err + caplog.text) == set()


def test_headers_of_other_formats(
    scan: Path, radiograph: Path, xray_model: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Comments in NIfTI, NRRD, MetaImage and PNG files are not repeated."""
    (tmp_path / "ct").mkdir()
    (tmp_path / "xray").mkdir()
    image = nibabel.load(scan)
    image.header["descrip"], image.header["aux_file"], image.header["db_name"] = b"Qnamexq", b"Qcommentxq", b"QPIDXQ"
    image.header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", b"QPRIVATEXQ"))
    nibabel.save(image, tmp_path / "ct" / "a.nii.gz")
    assert b"Qnamexq" in gzip.decompress((tmp_path / "ct" / "a.nii.gz").read_bytes())
    volume = SimpleITK.ReadImage(str(scan))
    volume.SetMetaData("PatientName", "Qnamexq")
    for ending in ("nrrd", "mha"):
        SimpleITK.WriteImage(volume, tmp_path / "ct" / f"b_{ending}.{ending}")
    with (tmp_path / "ct" / "c.nii.gz").open("wb") as broken:
        broken.write((tmp_path / "ct" / "a.nii.gz").read_bytes()[:900])
    text = PngInfo()
    text.add_text("Patient", "Qnamexq")
    Image.open(radiograph).save(tmp_path / "xray" / "d.png", pnginfo=text)
    exif = Image.Exif()
    exif[0x010E] = "Qcommentxq"
    Image.open(radiograph).convert("L").save(tmp_path / "xray" / "e.jpg", exif=exif)
    output = tmp_path / "out"
    assert main(["organs", str(tmp_path / "ct"), "-o", str(output / "o"), "--page", "--debug"]) == 1
    model = ["--model", str(xray_model), "--device", "cpu", "--top", "1"]
    assert main(["xray", str(tmp_path / "xray"), "-o", str(output / "x"), "--page", "--debug", *model]) == 0
    assert len(list(output.rglob("*_page.html"))) == 5
    shown = capfd.readouterr()
    assert leaks(["Qnamexq", "Qcommentxq", "QPIDXQ", "QPRIVATEXQ"], output, shown.out + shown.err) == set()


#: Texts of reports, readable and not; each holds a name.
TEXTS = [
    "Patient Qnamexq, born 29.03.1917. Left pleural effusion. Reported by Dr. Qreferxq.",
    "",
    "Qnamexq: Befund unauffällig. Kein Pleuraerguss, keine Infiltrate, keine Stauung. Herz normal groß.",
    "Qnamexq " * 30_000,
    "\ufffd\ufffdQnamexq\ufffd no effus\ufffdon.",
    "Qnamexq, 4711, chest pain.",
]
REPORT_WORDS = ["Qnamexq", "29.03.1917", "Qreferxq", "QMRNXQ", "Qclinicxq"]


def write_reports(folder: Path) -> list[Path]:
    """Write the texts as tables and as a folder, with columns and lines that are damaged."""
    (folder / "texts").mkdir()
    for number, text in enumerate(TEXTS):
        (folder / "texts" / f"r{number}.txt").write_text(text, encoding="utf-8")
    (folder / "texts" / "latin.txt").write_bytes("Qnamexq: große Ergüsse.".encode("latin-1"))
    rows = "".join(f'r{number},"{text}",QMRNXQ,Qclinicxq\n' for number, text in enumerate(TEXTS))
    broken = 'r9,"Qnamexq, never closed\n'
    (folder / "a.csv").write_text(f"id,report,mrn,clinic\n{rows},Qnamexq alone,,\nr7,Qnamexq,x\n{broken}", "utf-8")
    lines = [json.dumps({"id": f"r{n}", "report": text, "mrn": "QMRNXQ"}) for n, text in enumerate(TEXTS)]
    lines += ['{"id": "r8", "report": "Qnamexq', '"Qnamexq"', '{"id": "r9", "report": ["Qnamexq"]}', '{"x": "Qnamexq"}']
    (folder / "b.jsonl").write_text("\n".join(lines), "utf-8")
    (folder / "no_header.csv").write_text("r1,Qnamexq has a left effusion.,Qclinicxq\n", "utf-8")
    return [folder / "texts", folder / "a.csv", folder / "b.jsonl", folder / "no_header.csv"]


@pytest.mark.parametrize("states", [[], ["--states", "rules"]], ids=["findings", "states"])
def test_labels_repeats_nothing_of_a_report(
    states: list[str], tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    for source in write_reports(tmp_path / "in"):
        output = tmp_path / "out" / f"{source.stem}.csv"
        with caplog.at_level(logging.DEBUG):
            code = main(["labels", str(source), "-o", str(output), *states])
            assert code == (2 if source.stem == "no_header" else 1), source
        if code == 1:
            problems = output.with_name(f"{source.stem}_problems.csv").read_text()
            assert "the report is empty" in problems
            assert "more than 200,000" in problems
    shown = capfd.readouterr()
    assert leaks(REPORT_WORDS, tmp_path / "out", shown.out + shown.err + caplog.text) == set()
