"""Data list of the Semantic Boundaries Dataset: more outlines for images of PASCAL VOC (HiResCAM paper, section 13)."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from scipy.io import loadmat

from monai_pylon.taxonomy.labels import PASCAL_VOC_LABELS
from monai_pylon.utils import check_choice, check_type

__all__ = ["read_class_map", "sbd_datalist"]

_LISTS = {"training": ("train.txt",), "validation": ("val.txt",), "all": ("train.txt", "val.txt")}
#: Possible folders of the dataset below the root.
_FOLDERS = (".", "dataset", "benchmark_RELEASE/dataset")


def read_class_map(file: str | PathLike[str]) -> np.ndarray:
    """Read the class of each pixel, from a PNG of PASCAL VOC or a MAT file of SBD.

    Args:
        file: Path of the file, ending in ``.png`` or ``.mat``.

    Returns:
        Classes (H, W) uint8: 0 background, then the place in PASCAL_VOC_LABELS plus one; 255 at uncertain borders,
        which SBD does not have.

    Raises:
        ValueError: If the MAT file has no `GTcls` with a `Segmentation`, or a value is no class.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     Image.fromarray(np.uint8([[0, 15]])).save(f"{folder}/a.png")
        ...     read_class_map(f"{folder}/a.png").tolist()
        [[0, 15]]
    """
    path = Path(file)
    if path.suffix == ".png":
        pixels = np.asarray(Image.open(path))
    else:
        try:
            pixels = loadmat(path)["GTcls"][0]["Segmentation"][0]
        except (KeyError, IndexError, ValueError, TypeError, NotImplementedError) as error:
            raise ValueError(
                f"{path}: must be a MAT file of SBD with GTcls.Segmentation, but is not ({error})."
            ) from error
    known = pixels.ndim == 2 and bool(((pixels <= len(PASCAL_VOC_LABELS)) | (pixels == 255)).all())
    if not known:
        raise ValueError(f"{path}: must hold classes (H, W) from 0 to {len(PASCAL_VOC_LABELS)} or 255, but does not.")
    return pixels.astype(np.uint8)


def sbd_datalist(root: str | PathLike[str], section: str) -> list[dict[str, Any]]:
    """List the images of SBD with their labels, in the layout of its release.

    The sections are those of SBD. They overlap with those of PASCAL VOC: leave out the images of the VOC section on
    which you test, by "name".

    Args:
        root: The folder with `img`, `cls`, `train.txt` and `val.txt`, or one that contains it as `dataset` or
            `benchmark_RELEASE/dataset`.
        section: "training", "validation" or "all".

    Returns:
        One dictionary for each image: image, its path; label (20,) uint8 in the order of PASCAL_VOC_LABELS, 1 if the
        class has a pixel; name; and segmentation, the path for :func:`read_class_map`.

    Raises:
        FileNotFoundError: If a folder, a list, an image or an outline is missing.
        ValueError: If the section is unknown, or a file is malformed.

    Example:
        >>> sbd_datalist("SBD", "test")
        Traceback (most recent call last):
        ...
        ValueError: section must be one of 'training', 'validation', 'all', but is 'test'.
    """
    check_choice(section, tuple(_LISTS), "section")
    check_type(root, (str, PathLike), "root")
    folders = [Path(root).expanduser() / name for name in _FOLDERS]
    folder = next((one for one in folders if (one / "cls").is_dir()), None)
    if folder is None:
        raise FileNotFoundError(f"root must hold the folder cls of SBD, but {str(root)!r} does not.")
    items = []
    for table in _LISTS[section]:
        if not (folder / table).is_file():
            raise FileNotFoundError(f"{folder / table} must exist: it is a list of the section {section!r}.")
        lines = (folder / table).read_text(encoding="utf-8-sig").split()
        items += [_item(folder, name, table) for name in lines]
    return items


def _item(folder: Path, name: str, table: str) -> dict[str, Any]:
    """Return the item of one image."""
    if Path(name).name != name:
        raise ValueError(f"{folder / table}: must have names of images without folders, but has {name!r}.")
    image, outlines = folder / "img" / f"{name}.jpg", folder / "cls" / f"{name}.mat"
    for file in (image, outlines):
        if not file.is_file():
            raise FileNotFoundError(f"{file} must exist: {folder / table} names it. Unpack the whole archive of SBD.")
    present = np.unique(read_class_map(outlines))
    label = np.zeros(len(PASCAL_VOC_LABELS), dtype=np.uint8)
    label[[value - 1 for value in present.tolist() if 0 < value < 255]] = 1
    return {"image": str(image), "label": label, "name": name, "segmentation": str(outlines)}
