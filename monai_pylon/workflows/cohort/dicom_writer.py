"""DICOM results of a case, beside those that another writer has written."""

from __future__ import annotations

import contextlib
import logging
import secrets
from collections.abc import Callable, Iterator, Mapping
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from monai.data import MetaTensor
from monai.transforms import Transform
from monai.utils import ImageMetaKey, TransformBackends, optional_import
from PIL import Image

from monai_pylon.data.dicom_source import read_dicom_source
from monai_pylon.reports.dicom_header import complete_headers, deidentified_headers, put_notice, save_dicom
from monai_pylon.reports.dicom_picture import secondary_capture
from monai_pylon.reports.dicom_report import measurement_report, quality_group
from monai_pylon.utils import check_type
from monai_pylon.workflows.bundle.errors import root_cause

__all__ = ["DicomCase", "DicomWriter"]

_LOGGER = logging.getLogger(__name__)
_PICTURE = "_overlay.png"


class DicomCase(NamedTuple):
    """DICOM results of a case, without picture and report.

    Attributes:
        objects: Datasets by the end of their file names.
        groups: Measurement groups of the report.
        procedure: "CT" or "radiograph".

    Example:
        >>> DicomCase({}, [], "CT").procedure
        'CT'
    """

    objects: dict[str, Any]
    groups: list[Any]
    procedure: str


@contextlib.contextmanager
def _without_uids_in_logs() -> Iterator[None]:
    """Silence highdicom, which logs the UIDs of the source images."""
    logger = logging.getLogger("highdicom")
    before = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(before)


class DicomWriter(Transform):
    """Transform that also writes the results of a case as DICOM, in the study of its source.

    A case whose source is no DICOM file keeps its other results and gets an "error" in its row, as does one whose
    headers do not suffice: DICOM results belong to a patient and a study, and these are not made up.

    Args:
        writer: Function that writes the results of an item first, and adds "row" and "files" to it.
        make: Function that makes the DICOM results from the item, the completed headers of its source, and for each
            frame of these the slice of the volume.
        output: Folder to write to.
        image_key: Item with the image as it was read, whose metadata name its path.
        enabled: Whether to write DICOM at all.
        deidentify: Whether to leave out names, numbers and dates and to use new UIDs, which differ in every run. The
            picture then shows no title. File names still hold the name of the case.

    Raises:
        RuntimeError: If highdicom is not installed.

    Example:
        >>> DicomWriter(dict, DicomCase, "results", enabled=False)({"scan": "a"})
        {'scan': 'a'}
    """

    backend = [TransformBackends.NUMPY]

    def __init__(
        self,
        writer: Callable[[dict], dict],
        make: Callable[..., DicomCase],
        output: str | PathLike[str],
        image_key: str = "image",
        enabled: bool = True,
        deidentify: bool = False,
    ) -> None:
        check_type(enabled, bool, "dicom")
        check_type(deidentify, bool, "deidentify")
        if enabled and not optional_import("highdicom")[1]:
            raise RuntimeError("DICOM results need highdicom. Install it by: pip install 'monai_pylon[dicom]'.")
        self.writer, self.make, self.output = writer, make, Path(output).expanduser()
        self.image_key, self.enabled, self.deidentify = image_key, enabled, deidentify
        self._secret = secrets.token_hex(16)
        self.columns = tuple(getattr(writer, "columns", ()))

    def __call__(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Write an item's results, and add the DICOM files to "files", or the reason for none to "row" as "error"."""
        if not self.enabled:
            return self.writer(dict(data))
        item = self.writer({**data, "title": ""} if self.deidentify else dict(data))
        try:
            with _without_uids_in_logs():
                return {**item, "files": [*item["files"], *self._write(item)]}
        except Exception as problem:  # the other results stay, and the runner logs the error
            error = f"No DICOM results: {root_cause(problem)}"
            _LOGGER.debug("%s", item["scan"], exc_info=True)
            return {**item, "row": {**item["row"], "error": error}}

    def _write(self, item: Mapping[str, Any]) -> list[str]:
        image = item[self.image_key]
        check_type(image, MetaTensor, self.image_key, "Read it by ReadVolumed or ReadRadiographd, which keep its path.")
        path = str(image.meta[ImageMetaKey.FILENAME_OR_OBJ])
        source = read_dicom_source(path, item.get("series_uid"))
        if source is None:
            raise ValueError(f"DICOM results need a DICOM source, but it is {Path(path).name!r}. Leave out --dicom.")
        raw = deidentified_headers(source.headers, self._secret) if self.deidentify else source.headers
        headers = complete_headers(raw)
        case = self.make(item, headers, source.slices)
        objects = dict(case.objects)
        for picture in (name for name in item["files"] if name.endswith(_PICTURE)):
            with Image.open(self.output / picture) as opened:
                pixels = np.asarray(opened.convert("RGB"))
            objects["overlay"] = secondary_capture(pixels, headers[0], not self.deidentify)
        groups = [*case.groups, quality_group("Network", item["notice"])] if item.get("notice") else case.groups
        objects["findings_sr"] = measurement_report(groups, headers, objects, case.procedure)
        names = {f"{item['scan']}_{ending}.dcm": made for ending, made in objects.items()}
        for name, made in names.items():
            if item.get("notice"):
                put_notice(made, item["notice"])
            if self.deidentify:
                made.PatientIdentityRemoved, made.DeidentificationMethod = "YES", headers[0].DeidentificationMethod
            save_dicom(self.output / name, made)
        return list(names)
