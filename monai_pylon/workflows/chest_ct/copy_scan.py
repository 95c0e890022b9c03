"""Links or copies of scans beside their results, so that a training needs one folder only."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from monai.data import MetaTensor
from monai.transforms import Transform
from monai.utils import TransformBackends

from monai_pylon.data.rad_chestct import ORGANS_ENDING
from monai_pylon.data.volume_reader import VOLUME_SUFFIXES
from monai_pylon.reports.nifti import save_volume_nifti
from monai_pylon.utils import atomic_write, check_choice, check_type

__all__ = ["CopyScan", "scans_of_cohort"]

_HOW = ("link", "copy")
#: Endings of headers with their voxels in another file: a link to the header alone would lose them.
_DETACHED = (".nhdr", ".mhd")


def scans_of_cohort(scans: Sequence[Mapping[str, Any]]) -> tuple[list[dict[str, Any]], list[str]]:
    """Add "source" to scans, and leave out organ masks of other scans.

    Args:
        scans: Scans of :func:`list_scans`.

    Returns:
        The scans, and the names of those left out: `a_organs` if there is a scan `a`.

    Example:
        >>> scans_of_cohort([{"scan": "a", "image": "a.nii"}, {"scan": "a_organs", "image": "a_organs.nii"}])
        ([{'scan': 'a', 'image': 'a.nii', 'source': 'a.nii'}], ['a_organs'])
    """
    names = {scan["scan"] for scan in scans}
    masks = [
        n for n in (s["scan"] for s in scans) if n.endswith(ORGANS_ENDING) and n.removesuffix(ORGANS_ENDING) in names
    ]
    return [{**scan, "source": scan["image"]} for scan in scans if scan["scan"] not in masks], masks


class CopyScan(Transform):
    """Transform that links or copies a scan into the folder of its results.

    DICOM folders and headers with their voxels in another file become a NIfTI file. So does every scan if the system
    has no symbolic links.

    Args:
        writer: Function that writes the results of an item first, and adds "row" and "files" to it.
        output: Folder for the scan, whose file is named by the item's "scan".
        how: "link" for a symbolic link to the item's "source", which must not be moved afterwards; "copy" for a copy.

    Raises:
        ValueError: If `how` is unknown.

    Example:
        >>> CopyScan(dict, "results", how="move")
        Traceback (most recent call last):
        ...
        ValueError: how must be one of 'link', 'copy', but is 'move'.
    """

    backend = [TransformBackends.NUMPY]

    def __init__(self, writer: Callable[[dict], dict], output: str | PathLike[str], how: str = "link") -> None:
        check_choice(how, _HOW, "how")
        self.writer, self.output, self.how = writer, Path(output).expanduser(), how
        self.columns = tuple(getattr(writer, "columns", ()))

    def _copy(self, item: Mapping[str, Any]) -> str:
        source = Path(item["source"])
        ending = next((suffix for suffix in VOLUME_SUFFIXES if source.name.lower().endswith(suffix)), "")
        if source.is_file() and ending and ending not in _DETACHED:
            name = f"{item['scan']}{ending}"
            self.output.mkdir(parents=True, exist_ok=True)
            try:
                with atomic_write(self.output / name) as part:
                    if self.how == "link":
                        os.symlink(source.absolute(), part)
                    else:
                        shutil.copyfile(source, part)
                return name
            except (OSError, NotImplementedError):
                if self.how == "copy":
                    raise
        check_type(item["image"], MetaTensor, "image", "Read it by ReadVolumed, which keeps its affine.")
        name = f"{item['scan']}.nii.gz"
        save_volume_nifti(self.output / name, item["image"][0].cpu().numpy(), item["image"].affine)
        return name

    def __call__(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Write an item's results and its scan, whose file comes first in "files"."""
        item = self.writer(dict(data))
        return {**item, "files": [self._copy(item), *item["files"]]}
