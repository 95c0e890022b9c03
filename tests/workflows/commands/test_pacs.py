"""Round trip through a PACS: Orthanc gets a series, the command reads it, and Orthanc gives the results back equal.

Needs Orthanc and DCMTK (Debian: orthanc, dcmtk; for DICOMweb also orthanc-dicomweb); skipped without them.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import pydicom
import pytest

from monai_pylon.__main__ import main
from tests.workflows.commands.dicom_inputs import write_series

pytestmark = pytest.mark.slow
_DICOMWEB = next(Path("/usr").glob("*/orthanc/plugins/libOrthancDicomWeb.so*"), None)


class Orthanc(NamedTuple):
    """A running server."""

    address: str
    dicom_port: int

    def get(self, path: str, data: bytes | None = None, **headers: str) -> bytes:
        request = urllib.request.Request(self.address + path, data, headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.read()

    def store(self, folder: Path) -> None:
        """Send all files of a folder by C-STORE."""
        command = ["storescu", "-R", "+sd", "localhost", str(self.dicom_port), str(folder)]
        subprocess.run(command, check=True, capture_output=True, timeout=120)

    def datasets(self) -> dict[str, pydicom.Dataset]:
        """Download all instances."""
        files = [self.get(f"/instances/{one}/file") for one in json.loads(self.get("/instances"))]
        found = [pydicom.dcmread(BytesIO(file)) for file in files]
        return {one.SOPInstanceUID: one for one in found}


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@pytest.fixture
def orthanc(tmp_path: Path) -> Iterator[Orthanc]:
    program = shutil.which("Orthanc") or shutil.which("Orthanc", path="/usr/sbin")
    for name, found in (("Orthanc", program), ("storescu of DCMTK", shutil.which("storescu"))):
        if found is None:
            pytest.skip(f"{name} is missing: install the Debian packages orthanc and dcmtk")
    web, dicom = free_port(), free_port()
    settings = {
        "StorageDirectory": str(tmp_path / "db"), "IndexDirectory": str(tmp_path / "db"), "HttpPort": web,
        "DicomPort": dicom, "RemoteAccessAllowed": False, "AuthenticationEnabled": False,
        "Plugins": [] if _DICOMWEB is None else [str(_DICOMWEB)], "DicomWeb": {"Enable": True},
    }  # fmt: skip
    (tmp_path / "orthanc.json").write_text(json.dumps(settings))
    server = subprocess.Popen(
        [str(program), str(tmp_path / "orthanc.json")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    running = Orthanc(f"http://127.0.0.1:{web}", dicom)
    try:
        for _ in range(100):
            try:
                running.get("/system")
                break
            except (urllib.error.URLError, ConnectionError):
                assert server.poll() is None, "Orthanc ended"
                time.sleep(0.2)
        yield running
    finally:
        server.terminate()
        server.wait(30)


def elements(dataset: pydicom.Dataset) -> dict[str, str]:
    return {str(element.tag): str(element.value) for element in dataset}


def test_results_come_back_equal(orthanc: Orthanc, tmp_path: Path) -> None:
    orthanc.store(write_series(tmp_path / "sent"))
    received = orthanc.datasets()
    assert len(received) == 54
    (tmp_path / "in" / "series").mkdir(parents=True)
    for number, dataset in enumerate(received.values()):
        dataset.save_as(tmp_path / "in" / "series" / f"{number}.dcm")
    assert main(["organs", str(tmp_path / "in" / "series"), "-o", str(tmp_path / "out"), "--dicom"]) == 0
    results = [pydicom.dcmread(file) for file in sorted((tmp_path / "out").rglob("*.dcm"))]
    assert {one.Modality for one in results} == {"SEG", "OT", "SR"}

    (tmp_path / "results").mkdir()
    for file in (tmp_path / "out").rglob("*.dcm"):
        shutil.copy(file, tmp_path / "results")
    orthanc.store(tmp_path / "results")
    stored = orthanc.datasets()
    assert len(stored) == len(received) + len(results)
    for result in results:
        assert elements(stored[result.SOPInstanceUID]) == elements(result)
    studies = json.loads(orthanc.get("/studies?expand"))
    assert len(studies) == 1, "the results lie in the study of the scan"
    assert len(studies[0]["Series"]) == 1 + len(results)


def test_dicomweb_finds_the_results(orthanc: Orthanc, tmp_path: Path) -> None:
    if _DICOMWEB is None:
        pytest.skip("DICOMweb is missing: install the Debian package orthanc-dicomweb")
    series = write_series(tmp_path / "series")
    assert main(["organs", str(series), "-o", str(tmp_path / "out"), "--dicom"]) == 0
    files = sorted((tmp_path / "out").rglob("*.dcm"))
    for file in [*series.iterdir(), *files]:  # STOW-RS
        body = b"--end\r\nContent-Type: application/dicom\r\n\r\n" + file.read_bytes() + b"\r\n--end--"
        kind = 'multipart/related; type="application/dicom"; boundary=end'
        orthanc.get("/dicom-web/studies", body, **{"Content-Type": kind, "Accept": "application/dicom+json"})
    made = {pydicom.dcmread(file, stop_before_pixels=True).SeriesInstanceUID for file in files}
    study = pydicom.dcmread(files[0], stop_before_pixels=True).StudyInstanceUID
    found = json.loads(orthanc.get(f"/dicom-web/studies/{study}/series", Accept="application/dicom+json"))  # QIDO-RS
    assert len(found) == 4
    assert made < {one["0020000E"]["Value"][0] for one in found}
