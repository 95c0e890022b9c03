"""Which chest CTs a run works on, and what becomes of a scan that is broken: the others go on, it counts for
nothing."""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable, Mapping, Sequence
from os import PathLike
from typing import Any, cast

import numpy as np
import torch
from monai.data import Dataset as MonaiDataset
from monai.data import MetaTensor
from monai.transforms import Transform
from monai.utils import convert_to_tensor
from torch import nn
from torch.utils.data import Dataset

from monai_pylon.data import PhantomChestCTs, ReadVolumed, rad_chestct_datalist, read_volume
from monai_pylon.networks.nets.slice_network import SliceNetwork
from monai_pylon.taxonomy import CHEST_CT_LABELS, possible_locations
from monai_pylon.transforms import PartitionOrgansd
from monai_pylon.utils import check, check_choice, check_type
from monai_pylon.workflows.bundle.errors import root_cause
from monai_pylon.workflows.bundle.sections import SECTIONS, dataset_folder, phantoms_of_section

__all__ = ["SkipUnreadableDataset", "OrgansOfScand", "attention_grid", "chest_ct_data"]

_LOGGER = logging.getLogger(__name__)
#: Finer phantoms take long to draw and show no more.
_FINEST_PHANTOM_MM = 2.0
_STRICT_ITEMS = 3


def _without_places(item: Mapping[str, Any], labels: Sequence[str]) -> dict[str, Any]:
    """An item with locations: where its table names none, each present label may lie wherever Table 5 says."""
    if "locations" in item:
        return dict(item)
    known = dict(zip(CHEST_CT_LABELS, possible_locations(), strict=True))
    anywhere = np.ones(3, dtype=bool)
    rows = np.array([known.get(name, anywhere) for name in labels])
    return {**item, "locations": rows & (np.asarray(item["label"]) == 1)[:, None]}


def chest_ct_data(
    dataset_dir: str | PathLike[str],
    section: str,
    labels: Sequence[str] = CHEST_CT_LABELS,
    missing: str = "error",
    missing_side: str = "drop",
    phantoms: int = 32,
    spacing: Sequence[float] = (2.0, 2.0, 2.0),
) -> Dataset:
    """The scans of a section, read, with labels and places: the data of a bundle's data set.

    Args:
        dataset_dir: RAD-ChestCT, or a folder with `labels.csv` (see :func:`rad_chestct_datalist`), or "phantom" for
            patients who are made on the fly.
        section: "training", "validation" or "test".
        labels: names of the M labels; for phantoms those of Table 5.
        missing: "error" or "skip" for scans of the table that are not there.
        missing_side: "drop" or "both" for lung abnormalities whose place has no side.
        phantoms: how many train; a quarter as many, at least four, validate and as many test.
        spacing: of the phantoms, in mm; never finer than 2 mm.

    Returns:
        a data set with items of image, MetaTensor (1, X, Y, Z) in HU; label (M,) float32; locations (M, 3) bool, where
        the table names no places those of Table 5; patient_id; name; organs, a path or MetaTensor (1, X, Y, Z), where
        known.

    Raises:
        ValueError: for another section, or data that do not fit together.

    Example:
        >>> len(chest_ct_data("phantom", "training", phantoms=20)), len(chest_ct_data("phantom", "test"))
        (20, 8)
    """
    check_choice(section, SECTIONS, "section")
    check_type(dataset_dir, (str, PathLike), "dataset_dir", "Name it: --dataset_dir PATH")
    if str(dataset_dir) == "phantom":
        remedy = "Phantoms have these; name a folder for others: --dataset_dir PATH"
        check(tuple(labels) == CHEST_CT_LABELS, "labels", "the 80 of RAD-ChestCT", tuple(labels), remedy)
        count, first_seed = phantoms_of_section(section, phantoms)
        _LOGGER.warning("No data set was named (--dataset_dir PATH): %d phantom CTs for %s.", count, section)
        return PhantomChestCTs(count, [max(_FINEST_PHANTOM_MM, mm) for mm in spacing], first_seed)
    place = dataset_folder(dataset_dir)
    items = rad_chestct_datalist(place, section, labels, missing_side, missing)
    unknown = [name for k, name in enumerate(labels) if all(np.isnan(item["label"][k]) for item in items)]
    _LOGGER.info("%d scans of %s for %s.", len(items), place, section)
    if unknown:
        _LOGGER.warning("Of %d labels nothing is known, such as %s: they are left out.", len(unknown), unknown[0])
    return MonaiDataset([_without_places(item, labels) for item in items], ReadVolumed("image"))


class SkipUnreadableDataset(MonaiDataset):
    """A data set in which a broken scan does not end the run: another scan takes its place, or what is given for it.

    For training another scan, the next that can be read: a batch keeps its size, and nothing that is no scan passes
    through the statistics of batch norms. For validation and evaluation an empty volume without known labels, which
    losses and metrics leave out: no scan counts twice. The log says once which scan is broken and why. Where none of
    the first scans can be read, the settings are wrong rather than a scan: that is an error.

    Args:
        data: the scans, read or not.
        transform: what makes an item of the network's input of them.
        stand_in: "image" (1, X, Y, Z), "label" (M,) and whatever else an item has, for a broken one; None for another
            scan of the data set.

    Items are those of the transform and "error": empty, or why it is an empty stand-in.

    Raises:
        ValueError: without a stand-in, where no scan at all can be read.

    Example:
        >>> def invert(item):
        ...     return {"image": 1 / item["image"]}
        >>> scans = [{"image": 1.0}, {"image": "x"}, {"image": 2.0}]
        >>> data = SkipUnreadableDataset(scans, invert, {"image": 0})
        >>> data[0]["error"], data[1]["image"], data[1]["error"][:10]
        ('', 0, 'TypeError:')
        >>> [item["image"] for item in SkipUnreadableDataset(scans, invert)]
        [1.0, 0.5, 0.5]
    """

    def __init__(
        self, data: Any, transform: Callable[[Any], Mapping[str, Any]], stand_in: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(data, transform)
        self.stand_in = None if stand_in is None else dict(stand_in)
        self._told = torch.zeros(len(data), dtype=torch.bool).share_memory_()  # by whichever process met it first

    def _facts(self, index: int) -> dict[str, str]:
        """Whose scan it is, as far as that is known without reading it."""
        source = getattr(self.data, "data", self.data)
        raw = source[index] if isinstance(source, Sequence) else {}
        return {key: str(raw.get(key, f"scan {index}")) for key in ("patient_id", "name")}

    def _read(self, index: int) -> tuple[dict[str, Any] | None, str]:
        """An item, or None and why there is none, which is told once."""
        try:
            return {**super().__getitem__(index), "error": ""}, ""
        except (OSError, RuntimeError, ValueError, TypeError) as problem:
            error = root_cause(problem)
            if not self._told[index]:
                self._told[index] = True
                _LOGGER.error("%s is left out. %s", self._facts(index)["name"], error)
            return None, error

    def __getitem__(self, index: Any) -> dict[str, Any]:
        item, error = self._read(index)
        if item is None and self.stand_in is not None:
            return {**self.stand_in, **self._facts(index), "error": error}
        others = range(index + 1, index + len(self)) if item is None else ()
        found = next((other for other in (self._read(k % len(self))[0] for k in others) if other is not None), item)
        check(found is not None, "data", f"scans of which one can be read, out of {len(self)}", error)
        return cast(dict[str, Any], found)

    def check_first(self) -> None:
        """Raise the error of the first scan where none of the first three can be read."""
        problem: Exception | None = None
        for index in range(min(_STRICT_ITEMS, len(self))):
            try:
                super().__getitem__(index)
                return
            except Exception as error:
                problem = problem or error
        if problem is not None:
            raise problem


class OrgansOfScand(Transform):
    """Organ masks of a scan: those that came with it, checked to lie on its grid, else by PARTITION.

    Args:
        image_key: the scan, MetaTensor (1, X, Y, Z) in HU.
        organs_key: where masks are, or are put: a path, or labels (1, X, Y, Z) of 0 background, 1 right lung,
            2 mediastinum, 3 left lung.
        method: of PARTITION.
        fallback: of PARTITION, where the lungs are not found.

    Raises:
        ValueError: where masks lie on another grid or hold other values, or no organ was found.

    Example:
        >>> image = MetaTensor(torch.zeros(1, 4, 4, 4), affine=torch.eye(4))
        >>> OrgansOfScand()({"image": image, "organs": torch.ones(1, 4, 4, 3)})
        Traceback (most recent call last):
        ...
        ValueError: organs must be of the scan's shape (1, 4, 4, 4), but is Tensor of shape (1, 4, 4, 3), float32. ...
    """

    def __init__(
        self,
        image_key: str = "image",
        organs_key: str = "organs",
        method: str = "robust",
        fallback: str | None = "center_half",
    ) -> None:
        self.image_key, self.organs_key = image_key, organs_key
        self.partition = PartitionOrgansd(image_key, organs_key, "quality", method, fallback=fallback)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Add the organs, MetaTensor (1, X, Y, Z), to a copy of an item."""
        item = dict(data)
        image, given = item[self.image_key], item.get(self.organs_key)
        if given is None:
            item = self.partition(item)
            quality = item["quality"]
            if not quality.ok:
                _LOGGER.warning(
                    "%s: doubtful organ masks (%s).", item.get("name", "A scan"), "; ".join(quality.reasons)
                )
            why = f"PARTITION says: {'; '.join(quality.reasons)}. Put masks <scan>_organs.nii.gz beside the scan."
            check(bool((item[self.organs_key] > 0).any()), "organs", "found in the scan", "none", why)
            return item
        organs = read_volume(given) if isinstance(given, str | PathLike) else given
        remedy = "Organ masks lie on the grid of their scan: make them of this very scan."
        check(organs.shape == image.shape, "organs", f"of the scan's shape {tuple(image.shape)}", organs, remedy)
        if isinstance(organs, MetaTensor) and isinstance(image, MetaTensor):
            same = torch.allclose(organs.affine.double(), image.affine.double(), atol=0.05)
            check(same, "organs", "of the scan's affine", organs.affine.tolist(), remedy)
        inside = bool(((organs >= 0) & (organs <= 3) & (organs == organs.round())).all())
        check(inside, "organs", "of the values 0, 1, 2 and 3", organs, "See OrgansFromLabelMap for other label maps.")
        labels = convert_to_tensor(organs, dtype=torch.uint8, track_meta=False)
        item[self.organs_key] = MetaTensor(labels, affine=image.affine) if isinstance(image, MetaTensor) else labels
        return item


def attention_grid(
    network: nn.Module, image_size: Sequence[int], otherwise: Sequence[int] | None = None
) -> tuple[int, int, int]:
    """The grid of a network's attention, on which its allowed regions must lie.

    Args:
        network: for volumes (N, 1, X, Y, Z).
        image_size: (X, Y, Z).
        otherwise: the cells (x, y) instead of the network's own. Networks without an attention of their own have the
            paper's 6 x 6, in groups of three slices.

    Returns:
        (x, y, groups).

    Raises:
        ValueError: where the slices do not make whole groups: regions and groups would not lie on each other.

    Example:
        >>> from monai_pylon.networks.nets import BodyCAM
        >>> attention_grid(BodyCAM(), (420, 420, 405))
        (6, 6, 135)
    """
    check(len(image_size) == 3, "image_size", "(X, Y, Z)", image_size)
    per_group = getattr(network, "slices_per_group", 3)
    groups, rest = divmod(image_size[2], per_group)
    check(rest == 0 and groups > 0, "image_size", f"of a multiple of {per_group} slices", tuple(image_size))
    x, y = (6, 6) if otherwise is None else otherwise
    if otherwise is None and isinstance(network, SliceNetwork) and hasattr(network, "reduction"):
        columns, rows = network.plane_cells()
        x, y = columns(image_size[0]), rows(image_size[1])
    return x, y, groups
