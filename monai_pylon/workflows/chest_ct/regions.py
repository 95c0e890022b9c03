"""Allowed regions ahead of a training: made by the very transforms of the bundle that trains, into its own cache."""

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

from monai_pylon.transforms.disk_cache import CacheToDiskd
from monai_pylon.utils import check, nearest_name

__all__ = ["RegionWriter", "RegionsInCache", "regions_of_training", "training_command"]


def _keeper_of(config: Mapping[str, Any]) -> int:
    """Where in the list of deterministic transforms the regions are made."""
    steps = config["train"]["deterministic_transforms"]
    names = [str(step.get("_target_", "")).split(".")[-1] if isinstance(step, Mapping) else "" for step in steps]
    return names.index(CacheToDiskd.__name__)


def regions_of_training(
    config_file: str | PathLike[str], folder: str | PathLike[str], settings: Mapping[str, Any] | None = None
) -> Compose:
    """What makes the allowed regions of a scan in a training: the bundle's own steps, so that its cache fits.

    Args:
        config_file: `train.json` of the bundle that will train.
        folder: for the cache, its `cache_dir`.
        settings: what the training will override, such as {"image_size": [210, 210, 135]}. Regions depend on the size,
            the spacing, the network's grid and the downsampling.

    Returns:
        transforms of items with "image", MetaTensor (1, X, Y, Z) in HU, "organs" and "locations" (80, 3); the last of
        them is :class:`CacheToDiskd`.

    Raises:
        ValueError: where the configuration has no such key, or the training needs no regions.

    Example:
        >>> from monai_pylon.workflows.bundle import bundle_folder
        >>> file = bundle_folder("chest_ct_classification_axialnet") / "configs" / "train.json"
        >>> regions_of_training(file, "regions", {"imagesize": [64, 64, 30]})
        Traceback (most recent call last):
        ...
        ValueError: training must be settings of train.json, but is 'imagesize'. Did you mean 'image_size'?
    """
    file = Path(config_file).expanduser()
    config = json.loads(file.read_text(encoding="utf-8"))
    for key in settings or {}:
        near = nearest_name(key, config)
        check(key in config, "training", f"settings of {file.name}", key, f"Did you mean {near!r}?" if near else "")
    told = {"bundle_root": str(file.resolve().parents[1]), **(settings or {}), "cache_dir": str(folder)}
    parser = ConfigParser({**config, **told})
    index = _keeper_of(config)
    check(
        bool(parser.get_parsed_content("needs_regions")),
        "training",
        "settings of a training with the mask loss",
        dict(settings or {}),
        "Without it no regions are needed: '--regions False'.",
    )
    steps = [parser.get_parsed_content(f"train::deterministic_transforms::{k}") for k in range(index + 1)]
    return Compose(steps)


def training_command(
    config_file: str | PathLike[str],
    dataset_dir: str | PathLike[str],
    cache_dir: str | PathLike[str] | None = None,
    settings: Mapping[str, Any] | None = None,
) -> str:
    """The command that trains on a folder.

    Args:
        config_file: `train.json` of a bundle.
        dataset_dir: the folder.
        cache_dir: where its regions are; None leaves the bundle's own.
        settings: the overrides.

    Returns:
        one line for a shell.

    Example:
        >>> training_command("/b/configs/train.json", "/out", settings={"max_epochs": 1}).split("--", 2)[2]
        'bundle_root /b --dataset_dir /out --max_epochs 1'
    """
    file = Path(config_file).expanduser().resolve()
    told = {"config_file": file, "bundle_root": file.parents[1], "dataset_dir": Path(dataset_dir).absolute()}
    told |= {} if cache_dir is None else {"cache_dir": Path(cache_dir).absolute()}
    words = [word for key, value in {**told, **(settings or {})}.items() for word in (f"--{key}", str(value))]
    return shlex.join(["python", "-m", "monai.bundle", "run", *words])


class RegionWriter(Transform):
    """The line of a table about a scan's allowed regions, once they are in the cache.

    Items have "labels" (80, 3), as in :class:`LabeledReports`, "allowed" (80, X, Y, Z) and "entry", the cache's file.

    Args:
        output: the folder to which "files" are relative.

    Example:
        >>> item = {"labels": np.eye(80, 3), "allowed": np.zeros((80, 6, 6, 45)), "entry": "out/regions/1.pt"}
        >>> RegionWriter("out")(item)["row"]
        {'labels': 3, 'allowed_nowhere': 3, 'allowed_share': nan}
    """

    #: The columns of the row that it gives.
    columns = ("labels", "allowed_nowhere", "allowed_share")

    def __init__(self, output: str | PathLike[str]) -> None:
        self.output = Path(output).expanduser()

    def __call__(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Add "row" and "files" to an item."""
        present = (np.asarray(data["labels"]) == 1).any(axis=1)
        shares = np.asarray(data["allowed"], dtype=np.float32)[present].mean(axis=(1, 2, 3))
        inside = shares[shares > 0]
        share = round(float(inside.mean()), 3) if len(inside) else float("nan")
        values = (int(present.sum()), int((shares == 0).sum()), share)
        file = Path(data["entry"])
        name = file.relative_to(self.output) if file.is_relative_to(self.output) else file
        return {**data, "row": dict(zip(self.columns, values, strict=True)), "files": [name.as_posix()]}


class RegionsInCache(Transform):
    """Run :func:`regions_of_training` on an item and say which file of the cache has the result.

    Args:
        recipe: from :func:`regions_of_training`.

    Example:
        >>> RegionsInCache(Compose([])).keeper is None
        True
    """

    def __init__(self, recipe: Callable[[Any], Any]) -> None:
        self.recipe = recipe
        steps = recipe.transforms if isinstance(recipe, Compose) else ()
        self.keeper = steps[-1] if steps and isinstance(steps[-1], CacheToDiskd) else None

    def __call__(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Add "allowed" and "entry" to an item."""
        item = self.recipe(dict(data))
        entry = None if self.keeper is None else self.keeper.file_of(item)
        return {**item, "entry": "" if entry is None else str(entry)}
