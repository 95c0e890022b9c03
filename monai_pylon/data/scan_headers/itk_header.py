"""Geometry and values that the headers of NRRD and MetaImage files state.

ITK replaces doubtful header fields in silence: a MetaImage without AnatomicalOrientation is taken for LPS, a negative
spacing mirrors the patient, and units and the scale of the values are ignored. Here such a header is an error.
"""

from __future__ import annotations

import re
from os import PathLike, fspath
from typing import NoReturn

import numpy as np

__all__ = ["check_itk_header", "header_lines", "itk_fields", "space_directions"]

_NRRD_SUFFIXES = (".nrrd", ".nhdr")
_MOST_BYTES = 2**20  # of a header, which may list a file for each slice
#: Anatomical spaces of NRRD, which ITK converts to LPS.
_SPACES = ("left-posterior-superior", "lps", "right-anterior-superior", "ras", "left-anterior-superior", "las")
_MILLIMETERS = {"mm", "millimeter", "millimeters"}
#: Names of one field of MetaImage.
_MATRIX, _SPACING = ("transformmatrix", "rotation", "orientation"), ("elementspacing", "elementsize")
#: Letters of AnatomicalOrientation: the side from which an axis comes if it runs along +x, +y, +z, or against them.
_FROM = ("RAI", "LPS")
#: Fields ElementToIntensityFunction... of MetaImage with the values that change nothing.
_SCALE = {"slope": "1", "offset": "0"}


def _fail(path: str, text: str) -> NoReturn:
    raise ValueError(f"{path!r} cannot be used: {text}")


def header_lines(path: str | PathLike[str]) -> list[str]:
    """Return the lines of an NRRD or MetaImage header without spaces around them.

    Args:
        path: The file.

    Returns:
        The lines. They end at the empty line before the voxels of an NRRD. In a MetaImage, voxels may follow the last
        field. Bytes that are no text are kept as surrogates, so that they can name a file.

    Raises:
        FileNotFoundError: If there is no such file.

    Example:
        >>> import pathlib, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = pathlib.Path(folder, "scan.nrrd")
        ...     _ = file.write_bytes(b"NRRD0004\\r\\ndimension: 3\\r\\n\\r\\nvoxels")
        ...     header_lines(file)
        ['NRRD0004', 'dimension: 3']
    """
    with open(path, "rb") as file:
        head = file.read(_MOST_BYTES)
    lines = [line.strip() for line in head.decode("utf-8", "surrogateescape").split("\n")]
    if not head.startswith(b"NRRD") or "" not in lines:
        return lines
    before = lines[: lines.index("")]
    detached = any(line.lower().startswith(("data file", "datafile")) for line in before)
    return lines if detached else before  # a detached header may list files to its end


def itk_fields(path: str | PathLike[str]) -> dict[str, str]:
    """Return the fields of an NRRD or MetaImage header.

    Args:
        path: The file.

    Returns:
        Values by name; names in lower case.

    Raises:
        FileNotFoundError: If there is no such file.

    Example:
        >>> itk_fields("there_is_no_such_file.mha")
        Traceback (most recent call last):
        ...
        FileNotFoundError: [Errno 2] No such file or directory: 'there_is_no_such_file.mha'
    """
    lines = header_lines(path)
    last = next((number for number, line in enumerate(lines) if line.startswith("ElementDataFile")), len(lines))
    pairs = (line.partition(sign) for sign in ":=" for line in lines[: last + 1])
    return {key.strip().lower(): value.strip() for key, _, value in pairs if value}


def _numbers(text: str) -> np.ndarray:
    """Return the numbers of a field; NaN for what is none."""
    try:
        return np.array([float(part) for part in text.replace(",", " ").split()])
    except ValueError:
        return np.array([np.nan])


def space_directions(fields: dict[str, str]) -> list[np.ndarray]:
    """Return the vectors of an NRRD's `space directions`; a vector with a word among its numbers is one NaN.

    Args:
        fields: Fields of the header, from `itk_fields`.

    Returns:
        The vectors in mm, in the order of the axes; empty without the field.

    Example:
        >>> [vector.tolist() for vector in space_directions({"space directions": "(2,0,0) none"})]
        [[2.0, 0.0, 0.0]]
    """
    return [_numbers(vector) for vector in re.findall(r"\(([^()]*)\)", fields.get("space directions", ""))]


def _spans_space(vectors: np.ndarray) -> bool:
    """Return whether three vectors (3, 3) are finite, not zero and not in one plane."""
    if vectors.shape != (3, 3) or not np.isfinite(vectors).all():
        return False
    with np.errstate(over="ignore"):
        lengths = np.linalg.norm(vectors, axis=1)
    if not ((lengths > 0) & np.isfinite(lengths)).all():
        return False
    return abs(float(np.linalg.det(vectors / lengths[:, None]))) > 1e-3


def _check_nrrd(path: str, fields: dict[str, str]) -> None:
    if fields.get("space", "").lower() not in _SPACES:
        raise ValueError(
            f"path must be a file whose header has an orientation, but is {path!r}. The header has no anatomical "
            "`space`. Save it again with one, such as left-posterior-superior."
        )
    if fields.get("dimension", "3") != "3":
        kinds = f" ({fields['kinds']})" if "kinds" in fields else ""
        remedy = "Save one volume with one value for each voxel."
        _fail(path, f"`dimension` must be 3, but is {fields['dimension']}{kinds}. {remedy}")
    directions = fields.get("space directions", "")
    if not directions or "none" in directions.split():
        raise ValueError(f"{path!r} has no `space directions`, so its voxel size is unknown. Save it again with them.")
    vectors = space_directions(fields)
    if [len(vector) for vector in vectors] != [3, 3, 3] or not _spans_space(np.array(vectors)):
        requirement = "`space directions` must be three vectors in different directions, none of them zero"
        _fail(path, f"{requirement}, but is {directions}. Convert it again from DICOM, or correct the header.")
    units = set(fields.get("space units", "mm").replace('"', " ").split())
    if units - _MILLIMETERS:
        raise ValueError(f"{path!r} has `space units` {sorted(units)}, but must have mm. Convert the header.")


def _axis_letters(matrix: np.ndarray) -> str:
    """Return AnatomicalOrientation of a matrix (3, 3) whose rows are the directions of the axes in LPS."""
    along = np.abs(matrix).argmax(axis=1)
    return "".join(_FROM[int(row[axis] < 0)][axis] for axis, row in zip(along, matrix, strict=True))


def _check_meta_image(path: str, fields: dict[str, str]) -> None:
    spacing = next((fields[name] for name in _SPACING if name in fields), "")
    if not spacing:
        raise ValueError(f"{path!r} has no ElementSpacing, so its voxel size is unknown. Save it again with it.")
    edges = _numbers(spacing)
    if not (np.isfinite(edges).all() and (edges > 0).all()):
        _fail(path, f"ElementSpacing must be positive, but is {spacing}. Correct the header.")
    unit = fields.get("distanceunits", "mm").lower()
    if unit not in {*_MILLIMETERS, "?", ""}:
        _fail(path, f"DistanceUnits must be mm, but is {unit}. Convert ElementSpacing and Offset to mm.")
    slope, offset = (fields.get(f"elementtointensityfunction{name}", value) for name, value in _SCALE.items())
    if _numbers(slope).tolist() != [1.0] or _numbers(offset).tolist() != [0.0]:
        given = f"ElementToIntensityFunctionSlope is {slope} and ElementToIntensityFunctionOffset {offset}"
        _fail(path, f"{given}, which readers ignore. Save the values in HU, with 1 and 0.")
    if len(edges) != 3:
        return  # refused by its number of axes
    stated = next((fields[name] for name in _MATRIX if name in fields), "1 0 0 0 1 0 0 0 1")
    numbers = _numbers(stated)
    if numbers.size != 9 or not _spans_space(numbers.reshape(3, 3)):
        _fail(path, f"TransformMatrix must be three directions, but is {stated}. Correct the header.")
    letters = _axis_letters(numbers.reshape(3, 3))
    anatomy = fields.get("anatomicalorientation", "???").upper()
    if set(anatomy) <= {"?"}:
        _fail(
            path,
            "AnatomicalOrientation is missing, so the patient's left and right are unknown. If x, y and z run to the "
            f"patient's left, back and head, as ITK assumes, add the line AnatomicalOrientation = {letters}.",
        )
    if anatomy != letters:
        _fail(
            path,
            f"AnatomicalOrientation is {anatomy}, but TransformMatrix means {letters} (ITK's letters: the sides from "
            "which the axes come). Only one can be right: convert it again from DICOM, or correct the header.",
        )


def check_itk_header(path: str | PathLike[str]) -> dict[str, str]:
    """Raise if the header of an NRRD or MetaImage file leaves geometry or values open.

    Args:
        path: File ending in .nrrd, .nhdr, .mha or .mhd.

    Returns:
        The fields of the header, see `itk_fields`.

    Raises:
        ValueError: If the header has no voxel size in mm or no orientation of the patient, contradicts itself about the
            orientation, holds several values for each voxel, or a scale of the values that readers ignore.

    Example:
        >>> import tempfile, pathlib
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = pathlib.Path(folder, "scan.mha")
        ...     _ = file.write_text("ObjectType = Image\\nNDims = 3\\nElementSpacing = 1 1 2\\n")
        ...     check_itk_header(file)
        Traceback (most recent call last):
        ...
        ValueError: '...scan.mha' cannot be used: AnatomicalOrientation is missing, so the patient's left and right ...
    """
    name = fspath(path)
    fields = itk_fields(name)
    if name.lower().endswith(_NRRD_SUFFIXES):
        _check_nrrd(name, fields)
    else:
        _check_meta_image(name, fields)
    return fields
