"""CT series of a DICOM folder as volumes: every slice's header decides, never that of one file alone.

An error names what a viewer would show as odd: several series, missing slices, duplicates, slices of another geometry,
several acquisitions, gantry tilt, truncated files. SimpleITK decodes the pixels; the geometry comes from the headers.
"""

from __future__ import annotations

import itertools
import logging
from collections import Counter
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from monai.utils import optional_import

from monai_pylon.data.dicom_headers import CTSlice, DicomFolder, geometry_groups, read_dicom_headers
from monai_pylon.data.dicom_pixels import decode_slices, stored_bytes
from monai_pylon.data.path_transform import BURNED_IN
from monai_pylon.data.scan_headers.phases import mixed_phases
from monai_pylon.data.scan_headers.rescale import wrong_rescale
from monai_pylon.data.slice_grid import SliceGrid, fit_slice_grid, rounding_step
from monai_pylon.data.volume_limits import check_voxel_count

__all__ = ["find_volume_slices", "is_dicom_file", "read_dicom_series"]

_LOGGER = logging.getLogger(__name__)
#: Slices of another orientation up to this number are scouts and are skipped.
_MOST_SCOUTS = 3
_CHOICE = (
    "Name an acquisition as series_uid (--series) by SeriesNumber:AcquisitionNumber, such as 2:1, or keep the files of "
    "each in its own folder."
)
#: Files below a folder in which slices are looked for, to name the right folder in an error.
_MOST_SEARCHED = 1000


def is_dicom_file(path: str | PathLike[str]) -> bool:
    """Return whether a file is DICOM, by its ending or by "DICM" after 128 bytes.

    Args:
        path: A file. Its name needs no ending.

    Returns:
        True for a DICOM file.

    Example:
        >>> is_dicom_file("1-01.dcm")
        True
        >>> is_dicom_file("there_is_no_such_file")
        False
    """
    path = Path(path)
    if path.suffix.lower() in (".dcm", ".ima"):
        return True
    try:
        with path.open("rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError:
        return False


def _normal(one: CTSlice) -> np.ndarray:
    normal = np.cross(one.orientation[:3], one.orientation[3:])
    return normal / np.linalg.norm(normal)


def _described(groups: Sequence[Sequence[CTSlice]]) -> str:
    """Describe groups of slices by what tells them apart."""
    texts = []
    for group in groups:
        first = group[0]
        acquisitions = ", ".join(sorted({one.acquisition or "none" for one in group}))
        texts.append(
            f"{len(group)} slices of {first.size[0]} x {first.size[1]} pixels, PixelSpacing "
            f"{first.spacing[0]:g} x {first.spacing[1]:g} mm, AcquisitionNumber {acquisitions}"
        )
    return "; ".join(texts)


def _listed(content: DicomFolder) -> str:
    """List the CT series of a folder, without descriptions: people write names and dates into them."""
    listed = []
    for uid, slices in content.slices.items():
        fields = {"SeriesNumber": slices[0].number, "ConvolutionKernel": slices[0].kernel}
        known = "".join(f"{name} {value}; " for name, value in fields.items() if value)
        listed.append(f"{uid} ({known}{len(slices)} slices)")
    return "; ".join(listed)


def _folder_below(folder: str) -> str:
    """Name the first folder below that holds DICOM files, as on a CD."""
    below = (path for path in sorted(Path(folder).rglob("*")) if path.is_file() and path.parent != Path(folder))
    found = next((path.parent for path in itertools.islice(below, _MOST_SEARCHED) if is_dicom_file(path)), None)
    return "" if found is None else f" Its folder {str(found.relative_to(folder))!r} holds DICOM files."


def _uid_of(content: DicomFolder, series: str) -> str | None:
    """Return the UID of the one series with this UID or SeriesNumber, or None."""
    if series in content.slices:
        return series
    found = [uid for uid, slices in content.slices.items() if slices[0].number == series]
    return found[0] if len(found) == 1 else None


def _chosen_series(content: DicomFolder, folder: str, series_uid: str | int | None) -> list[CTSlice]:
    """Return the slices of the series that was asked for, or of the only one."""
    chosen = None if series_uid is None else _uid_of(content, str(series_uid).strip())
    known = content.problem_series
    problems = {file: text for file, text in content.problems.items() if known.get(file, chosen) in (chosen, None)}
    if chosen is None:
        problems = content.problems
    if problems:
        file, reason = next(iter(problems.items()))
        others = f" {len(problems) - 1} more files have problems." if len(problems) > 1 else ""
        raise ValueError(
            f"{folder!r} holds a DICOM file that cannot be used. {file.name}: {reason}.{others} "
            "Repair or remove these files."
        )
    if not content.slices:
        skipped = "; ".join(f"{count} x {reason}" for reason, count in Counter(content.skipped.values()).items())
        raise ValueError(
            f"path must be a folder with a CT series (DICOM), but is {folder!r}. No CT slices were found in it"
            f"{f' (skipped: {skipped})' if skipped else ''}.{_folder_below(folder)}"
        )
    if chosen is not None:
        return content.slices[chosen]
    if series_uid is not None:
        raise ValueError(
            f"series_uid must be the UID of a CT series in the folder, or the SeriesNumber that only one has, but is "
            f"{series_uid!r}. {folder!r} holds {_listed(content)}."
        )
    if len(content.slices) > 1:
        raise ValueError(
            f"path must be a folder with one CT series, but is {folder!r}. It holds {len(content.slices)}: "
            f"{_listed(content)}. Name one as series_uid (--series) by UID or SeriesNumber, or keep each in its own "
            "folder."
        )
    return next(iter(content.slices.values()))


def _chosen_acquisition(slices: list[CTSlice], folder: str, number: str) -> list[CTSlice]:
    """Return the slices of a series that have an AcquisitionNumber."""
    chosen = [one for one in slices if one.acquisition == number]
    if not chosen:
        known = ", ".join(sorted({one.acquisition or "none" for one in slices}))
        raise ValueError(
            f"series_uid must end in an AcquisitionNumber of the series after ':', but is {number!r}. "
            f"{folder!r} has {known}."
        )
    return chosen


def _without_scouts(slices: list[CTSlice], folder: str) -> list[CTSlice]:
    """Keep the slices of one geometry; a few slices of another orientation are scouts."""
    groups = geometry_groups(slices)
    main, rest = groups[0], groups[1:]
    scouts = [g for g in rest if len(g) <= _MOST_SCOUTS and abs(float(_normal(g[0]) @ _normal(main[0]))) < 0.7]
    for group in scouts:
        _LOGGER.warning("%s: skipped %d slice(s) of another orientation (scout).", folder, len(group))
    if len(scouts) < len(rest):
        different = [main, *(group for group in rest if group not in scouts)]
        raise ValueError(
            f"path must be a series whose slices have one geometry, but {folder!r} has {len(different)}: "
            f"{_described(different)}. {_CHOICE}"
        )
    return main


def _without_copies(slices: list[CTSlice], folder: str) -> list[CTSlice]:
    """Drop exact copies of a slice; different slices at one position are several acquisitions."""
    by_position: dict[tuple[float, ...], list[CTSlice]] = {}
    for one in slices:
        by_position.setdefault(tuple(round(float(v), 3) for v in one.position), []).append(one)
    kept = []
    for position, same in by_position.items():
        kept.append(same[0])
        if len(same) == 1:
            continue
        pixels = [stored_bytes(one) for one in same]
        if any(pixel != pixels[0] for pixel in pixels[1:]):
            acquisitions = Counter(one.acquisition or "none" for one in slices)
            listed = ", ".join(f"{number} ({count} slices)" for number, count in sorted(acquisitions.items()))
            raise ValueError(
                f"path must be a series with one slice at each position, but {folder!r} has {len(same)} different ones "
                f"at ImagePositionPatient {position}. AcquisitionNumber: {listed}. {_CHOICE}"
            )
        _LOGGER.warning("%s: skipped %d exact copies of the slice at %s.", folder, len(same) - 1, position)
    return kept


def find_volume_slices(
    folder: str | PathLike[str], series_uid: str | int | None = None
) -> tuple[list[CTSlice], SliceGrid]:
    """Find the slices of the CT series of a DICOM folder in the order of the volume, without scouts and copies.

    Args:
        folder: Folder with DICOM files. Other objects in it are skipped.
        series_uid: SeriesInstanceUID or SeriesNumber of the series, if the folder holds several; with ":" and an
            AcquisitionNumber, only the slices of this acquisition.

    Returns:
        The slices along their normal, and the grid that they form.

    Raises:
        ValueError: As :func:`read_dicom_series`.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as empty:
        ...     find_volume_slices(empty)
        Traceback (most recent call last):
        ...
        ValueError: path must be a folder with a CT series (DICOM), but is ... No CT slices were found in it.
    """
    name = str(folder)
    series, _, acquisition = str("" if series_uid is None else series_uid).strip().partition(":")
    slices = _chosen_series(read_dicom_headers(folder), name, series or None)
    slices = _chosen_acquisition(slices, name, acquisition.strip()) if acquisition else slices
    slices = _without_copies(_without_scouts(slices, name), name)
    positions = np.array([[float(v) for v in one.position] for one in slices])
    rounding = max(rounding_step(one.position) for one in slices)
    grid = fit_slice_grid(positions, _normal(slices[0]), rounding)
    if grid.problem:
        raise ValueError(f"path must be a complete series with evenly spaced slices, but is {name!r}. {grid.problem}")
    ordered = [slices[index] for index in grid.order]
    if mixed := mixed_phases([one.phase for one in ordered]):
        raise ValueError(f"path must be a series of one phase, but in {name!r} {mixed}. {_CHOICE}")
    return ordered, grid


def read_dicom_series(folder: str | PathLike[str], series_uid: str | int | None = None) -> Any:
    """Read the CT series of a DICOM folder, in HU.

    Padding values (PixelPaddingValue) that no tissue can have become air (-1024 HU).

    Args:
        folder: Folder with DICOM files. Other objects in it are skipped.
        series_uid: SeriesInstanceUID or SeriesNumber of the series to read, if the folder holds several; with ":" and
            an AcquisitionNumber ("2:1", or ":1" for the only series), only the slices of this acquisition.

    Returns:
        SimpleITK image of size (X, Y, Z), float32.

    Raises:
        ValueError: If there is no CT series, several and no choice, an unreadable file, or a series that is no complete
            volume: missing slices, several geometries or acquisitions, gantry tilt.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as empty:
        ...     read_dicom_series(empty)
        Traceback (most recent call last):
        ...
        ValueError: path must be a folder with a CT series (DICOM), but is ... No CT slices were found in it.
    """
    ordered, grid = find_volume_slices(folder, series_uid)
    check_voxel_count(str(folder), (*ordered[0].size, len(ordered)), "its DICOM headers")
    volume = decode_slices(ordered, str(folder))
    if wrong := wrong_rescale(volume, [one.rescale for one in ordered]):
        raise ValueError(
            f"path must be a series with the right rescale, but in {str(folder)!r} {wrong}. Export it again."
        )
    image = _image(volume, ordered[0], grid)
    if any(one.burned_in for one in ordered):
        image.SetMetaData(BURNED_IN, "YES")
    return image


def _image(volume: np.ndarray, first: CTSlice, grid: SliceGrid) -> Any:
    """Join voxels (S, rows, columns) and geometry to a SimpleITK image."""
    image = optional_import("SimpleITK")[0].GetImageFromArray(volume)
    rows, normal = np.asarray(first.orientation[:3]), _normal(first)
    rows = rows / np.linalg.norm(rows)
    thickness = float(grid.step @ normal) if len(volume) > 1 else 1.0
    image.SetDirection(np.stack([rows, np.cross(normal, rows), normal], axis=1).ravel().tolist())
    image.SetSpacing((first.spacing[1], first.spacing[0], thickness))
    image.SetOrigin(grid.origin.tolist())
    return image
