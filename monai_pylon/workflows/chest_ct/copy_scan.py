"""Scans beside their results, so that one folder is all that a training needs: by a link where that is enough."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from monai.data import MetaTensor
from monai.transforms import Transform

from monai_pylon.data import ORGANS_ENDING, VOLUME_SUFFIXES
from monai_pylon.reports.nifti import save_volume_nifti
from monai_pylon.utils import atomic_write, check_choice, check_type

__all__ = ["CopyScan", "scans_of_cohort"]

_HOW = ("link", "copy")
#: Endings of headers whose voxels lie in another file: a link to the header alone would lose them.
_DETACHED = (".nhdr", ".mhd")


def scans_of_cohort(scans: Sequence[Mapping[str, Any]]) -> tuple[list[dict[str, Any]], list[str]]:
    """Scans with their "source", without the files that are organ masks of other scans.

    Args:
        scans: from :func:`list_scans`.

    Returns:
        the scans, and the names of those left out: `a_organs` where there is a scan `a`.

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
    """Put a scan beside its results, after another writer has written these.

    DICOM folders and headers with their voxels in another file become a NIfTI file; so does every scan where the
    system has no symbolic links.

    Args:
        writer: writes the results of an item; gives it with "row" and "files".
        output: the folder for the scan, named as the item's "scan" says.
        how: "link" makes a symbolic link to the item's "source", which must then stay where it is; "copy" copies it.

    Raises:
        ValueError: where `how` is no choice.

    Example:
        >>> CopyScan(dict, "results", how="move")
        Traceback (most recent call last):
        ...
        ValueError: how must be one of 'link', 'copy', but is 'move'.
    """

    def __init__(self, writer: Callable[[dict], dict], output: str | PathLike[str], how: str = "link") -> None:
        check_choice(how, _HOW, "how")
        self.writer, self.output, self.how = writer, Path(output).expanduser(), how
        self.columns = tuple(getattr(writer, "columns", ()))

    def _keep(self, item: Mapping[str, Any]) -> str:
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
        check_type(item["image"], MetaTensor, "image", "Its affine says where it lies: read it by ReadVolumed.")
        name = f"{item['scan']}.nii.gz"
        save_volume_nifti(self.output / name, item["image"][0].cpu().numpy(), item["image"].affine)
        return name

    def __call__(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Write an item's results and keep its scan, whose file comes first in "files"."""
        item = self.writer(dict(data))
        return {**item, "files": [self._keep(item), *item["files"]]}
