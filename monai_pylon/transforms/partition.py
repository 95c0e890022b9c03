"""Organ masks of a chest CT (PARTITION, section 12.2): right lung, mediastinum and left lung."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from monai.config import KeysCollection
from monai.data import MetaTensor, get_track_meta
from monai.transforms import MapTransform, Transform
from monai.utils import TransformBackends

from monai_pylon.transforms.heuristic_masks import HEURISTICS, heuristic_organ_labels
from monai_pylon.transforms.mask_quality import LUNG_MISSING, MaskQuality, judge_field, judge_masks, judge_volume
from monai_pylon.transforms.padding import AIR_HU, find_padding
from monai_pylon.transforms.paper_masks import paper_organ_labels, paper_quality_reasons
from monai_pylon.transforms.robust_masks.organ_labels import robust_organ_labels
from monai_pylon.utils import check, check_affine, check_choice, check_type, ras_view, voxel_spacing
from monai_pylon.utils.arrays import as_array

__all__ = [
    "OrganPartition",
    "PartitionOrgans",
    "PartitionOrgansD",
    "PartitionOrgansDict",
    "PartitionOrgansd",
    "partition_organs",
    "quality_item",
    "quality_of_item",
]

_METHODS = ("robust", "paper")


class OrganPartition(NamedTuple):
    """Organ masks and their quality.

    Attributes:
        labels: (X, Y, Z) uint8: 0 background, 1 right lung, 2 mediastinum, 3 left lung.
        quality: Whether to trust the masks, reason codes and volumes in mL.

    Example:
        >>> OrganPartition(np.zeros((1, 1, 1), np.uint8), MaskQuality(True, (), {}, False)).quality.ok
        True
    """

    labels: np.ndarray
    quality: MaskQuality


def _check_settings(method: str, min_lung_ml: float, fallback: str | None) -> None:
    check_choice(method, _METHODS, "method")
    check(min_lung_ml > 0, "min_lung_ml", "positive (mL)", min_lung_ml)
    if fallback is not None:
        check_choice(fallback, HEURISTICS, "fallback")


def _with_fallback(found: OrganPartition, affine: np.ndarray, fallback: str) -> OrganPartition:
    """Replace masks that lack a lung by heuristic masks."""
    if not set(found.quality.reasons) & set(LUNG_MISSING):
        return found
    labels = heuristic_organ_labels(found.labels.shape, affine, fallback)
    volumes = judge_masks(labels, affine, 1.0).volumes_ml
    return OrganPartition(labels, found.quality._replace(volumes_ml=volumes, heuristic=True))


def partition_organs(
    ct: np.ndarray,
    affine: np.ndarray,
    method: str = "robust",
    min_lung_ml: float = 512.0,
    fallback: str | None = None,
) -> OrganPartition:
    """Segment right lung, mediastinum and left lung of a chest CT by morphology (PARTITION, section 12.2).

    Args:
        ct: (X, Y, Z) in HU, any orientation and spacing. Padding (outside a round field of view, NaN at the border of
            a slice, slices of one value) counts as air.
        affine: (4, 4), voxel indices to RAS mm; determines left and right.
        method: "robust" works in mm and mL; "paper" follows the authors' steps exactly.
        min_lung_ml: Least volume of both lungs together in mL ("paper": of every component).
        fallback: None keeps masks that lack a lung. "center_half" or "middle_two_thirds" replace them by the heuristic
            masks of the paper or of its authors' program; ``quality.heuristic`` is then True.

    Returns:
        Labels on the input's own grid, and their quality. ``quality.ok`` means a plausible shape; dense lung and masses
        are not judged. If the masks are not to be trusted, ``quality.ok`` is False
        and ``quality.reasons`` gives the reasons. If the volume cannot be a chest CT in HU, the labels are empty.

    Raises:
        TypeError: If ct or affine is not an array.
        ValueError: If ct is not (X, Y, Z), is empty or has NaN inside the body; if the affine is sheared or singular;
            or if a setting is unknown.

    Example:
        >>> partition_organs(np.full((9, 9, 90), 40.0), np.eye(4)).quality.reasons
        ('hu_range', 'no_lung')
    """
    if not hasattr(ct, "__array__"):
        check_type(ct, np.ndarray, "ct")
    volume, matrix = as_array(ct), check_affine(affine)
    check(volume.ndim == 3, "ct", "a volume (X, Y, Z)", ct, "Take one channel of a channel-first image.")
    check(volume.size > 0, "ct", "not empty", ct)
    _check_settings(method, min_lung_ml, fallback)
    view = ras_view(volume, matrix)
    padding = find_padding(view.array)
    reasons = judge_volume(view.array, view.affine, padding)
    if padding is not None:
        view = view._replace(array=np.where(padding, np.float32(AIR_HU), view.array))
        volume = view.restore(view.array)
    if reasons:
        labels, fallback = np.zeros(volume.shape, dtype=np.uint8), None
    elif method == "paper":
        labels = paper_organ_labels(volume, matrix, min_lung_ml)
        reasons = paper_quality_reasons(labels, matrix)
    else:
        turned, reasons = robust_organ_labels(view.array, voxel_spacing(view.affine))
        labels = view.restore(turned)
        if min(labels.strides) < 0:  # PyTorch has no negative strides
            labels = labels.copy()
    reasons = judge_field(labels, volume, matrix, reasons)
    found = OrganPartition(labels, judge_masks(labels, matrix, min_lung_ml, reasons))
    return found if fallback is None else _with_fallback(found, matrix, fallback)


def quality_item(quality: MaskQuality) -> dict[str, Any]:
    """Describe the quality of masks by values that MONAI's caches, loaders and collation pass on unchanged.

    Args:
        quality: Quality of the masks.

    Returns:
        "ok" and "heuristic" (bool), "reasons" (the codes, joined by "; ", empty if there is none) and "volumes_ml"
        (volume in mL by organ).

    Example:
        >>> quality_item(MaskQuality(False, ("no_lung", "too_short"), {}, False))["reasons"]
        'no_lung; too_short'
    """
    return {
        "ok": bool(quality.ok),
        "reasons": "; ".join(quality.reasons),
        "volumes_ml": {organ: float(volume) for organ, volume in quality.volumes_ml.items()},
        "heuristic": bool(quality.heuristic),
    }


def quality_of_item(item: Mapping[str, Any]) -> MaskQuality:
    """Turn the dictionary of :func:`quality_item` back into a quality.

    Args:
        item: The dictionary.

    Returns:
        The quality of the masks.

    Example:
        >>> item = quality_item(MaskQuality(False, ("no_lung", "too_short"), {}, False))
        >>> quality_of_item(item).reasons
        ('no_lung', 'too_short')
    """
    return MaskQuality(**{**item, "reasons": tuple(filter(None, item["reasons"].split("; ")))})


class PartitionOrgans(Transform):
    """Organ masks of a chest CT as a MONAI transform; see :func:`partition_organs`.

    Called with an image (1, X, Y, Z) in HU, a MetaTensor with its affine, it returns the labels (1, X, Y, Z) uint8 as a
    MetaTensor on the same grid. ``meta["quality"]`` of the result is the quality as a dictionary, see
    :func:`quality_item`.

    Args:
        method: "robust" or "paper".
        min_lung_ml: Least volume of both lungs in mL.
        fallback: None, "center_half" or "middle_two_thirds".

    Example:
        >>> organs = PartitionOrgans()(MetaTensor(torch.full((1, 9, 9, 90), 40.0), affine=torch.eye(4)))
        >>> organs.meta["quality"]["ok"], organs.meta["quality"]["reasons"]
        (False, 'hu_range; no_lung')
    """

    backend = [TransformBackends.NUMPY]

    def __init__(self, method: str = "robust", min_lung_ml: float = 512.0, fallback: str | None = None) -> None:
        _check_settings(method, min_lung_ml, fallback)
        self.settings = (method, min_lung_ml, fallback)

    def __call__(self, image: MetaTensor) -> torch.Tensor:
        """Segment one image (1, X, Y, Z)."""
        return self.segment(image)[0]

    def segment(self, image: MetaTensor) -> tuple[torch.Tensor, dict[str, Any]]:
        """Return the labels (1, X, Y, Z) of one image and their quality, see :func:`quality_item`."""
        remedy = "Load it with LoadImage, while MONAI tracks metadata: the affine determines left and right."
        check_type(image, MetaTensor, "image", remedy)
        check(image.ndim == 4 and image.shape[0] == 1, "image", "of shape (1, X, Y, Z)", image)
        found = partition_organs(as_array(image[0]), as_array(image.affine), *self.settings)
        labels, quality = torch.from_numpy(found.labels)[None].to(image.device), quality_item(found.quality)
        if not get_track_meta():
            return labels, quality
        return MetaTensor(labels, meta={**image.meta, "quality": dict(quality)}), quality


class PartitionOrgansd(MapTransform):
    """Dictionary version of :class:`PartitionOrgans`.

    Args:
        keys: Key of the image (1, X, Y, Z).
        output_key: Key for the labels (1, X, Y, Z).
        quality_key: Key for the quality, a dictionary of "ok", "reasons", "volumes_ml" and "heuristic", see
            :func:`quality_item`. Loaders collate and decollate it.
        method: "robust" or "paper".
        min_lung_ml: Least volume of both lungs in mL.
        fallback: None, "center_half" or "middle_two_thirds".
        allow_missing_keys: Return items without the key unchanged.

    Example:
        >>> image = MetaTensor(torch.full((1, 9, 9, 90), 40.0), affine=torch.eye(4))
        >>> sorted(PartitionOrgansd("image")({"image": image}))
        ['image', 'organs', 'quality']
    """

    backend = PartitionOrgans.backend

    def __init__(
        self,
        keys: KeysCollection = "image",
        output_key: str = "organs",
        quality_key: str = "quality",
        method: str = "robust",
        min_lung_ml: float = 512.0,
        fallback: str | None = None,
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        check(len(self.keys) == 1, "keys", "one key", self.keys, "Partition one image at a time.")
        self.output_key, self.quality_key = output_key, quality_key
        self.partition = PartitionOrgans(method, min_lung_ml, fallback)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Add labels and quality to a copy of the dictionary."""
        item = dict(data)
        for key in self.key_iterator(item):
            item[self.output_key], item[self.quality_key] = self.partition.segment(item[key])
        return item


PartitionOrgansD = PartitionOrgansDict = PartitionOrgansd
