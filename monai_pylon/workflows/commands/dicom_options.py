"""Settings of DICOM results, and the refusal of inputs that cannot have any."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from monai_pylon.data.dicom_series import is_dicom_file
from monai_pylon.utils import check
from monai_pylon.workflows.commands.run import PHANTOM, is_word

__all__: list[str] = []


def _may_be_dicom(input_: Path) -> bool:
    """Return whether an input may have a DICOM source: a folder, a data list, a DICOM file or an unreadable one."""
    if is_word(input_, PHANTOM):
        return False
    try:
        input_.open("rb").close()
    except OSError:  # a folder, or a file whose own error is clearer
        return True
    return input_.suffix.lower() == ".json" or is_dicom_file(input_)


def dicom_settings(input_: Path, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of DICOM results, and of what pictures show, from the options of :func:`cohort_options`.

    Args:
        input_: The argument INPUT.
        options: The parsed options.

    Returns:
        Settings by key of a bundle.

    Raises:
        ValueError: If DICOM results are to be de-identified, but not to be written, or the input is a file that is no
            DICOM file.

    Example:
        >>> options = {"dicom": True, "deidentify": False, "burned_in_text": False, "names": True}
        >>> dicom_settings(Path("chest.dcm"), options)["title"] is None
        True
    """
    remedy = "Give both, or leave out --deidentify."
    check(options["dicom"] or not options["deidentify"], "--deidentify", "given with --dicom", "alone", remedy)
    check(not (options["names"] and options["deidentify"]), "--names", "given without --deidentify", "with it")
    source = not options["dicom"] or _may_be_dicom(input_)
    check(source, "INPUT", "DICOM for DICOM results", input_.name, "Leave out --dicom.")
    settings = {key: options[key] for key in ("dicom", "deidentify", "burned_in_text")}
    return {**settings, "title": None} if options["names"] else settings
