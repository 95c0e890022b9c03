"""Allowed regions made before a training, with the training bundle's own transform and cache."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from monai.bundle import ConfigParser
from monai.transforms import Compose, Transform
from monai.utils import TransformBackends

from monai_pylon.transforms import CheckVolumed
from monai_pylon.transforms.disk_cache import CacheToDiskd
from monai_pylon.utils import check, nearest_name
from monai_pylon.utils.arrays import as_array
from monai_pylon.workflows.bundle.folders import bundle_folder

__all__ = ["RegionWriter", "RegionsInCache", "regions_of_training", "training_command"]


def _train_config(config_file: str | PathLike[str] | None) -> Path:
    """Return a training configuration; by default that of the installed AxialNet bundle."""
    if config_file is None:
        return bundle_folder("chest_ct_classification_axialnet") / "configs" / "train.json"
    return Path(config_file).expanduser()


def regions_of_training(
    config_file: str | PathLike[str] | None,
    folder: str | PathLike[str],
    settings: Mapping[str, Any] | None = None,
    needed: bool = True,
) -> Compose | None:
    """Make the transforms that compute a scan's allowed regions as a training does, so that its cache fits.

    Args:
        config_file: `train.json` of the training bundle; None for the installed AxialNet bundle's.
        folder: Folder of the cache, the training's `cache_dir`.
        settings: Overrides of the training, such as {"image_size": [210, 210, 135]}. Regions depend on the image size,
            the spacing, the network's grid and the downsampling.
        needed: Whether regions are wanted.

    Returns:
        Transforms of items with "image", MetaTensor (1, X, Y, Z) in HU, "organs" and "locations" (80, 3). The last one
        is :class:`CacheToDiskd`. None if no regions are wanted.

    Raises:
        ValueError: If the configuration has no such key, or the training needs no regions.

    Example:
        >>> from monai_pylon.workflows.bundle.folders import bundle_folder
        >>> file = bundle_folder("chest_ct_classification_axialnet") / "configs" / "train.json"
        >>> regions_of_training(file, "regions", {"imagesize": [64, 64, 30]})
        Traceback (most recent call last):
        ...
        ValueError: training must be settings of train.json, but is 'imagesize'. Did you mean 'image_size'?
    """
    if not needed:
        return None
    file = _train_config(config_file)
    config = json.loads(file.read_text(encoding="utf-8"))
    for key in settings or {}:
        near = nearest_name(key, config)
        check(key in config, "training", f"settings of {file.name}", key, f"Did you mean {near!r}?" if near else "")
    overrides = {"bundle_root": str(file.resolve().parents[1]), **(settings or {}), "cache_dir": str(folder)}
    parser = ConfigParser({**config, **overrides})
    if not parser.get_parsed_content("regions::needed"):
        raise ValueError(f"The training {dict(settings or {})} has no mask loss and needs no regions: --regions False.")
    return Compose([CheckVolumed("image"), parser.get_parsed_content("regions::transform")])


def training_command(
    config_file: str | PathLike[str] | None,
    dataset_dir: str | PathLike[str],
    cache_dir: str | PathLike[str] | None = None,
    settings: Mapping[str, Any] | None = None,
    regions: bool = True,
) -> str:
    """Write the command that trains on a folder.

    Args:
        config_file: `train.json` of a bundle; None for the installed AxialNet bundle's.
        dataset_dir: The folder.
        cache_dir: Cache with the folder's regions; None leaves the bundle's own.
        settings: Overrides of the training.
        regions: Whether the cache has regions; if not, it is not named.

    Returns:
        One line for a shell.

    Example:
        >>> training_command("/b/configs/train.json", "/out", settings={"max_epochs": 1}).split("--", 2)[2]
        'bundle_root /b --dataset_dir /out --max_epochs 1'
    """
    file = _train_config(config_file).resolve()
    flags = {"config_file": file, "bundle_root": file.parents[1], "dataset_dir": Path(dataset_dir).absolute()}
    flags |= {"cache_dir": Path(cache_dir).absolute()} if regions and cache_dir is not None else {}
    words = [word for key, value in {**flags, **(settings or {})}.items() for word in (f"--{key}", str(value))]
    return shlex.join(["python", "-m", "monai.bundle", "run", *words])


class RegionWriter(Transform):
    """Summary of a scan's cached allowed regions, as a row of a table.

    Items have "labels" (80, 3), as in :class:`LabeledReports`, "allowed" (80, X, Y, Z) and "entry", the cache's file.

    Args:
        output: Folder to which "files" are relative.

    Example:
        >>> item = {"labels": np.eye(80, 3), "allowed": np.zeros((80, 6, 6, 45)), "entry": "out/regions/1.pt"}
        >>> RegionWriter("out")(item)["row"]
        {'labels': 3, 'allowed_nowhere': 3, 'allowed_share': nan}
    """

    backend = [TransformBackends.NUMPY]

    #: Columns of the row.
    columns = ("labels", "allowed_nowhere", "allowed_share")

    def __init__(self, output: str | PathLike[str]) -> None:
        self.output = Path(output).expanduser()

    def __call__(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Add "row" and "files" to an item."""
        present = (as_array(data["labels"]) == 1).any(axis=1)
        shares = as_array(data["allowed"]).astype(np.float32)[present].mean(axis=(1, 2, 3))
        inside = shares[shares > 0]
        share = round(float(inside.mean()), 3) if len(inside) else float("nan")
        values = (int(present.sum()), int((shares == 0).sum()), share)
        file = Path(data["entry"])
        name = file.relative_to(self.output) if file.is_relative_to(self.output) else file
        return {**data, "row": dict(zip(self.columns, values, strict=True)), "files": [name.as_posix()]}


class RegionsInCache(Transform):
    """Transform that computes an item's allowed regions into the cache and names the cache's file.

    Args:
        transforms: Transforms of :func:`regions_of_training`.

    Example:
        >>> RegionsInCache(Compose([])).cache is None
        True
    """

    backend = [TransformBackends.NUMPY]

    def __init__(self, transforms: Callable[[Any], Any]) -> None:
        self.transforms = transforms
        steps = transforms.transforms if isinstance(transforms, Compose) else ()
        self.cache = steps[-1] if steps and isinstance(steps[-1], CacheToDiskd) else None

    def __call__(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Add "allowed" and "entry" to an item."""
        item = self.transforms(dict(data))
        entry = None if self.cache is None else self.cache.file_of(item)
        return {**item, "entry": "" if entry is None else str(entry)}
