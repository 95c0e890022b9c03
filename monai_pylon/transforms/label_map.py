"""Organs from another program's label map: TotalSegmentator, lungmask, or any program whose labels have names."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection
from monai.data import MetaTensor, get_track_meta
from monai.transforms import MapTransform, Transform
from monai.utils import TransformBackends

from monai_pylon.taxonomy.organs import ORGAN_VALUES
from monai_pylon.taxonomy.structures import SEGMENTATION_PROGRAMS, organ_of_structure, structure_names
from monai_pylon.transforms.mask_quality import MaskQuality, judge_masks
from monai_pylon.transforms.partition import quality_item
from monai_pylon.transforms.robust_masks.block_mean import block_factors, spread_blocks
from monai_pylon.transforms.robust_masks.organ_split import mediastinum_between_lungs
from monai_pylon.transforms.robust_masks.spine import find_spine
from monai_pylon.utils import check, check_affine, check_choice, check_type, ras_view, voxel_spacing
from monai_pylon.utils.arrays import as_array

__all__ = [
    "OrgansFromLabelMap",
    "OrgansFromLabelMapD",
    "OrgansFromLabelMapDict",
    "OrgansFromLabelMapd",
    "organs_from_label_map",
]

#: Organ value of a label value without a name.
_NAMELESS = 255


def _organ_values(names: Mapping[int, str] | str) -> np.ndarray:
    """Return the organ value of each label value from 0 to the largest named one."""
    check_type(names, (str, Mapping), "names", "Give a program, such as 'totalsegmentator', or {value: name}.")
    if isinstance(names, str):
        check_choice(names, SEGMENTATION_PROGRAMS, "names")
    named = structure_names(names) if isinstance(names, str) else names
    for value in named:
        whole = isinstance(value, int | np.integer) or (isinstance(value, str) and value.isdecimal())
        check(whole and 0 <= int(value) < 2**16, "names", "a mapping of label values from 0 to 65535", value)
    table = np.full(max((int(value) for value in named), default=0) + 1, _NAMELESS, dtype=np.uint8)
    table[0] = 0
    for value, name in named.items():
        table[int(value)] = ORGAN_VALUES.get(organ_of_structure(name), 0)
    remedy = "If both lungs share one label, use partition_organs, which separates the sides."
    check({1, 3} <= set(table.tolist()), "names", "names that include both lungs", dict(named), remedy)
    return table


def _look_up(values: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Look up the organ value of every voxel; plane by plane, because the indices take eight bytes each."""
    organs = np.empty(values.shape, dtype=np.uint8)
    for plane, out in zip(values, organs, strict=True):
        np.take(table, plane.astype(np.intp), out=out, mode="clip")
        out[plane >= len(table)] = _NAMELESS
    return organs


def _fill_between(organs: np.ndarray, free: np.ndarray, affine: np.ndarray, ct: np.ndarray | None) -> None:
    """Give the free voxels between the lungs to the mediastinum, in place.

    Args:
        organs: (X, Y, Z) uint8, changed.
        free: (X, Y, Z) bool, the voxels without a label.
        affine: (4, 4), voxel indices to RAS mm.
        ct: (X, Y, Z) in HU, or None.
    """
    view, free_view = ras_view(organs, affine), ras_view(free, affine).array
    spacing = voxel_spacing(view.affine)
    factors = block_factors(spacing)  # on blocks, because hulls are slow and the border is coarse anyway
    middle = tuple(slice(factor // 2, None, factor) for factor in factors)
    coarse = view.array[middle]
    hu = np.zeros(coarse.shape, dtype=np.float32) if ct is None else ras_view(ct, affine).array[middle]
    block = (spacing[0] * factors[0], spacing[1] * factors[1], spacing[2] * factors[2])
    right, left = coarse == 1, coarse == 3
    between = mediastinum_between_lungs(right, left, hu, block, find_spine(hu, right | left, block))
    # The last block of an axis may have no middle voxel. It then takes the value of the block before.
    padded = np.pad(between, [(0, 1)] * 3, mode="edge")
    view.array[spread_blocks(padded, factors, view.array.shape) & free_view] = 2


def organs_from_label_map(
    label_map: np.ndarray,
    names: Mapping[int, str] | str = "totalsegmentator",
    affine: np.ndarray | None = None,
    fill_mediastinum: bool = False,
    ct: np.ndarray | None = None,
) -> np.ndarray:
    """Convert a label map whose labels have names to right lung, mediastinum and left lung.

    The names determine the sides, and `organ_of_structure` gives the organ of each
    structure. Heart, great vessels, trachea and oesophagus together do not fill the mediastinum, and lungmask segments
    only the lungs. ``fill_mediastinum`` therefore adds the unlabeled voxels between the lungs. Without it, the
    mediastinum of a map that has only lungs is empty.

    Args:
        label_map: (X, Y, Z) whole numbers, 0 for background.
        names: The program that made the map, "totalsegmentator" (version 2), "totalsegmentator_v1", "lungmask" (R231)
            or "lungmask_lobes" (LTRCLobes); or the name of each value that occurs.
        affine: (4, 4), voxel indices to RAS mm. Needed only to fill the mediastinum.
        fill_mediastinum: Add the voxels between the lungs that have no label, by morphology.
        ct: (X, Y, Z) in HU. Used only to exclude the spine from the filled voxels if the map does not label it.

    Returns:
        (X, Y, Z) uint8: 0 background, 1 right lung, 2 mediastinum, 3 left lung. An organ that is missing in the map is
        empty, even a lung, so check the quality of the result.

    Raises:
        TypeError: If label_map or names has another type, or the affine is missing and needed.
        ValueError: If a value has no name, a name is unknown, names lack a lung, or shapes do not fit.

    Example:
        >>> organs_from_label_map(np.array([[[0, 10, 14, 51]]]), "totalsegmentator")
        array([[[0, 3, 1, 2]]], dtype=uint8)
        >>> organs_from_label_map(np.array([[[0, 1, 2]]]), {1: "heart", 2: "lung_left", 3: "lung_right"})
        array([[[0, 2, 3]]], dtype=uint8)
    """
    table = _organ_values(names)
    if not hasattr(label_map, "__array__"):
        check_type(label_map, np.ndarray, "label_map")
    values = as_array(label_map)
    check(values.ndim == 3 and values.size > 0, "label_map", "a volume (X, Y, Z)", label_map, "Remove the channel.")
    check(values.dtype.kind in "biuf", "label_map", "numbers", label_map)
    low, high = float(values.min()), float(values.max())
    remedy = "Give the label map, not the image."
    check(low >= 0 and high < 2**16, "label_map", "between 0 and 65535", f"{low:g} to {high:g}", remedy)
    if values.dtype.kind == "f":
        fractions = any((np.rint(plane) != plane).any() for plane in values)
        check(not fractions, "label_map", "whole numbers", label_map, "Resample label maps by nearest neighbor.")
    matrix = check_affine(affine) if fill_mediastinum else None  # type: ignore[arg-type]  # it names a missing one
    if matrix is not None:
        fits = ct is None or np.shape(ct) == values.shape
        check(fits, "ct", f"of the label map's shape {values.shape}", ct, "Resample one to the other's grid.")

    organs = _look_up(values, table)
    nameless = organs == _NAMELESS
    if nameless.any():
        found = np.unique(values[nameless])[:5].astype(int).tolist()
        raise ValueError(
            f"label_map has values without a name, such as {found}. Name them ('background' for no organ), or give the "
            "version of the program that made the map."
        )
    if matrix is not None:
        _fill_between(organs, values == 0, matrix, None if ct is None else as_array(ct))
    return organs


class OrgansFromLabelMap(Transform):
    """Organs from another program's label map as a MONAI transform; see :func:`organs_from_label_map`.

    Called with a label map (1, X, Y, Z), a MetaTensor with its affine, it returns the organs (1, X, Y, Z) uint8 as a
    MetaTensor. The optional second argument is the image (1, X, Y, Z) in HU, used to exclude the spine from the filled
    voxels. ``meta["quality"]`` of the result is the quality as a dictionary, see
    :func:`~monai_pylon.transforms.partition.quality_item`. Besides the usual reasons it has "no_mediastinum" if there
    is none, and "sides_swapped" if names and affine disagree about the right lung.

    Args:
        names: The program that made the map, or the name of each value.
        fill_mediastinum: Add the voxels between the lungs that have no label.
        min_lung_ml: Least volume of both lungs in mL, for the quality.

    Example:
        >>> organs = OrgansFromLabelMap("lungmask")(MetaTensor(torch.ones((1, 4, 4, 4)), affine=torch.eye(4)))
        >>> organs.meta["quality"]["reasons"]
        'no_mediastinum; right_lung_small; left_lung_small; lungs_small'
    """

    backend = [TransformBackends.NUMPY]

    def __init__(
        self,
        names: Mapping[int, str] | str = "totalsegmentator",
        fill_mediastinum: bool = False,
        min_lung_ml: float = 512.0,
    ) -> None:
        _organ_values(names)
        check(min_lung_ml > 0, "min_lung_ml", "positive (mL)", min_lung_ml)
        self.names, self.fill_mediastinum, self.min_lung_ml = names, fill_mediastinum, min_lung_ml

    def __call__(self, label_map: MetaTensor, image: torch.Tensor | None = None) -> torch.Tensor:
        """Convert one label map (1, X, Y, Z)."""
        return self.convert(label_map, image)[0]

    def convert(self, label_map: MetaTensor, image: torch.Tensor | None = None) -> tuple[torch.Tensor, dict[str, Any]]:
        """Return the organs (1, X, Y, Z) of one label map and their quality."""
        remedy = "Load it with LoadImage, while MONAI tracks metadata: the affine determines left and right."
        check_type(label_map, MetaTensor, "label_map", remedy)
        check(label_map.ndim == 4 and len(label_map) == 1, "label_map", "of shape (1, X, Y, Z)", label_map)
        affine = as_array(label_map.affine)
        ct = None if image is None else as_array(image[0])
        organs = organs_from_label_map(as_array(label_map[0]), self.names, affine, self.fill_mediastinum, ct)
        labels = torch.from_numpy(organs)[None].to(label_map.device)
        quality = quality_item(_judge(organs, affine, self.min_lung_ml))
        if not get_track_meta():
            return labels, quality
        return MetaTensor(labels, meta={**label_map.meta, "quality": dict(quality)}), quality


def _judge(organs: np.ndarray, affine: np.ndarray, min_lung_ml: float) -> MaskQuality:
    """Judge the masks, with two reasons that only another program's map can have."""
    in_ras = ras_view(organs, affine).array
    right, left = (np.flatnonzero((in_ras == organ).any(axis=(1, 2))) for organ in (1, 3))
    reasons = [] if (organs == 2).any() else ["no_mediastinum"]
    if len(right) and len(left) and right.mean() < left.mean():
        reasons.append("sides_swapped")
    return judge_masks(organs, affine, min_lung_ml, tuple(reasons))


class OrgansFromLabelMapd(MapTransform):
    """Dictionary version of :class:`OrgansFromLabelMap`.

    Args:
        keys: Key of the label map (1, X, Y, Z).
        names: The program that made the map, or the name of each value.
        fill_mediastinum: Add the voxels between the lungs that have no label.
        image_key: Key of the image (1, X, Y, Z) in HU, to exclude the spine from the filled voxels. None uses no image.
        output_key: Key for the organs (1, X, Y, Z).
        quality_key: Key for the quality, a dictionary of "ok", "reasons", "volumes_ml" and "heuristic".
        min_lung_ml: Least volume of both lungs in mL, for the quality.
        allow_missing_keys: Return items without the key unchanged.

    Example:
        >>> label_map = MetaTensor(torch.ones((1, 4, 4, 4)), affine=torch.eye(4))
        >>> sorted(OrgansFromLabelMapd("label_map", "lungmask")({"label_map": label_map}))
        ['label_map', 'organs', 'quality']
    """

    backend = OrgansFromLabelMap.backend

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
        check(len(self.keys) == 1, "keys", "one key", self.keys, "An item has one label map.")
        self.image_key, self.output_key, self.quality_key = image_key, output_key, quality_key
        self.adapter = OrgansFromLabelMap(names, fill_mediastinum, min_lung_ml)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Add organs and quality to a copy of the dictionary."""
        item = dict(data)
        for key in self.key_iterator(item):
            image = None if self.image_key is None else item[self.image_key]
            item[self.output_key], item[self.quality_key] = self.adapter.convert(item[key], image)
        return item


OrgansFromLabelMapD = OrgansFromLabelMapDict = OrgansFromLabelMapd
