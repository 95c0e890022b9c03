"""Chest CT datasets of a run, and their organ masks."""

from __future__ import annotations

import logging
from collections.abc import Hashable, Mapping, Sequence
from os import PathLike
from typing import Any

import numpy as np
import torch
from monai.data import Dataset as MonaiDataset
from monai.data import MetaTensor, get_track_meta
from monai.transforms import Compose, Transform
from monai.utils import TransformBackends, convert_to_tensor
from torch.utils.data import Dataset

from monai_pylon.data import ReadVolumed, rad_chestct_datalist, read_volume
from monai_pylon.data.datasets.ct_rate import RescaleOnced
from monai_pylon.data.datasets.labels import relabel
from monai_pylon.data.datasets.public_datasets import find_dataset
from monai_pylon.data.phantoms.datasets import PhantomChestCTs
from monai_pylon.taxonomy import CHEST_CT_LABELS
from monai_pylon.taxonomy.organs import are_organ_labels, organs_of_labels
from monai_pylon.transforms import PartitionOrgansd
from monai_pylon.utils import check, check_choice, check_type
from monai_pylon.utils.arrays import as_array
from monai_pylon.workflows.bundle.sections import SECTIONS, dataset_folder, phantoms_of_section

__all__ = ["OrgansOfScand", "chest_ct_data"]

_LOGGER = logging.getLogger(__name__)
#: Finer phantoms take longer to render and show nothing more.
_FINEST_PHANTOM_MM = 2.0


def _with_locations(item: Mapping[str, Any], labels: Sequence[str]) -> dict[str, Any]:
    """Return an item with locations. If its table names none, a present label may lie in each organ of Table 5."""
    if "locations" in item:
        return dict(item)
    present = as_array(item["label"]) == 1
    return {**item, "locations": organs_of_labels(labels) & present[:, None]}


class _ChosenLabels:
    """Function that keeps some of the 80 labels of an item, with their locations."""

    def __init__(self, labels: Sequence[str]) -> None:
        self.rows = [CHEST_CT_LABELS.index(name) for name in labels]

    def __call__(self, item: Mapping[str, Any]) -> dict[str, Any]:
        return {**item, "label": item["label"][self.rows], "locations": item["locations"][self.rows]}


def chest_ct_data(
    dataset_dir: str | PathLike[str],
    section: str,
    labels: Sequence[str] = CHEST_CT_LABELS,
    missing: str = "error",
    missing_side: str = "drop",
    phantoms: int = 32,
    spacing: Sequence[float] = (2.0, 2.0, 2.0),
) -> Dataset:
    """Make the dataset of a section's scans, with labels and locations.

    Args:
        dataset_dir: RAD-ChestCT, or a folder with `labels.csv` (see :func:`rad_chestct_datalist`), CT-RATE or LUNA16
            (see :mod:`monai_pylon.data.datasets`), or "phantom" for phantoms rendered on demand.
        section: "training", "validation" or "test".
        labels: Names of the M labels; for phantoms some of Table 5. For CT-RATE and LUNA16 a label with the same
            meaning is taken; others are unknown.
        missing: "error" or "skip" for scans of the table without a file.
        missing_side: "drop" or "both" for lung abnormalities whose location has no side.
        phantoms: Phantoms for training. Validation and test have a quarter as many each, at least four.
        spacing: Spacing of the phantoms in mm; not finer than 2 mm.

    Returns:
        A dataset of items with image, MetaTensor (1, X, Y, Z) in HU; label (M,) float32; locations (M, 3) bool, those
        of Table 5 if the table names none; patient_id; name; organs, a path or MetaTensor (1, X, Y, Z), if known; from
        LUNA16 nodules (K, 5) [x, y, z, diameter, class], RAS mm.

    Raises:
        ValueError: If there is no such section, or the data do not fit together.

    Example:
        >>> len(chest_ct_data("phantom", "training", phantoms=20)), len(chest_ct_data("phantom", "test"))
        (20, 8)
    """
    check_choice(section, SECTIONS, "section")
    check_type(dataset_dir, (str, PathLike), "dataset_dir", "Name it: --dataset_dir PATH")
    if str(dataset_dir) == "phantom":
        remedy = "Phantoms have these; name a folder for others: --dataset_dir PATH"
        check(set(labels) <= set(CHEST_CT_LABELS), "labels", "some of the 80 of RAD-ChestCT", tuple(labels), remedy)
        count, first_seed = phantoms_of_section(section, phantoms)
        _LOGGER.warning("No dataset is given (--dataset_dir PATH): using %d phantom CTs for %s.", count, section)
        rendered = PhantomChestCTs(count, [max(_FINEST_PHANTOM_MM, mm) for mm in spacing], first_seed)
        return rendered if tuple(labels) == CHEST_CT_LABELS else MonaiDataset(rendered, _ChosenLabels(labels))  # type: ignore[arg-type]
    folder = dataset_folder(dataset_dir)
    public = None if (folder / "labels.csv").is_file() else find_dataset(folder, "ct")
    if public is None:
        items = rad_chestct_datalist(folder, section, labels, missing_side, missing)
    else:
        items = relabel(public.items(folder, section, missing), public.name, labels)
    unknown = [name for k, name in enumerate(labels) if all(np.isnan(item["label"][k]) for item in items)]
    _LOGGER.info("%d scans of %s for %s.", len(items), folder, section)
    if unknown:
        _LOGGER.warning("%d labels are unknown in all scans and left out, such as %s.", len(unknown), unknown[0])
    read = Compose([ReadVolumed("image"), RescaleOnced("image")])
    return MonaiDataset([_with_locations(item, labels) for item in items], read)


class OrgansOfScand(Transform):
    """Transform that reads a scan's organ masks and checks them against its grid, or computes them by PARTITION.

    Args:
        image_key: Item with the scan, MetaTensor (1, X, Y, Z) in HU.
        organs_key: Item with the masks: a path, or labels (1, X, Y, Z) of 0 background, 1 right lung, 2 mediastinum,
            3 left lung. Without it PARTITION adds them there.
        method: Method of PARTITION.
        fallback: Fallback of PARTITION if the lungs are not found.

    Raises:
        ValueError: If masks have another grid or other values, or no organ is found.

    Example:
        >>> image = MetaTensor(torch.zeros(1, 4, 4, 4), affine=torch.eye(4))
        >>> OrgansOfScand()({"image": image, "organs": torch.ones(1, 4, 4, 3)})
        Traceback (most recent call last):
        ...
        ValueError: organs must be of the scan's shape (1, 4, 4, 4), but is Tensor of shape (1, 4, 4, 3), float32. ...
    """

    backend = [TransformBackends.NUMPY]

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
            if not quality["ok"]:
                _LOGGER.warning("%s: doubtful organ masks (%s).", item.get("name", "A scan"), quality["reasons"])
            if not (item[self.organs_key] > 0).any():
                raise ValueError(
                    f"PARTITION finds no organs ({quality['reasons']}). Put <scan>_organs.nii.gz beside the scan."
                )
            return item
        organs = read_volume(given) if isinstance(given, str | PathLike) else given
        remedy = "Organ masks must have their scan's grid: compute them from this scan."
        check(organs.shape == image.shape, "organs", f"of the scan's shape {tuple(image.shape)}", organs, remedy)
        if isinstance(organs, MetaTensor) and isinstance(image, MetaTensor):
            same = torch.allclose(organs.affine.double(), image.affine.double(), atol=0.05)
            check(same, "organs", "of the scan's affine", organs.affine.tolist(), remedy)
        remedy = "See OrgansFromLabelMap for other label maps."
        check(are_organ_labels(organs), "organs", "of the values 0, 1, 2 and 3", organs, remedy)
        labels = convert_to_tensor(organs, dtype=torch.uint8, track_meta=False)
        located = isinstance(image, MetaTensor) and get_track_meta()
        item[self.organs_key] = MetaTensor(labels, affine=image.affine) if located else labels
        return item
