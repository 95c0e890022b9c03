"""Phantom radiographs as a data set, made when they are asked for: nothing to download, nothing on disk."""

from __future__ import annotations

from typing import Any

import torch
from monai.data import MetaTensor

from monai_pylon.data.phantom_film import phantom_radiograph
from monai_pylon.data.phantom_seeds import SeededPhantoms
from monai_pylon.utils import check_type

__all__ = ["PhantomRadiographs"]


class PhantomRadiographs(SeededPhantoms):
    """Films of patients who do not exist, as the items of `chest_xray14_datalist` are once their image is read.

    Each item has image, MetaTensor (1, H, W) between 0 and 1; label (14,) uint8; boxes (K, 5) float32
    [x1, y1, x2, y2, class]; patient_id, its seed; view; name. A film takes some hundredths of a second, so none is
    kept; the same seed gives the same film every time.

    Args:
        count: how many.
        size: rows and columns.
        first_seed: of the first film; the others count on from there. Give training and test sets seeds of their own.

    Raises:
        ValueError: for no film at all, or a negative seed.

    Example:
        >>> films = PhantomRadiographs(2, size=64, first_seed=7)
        >>> len(films), films[1]["image"].shape, films[-1]["patient_id"]
        (2, torch.Size([1, 64, 64]), 8)
    """

    def __init__(self, count: int, size: int = 256, first_seed: int = 0) -> None:
        super().__init__(count, first_seed)
        check_type(size, int, "size")
        self.size = size

    def make(self, seed: int) -> dict[str, Any]:
        """The item of a seed."""
        film = phantom_radiograph(seed, size=self.size)
        return {
            "image": MetaTensor(torch.from_numpy(film.image), affine=torch.eye(4, dtype=torch.float64)),
            "label": film.labels,
            "boxes": film.boxes,
            "patient_id": seed,
            "view": film.view,
            "name": f"phantom_{seed}",
        }
