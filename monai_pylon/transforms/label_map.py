"""Organs out of a label map that another program made: TotalSegmentator, lungmask, or any whose labels have names."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import MapTransform, Transform

from monai_pylon.taxonomy import ORGAN_VALUES, SEGMENTATION_PROGRAMS, organ_of_structure, structure_names
from monai_pylon.transforms.block_mean import block_factors, spread_blocks
from monai_pylon.transforms.mask_quality import MaskQuality, judge_masks
from monai_pylon.transforms.organ_split import mediastinum_between_lungs
from monai_pylon.utils import check, check_affine, check_choice, check_type, ras_view, voxel_spacing

__all__ = [
    "OrgansFromLabelMap",
    "OrgansFromLabelMapD",
    "OrgansFromLabelMapDict",
    "OrgansFromLabelMapd",
    "organs_from_label_map",
]

#: Stands for a label value without a name.
_NAMELESS = 255


def _organ_values(names: Mapping[int, str] | str) -> np.ndarray:
    """The organ's value for each label value from 0 to the largest named one."""
    check_type(names, (str, Mapping), "names", "Give a program, such as 'totalsegmentator', or {value: name}.")
    if isinstance(names, str):
        check_choice(names, SEGMENTATION_PROGRAMS, "names")
    named = structure_names(names) if isinstance(names, str) else names
    for value in named:
        whole = isinstance(value, int | np.integer) or (isinstance(value, str) and value.isdecimal())
        check(whole and 0 <= int(value) < 2**16, "names", "by label values, 0 to 65535", value)
    table = np.full(max((int(value) for value in named), default=0) + 1, _NAMELESS, dtype=np.uint8)
    table[0] = 0
    for value, name in named.items():
        table[int(value)] = ORGAN_VALUES.get(organ_of_structure(name), 0)
    remedy = "Where a map has both lungs in one label, partition_organs tells the sides."
    check({1, 3} <= set(table.tolist()), "names", "such that both lungs are among them", named, remedy)
    return table


def _look_up(values: np.ndarray, table: np.ndarray) -> np.ndarray:
    """The organ of every voxel, plane by plane: a table is looked up with indices of eight bytes each."""
    organs = np.empty(values.shape, dtype=np.uint8)
    for plane, out in zip(values, organs, strict=True):
        np.take(table, plane.astype(np.intp), out=out, mode="clip")
        out[plane >= len(table)] = _NAMELESS
    return organs


def _fill_between(organs: np.ndarray, free: np.ndarray, affine: np.ndarray, ct: np.ndarray | None) -> None:
    """Give what is free between the lungs to the mediastinum, in place."""
    view, unnamed = ras_view(organs, affine), ras_view(free, affine).array
    spacing = voxel_spacing(view.affine)
    factors = block_factors(spacing)  # its border is coarse anyway, and hulls are slow
    every = tuple(slice(factor // 2, None, factor) for factor in factors)
    coarse = view.array[every]
    hu = np.zeros(coarse.shape, dtype=np.float32) if ct is None else ras_view(ct, affine).array[every]
    cell = (spacing[0] * factors[0], spacing[1] * factors[1], spacing[2] * factors[2])
    between = mediastinum_between_lungs(coarse == 1, coarse == 3, hu, cell)
    # The last cell of an axis may have no middle voxel: it takes its neighbour's value.
    padded = np.pad(between, [(0, 1)] * 3, mode="edge")
    view.array[spread_blocks(padded, factors, view.array.shape) & unnamed] = 2


def organs_from_label_map(
    label_map: np.ndarray,
    names: Mapping[int, str] | str = "totalsegmentator",
    affine: np.ndarray | None = None,
    fill_mediastinum: bool = False,
    ct: np.ndarray | None = None,
) -> np.ndarray:
    """Right lung, mediastinum and left lung out of a label map whose labels have names.

    The names tell the sides; which structure belongs to which organ says
    :func:`monai_pylon.taxonomy.organ_of_structure`. Heart, great vessels, trachea and oesophagus do not fill the
    mediastinum, and lungmask marks lungs only: ``fill_mediastinum`` adds what lies between the lungs and has no label.
    Without it, the mediastinum of a map of lungs only is empty.

    Args:
        label_map: (X, Y, Z) whole numbers, 0 for background.
        names: the program that made the map, "totalsegmentator" (version 2), "totalsegmentator_v1", "lungmask" (R231)
            or "lungmask_lobes" (LTRCLobes); or the name of each value that occurs.
        affine: (4, 4), voxel indices to RAS mm; only to fill the mediastinum.
        fill_mediastinum: add what lies between the lungs, by morphology, where the map has no label.
        ct: (X, Y, Z) in HU; only to leave the spine out of what is filled, where the map does not name it.

    Returns:
        (X, Y, Z) uint8: 0 background, 1 right lung, 2 mediastinum, 3 left lung. An organ that the map does not show is
        empty, even a lung: judge the result.

    Raises:
        TypeError: where label_map or names is of another type, or the affine is missing where it is needed.
        ValueError: where a value has no name, a name is unknown, names lack a lung, or shapes do not fit.

    Example:
        >>> organs_from_label_map(np.array([[[0, 10, 14, 51]]]), "totalsegmentator")
        array([[[0, 3, 1, 2]]], dtype=uint8)
        >>> organs_from_label_map(np.array([[[0, 1, 2]]]), {1: "heart", 2: "lung_left", 3: "lung_right"})
        array([[[0, 2, 3]]], dtype=uint8)
    """
    table = _organ_values(names)
    if not hasattr(label_map, "__array__"):
        check_type(label_map, np.ndarray, "label_map")
    values = np.asarray(label_map)
    check(values.ndim == 3 and values.size > 0, "label_map", "a volume (X, Y, Z)", label_map, "Take the channel off.")
    check(values.dtype.kind in "biuf", "label_map", "numbers", label_map)
    low, high = float(values.min()), float(values.max())
    remedy = "Is this the image rather than the map?"
    check(low >= 0 and high < 2**16, "label_map", "between 0 and 65535", f"{low:g} to {high:g}", remedy)
    if values.dtype.kind == "f":
        fractions = any((np.rint(plane) != plane).any() for plane in values)
        check(not fractions, "label_map", "whole numbers", label_map, "Resample label maps by nearest neighbour.")
    matrix = check_affine(affine) if fill_mediastinum else None  # type: ignore[arg-type]  # it names a missing one
    if matrix is not None:
        fits = ct is None or np.shape(ct) == values.shape
        check(fits, "ct", f"of the label map's shape {values.shape}", ct, "Resample one to the other's grid.")

    organs = _look_up(values, table)
    nameless = organs == _NAMELESS
    if nameless.any():
        found = np.unique(values[nameless])[:5].astype(int).tolist()
        remedy = "Name them ('background' for no organ), or name the version of the program that made the map."
        check(False, "label_map", "of values that names has", f"{found} (the first of those it has not)", remedy)
    if matrix is not None:
        _fill_between(organs, values == 0, matrix, None if ct is None else np.asarray(ct))
    return organs


class OrgansFromLabelMap(Transform):
    """Organs out of another program's label map, as a MONAI transform; see :func:`organs_from_label_map`.

    Args:
        names: the program that made the map, or the name of each value.
        fill_mediastinum: add what lies between the lungs.
        min_lung_ml: least volume of the lungs in mL, for the verdict.

    Called with a label map (1, X, Y, Z), a MetaTensor with its affine, and, to leave the spine out of what is filled,
    the image (1, X, Y, Z) in HU, it returns the organs (1, X, Y, Z) uint8 as a MetaTensor. Its ``meta["quality"]`` is
    the :class:`MaskQuality` with the usual reasons, "no_mediastinum" where there is none, and "sides_swapped" where
    names and affine do not agree which lung is the right one.

    Example:
        >>> organs = OrgansFromLabelMap("lungmask")(MetaTensor(torch.ones((1, 4, 4, 4)), affine=torch.eye(4)))
        >>> organs.meta["quality"].reasons
        ('no_mediastinum', 'right_lung_small', 'left_lung_small', 'lungs_small')
    """

    def __init__(
        self,
        names: Mapping[int, str] | str = "totalsegmentator",
        fill_mediastinum: bool = False,
        min_lung_ml: float = 512.0,
    ) -> None:
        _organ_values(names)
        check(min_lung_ml > 0, "min_lung_ml", "positive (mL)", min_lung_ml)
        self.names, self.fill_mediastinum, self.min_lung_ml = names, fill_mediastinum, min_lung_ml

    def __call__(self, label_map: MetaTensor, image: torch.Tensor | None = None) -> MetaTensor:
        """The organs of one label map (1, X, Y, Z)."""
        check_type(label_map, MetaTensor, "label_map", "Load it with LoadImage: the affine tells left from right.")
        check(label_map.ndim == 4 and len(label_map) == 1, "label_map", "of shape (1, X, Y, Z)", label_map)
        affine = label_map.affine.cpu().numpy()
        ct = None if image is None else image[0].cpu().numpy()
        organs = organs_from_label_map(label_map[0].cpu().numpy(), self.names, affine, self.fill_mediastinum, ct)
        meta = {**label_map.meta, "quality": _judge(organs, affine, self.min_lung_ml)}
        return MetaTensor(torch.from_numpy(organs)[None], meta=meta)


def _judge(organs: np.ndarray, affine: np.ndarray, min_lung_ml: float) -> MaskQuality:
    """The usual verdict, and what can go wrong with another program's map only."""
    across = [np.flatnonzero((ras_view(organs, affine).array == organ).any(axis=(1, 2))) for organ in (1, 3)]
    reasons = [] if (organs == 2).any() else ["no_mediastinum"]
    if all(map(len, across)) and across[0].mean() < across[1].mean():
        reasons.append("sides_swapped")
    return judge_masks(organs, affine, min_lung_ml, tuple(reasons))


class OrgansFromLabelMapd(MapTransform):
    """Dictionary version of :class:`OrgansFromLabelMap`.

    Args:
        keys: where the label map (1, X, Y, Z) lies.
        names: the program that made the map, or the name of each value.
        fill_mediastinum: add what lies between the lungs.
        image_key: where the image (1, X, Y, Z) in HU lies, to leave the spine out of what is filled; None: no image.
        output_key: where to put the organs (1, X, Y, Z).
        quality_key: where to put the :class:`MaskQuality`.
        min_lung_ml: least volume of the lungs in mL, for the verdict.
        allow_missing_keys: leave items without the key as they are.

    Example:
        >>> label_map = MetaTensor(torch.ones((1, 4, 4, 4)), affine=torch.eye(4))
        >>> sorted(OrgansFromLabelMapd("label_map", "lungmask")({"label_map": label_map}))
        ['label_map', 'organs', 'quality']
    """

    def __init__(
        self,
        keys: KeysCollection = "label_map",
        names: Mapping[int, str] | str = "totalsegmentator",
        fill_mediastinum: bool = False,
        image_key: str | None = None,
        output_key: str = "organs",
        quality_key: str = "quality",
        min_lung_ml: float = 512.0,
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        check(len(self.keys) == 1, "keys", "one key", self.keys, "There is one label map in an item.")
        self.image_key, self.output_key, self.quality_key = image_key, output_key, quality_key
        self.adapter = OrgansFromLabelMap(names, fill_mediastinum, min_lung_ml)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Add organs and quality to a copy of the dictionary."""
        item = dict(data)
        for key in self.key_iterator(item):
            image = None if self.image_key is None else item[self.image_key]
            organs = self.adapter(item[key], image)
            item[self.output_key], item[self.quality_key] = organs, organs.meta["quality"]
        return item


OrgansFromLabelMapD = OrgansFromLabelMapDict = OrgansFromLabelMapd
