"""What true positions change in the allowed regions of AxialNet, on phantoms.

    python -m tests.experiments.cell_positions

For each organ: of the cells that look at the organ (the voxel at the cell's true center lies in it), the share that is
allowed; and of the allowed cells, the share that look at it. Once with the paper's even stretch of the 6 x 6 cells over
the slice, once with the positions of :func:`monai_pylon.visualize.map_geometry`.
"""

from __future__ import annotations

import numpy as np

from monai_pylon.data import phantom_chest_ct
from monai_pylon.networks.nets import AxialNet
from monai_pylon.taxonomy import ORGANS
from monai_pylon.transforms import allowed_regions
from monai_pylon.visualize import MapGeometry, map_geometry

#: Phantoms with half the resolution of the network's input of 420 x 420 x 300 voxels of 0.8 mm.
SHAPE, SPACING, INPUT = (210, 210, 100), (1.6, 1.6, 2.4), (420, 420, 300)


def shares(organs: np.ndarray, geometry: MapGeometry, mode: str, true_positions: bool) -> np.ndarray:
    """Return, for each organ, the share of looking cells that is allowed and of allowed cells that look (3, 2)."""
    grid = tuple(int(n) for n in (6, 6, organs.shape[2]))
    regions = np.asarray(
        allowed_regions(organs, np.eye(3), grid, mode=mode, geometry=geometry if true_positions else None)
    )
    places = zip(geometry.origin, geometry.spacing, grid, organs.shape, strict=True)
    seen = organs[np.ix_(*(np.rint(o + s * np.arange(n)).clip(0, size - 1).astype(int) for o, s, n, size in places))]
    looking = np.stack([seen == organ for organ in (1, 2, 3)])
    both = (regions & looking).sum((1, 2, 3))
    return np.stack([both / looking.sum((1, 2, 3)), both / regions.sum((1, 2, 3))], axis=1)


def main(phantoms: int = 8) -> None:
    """Print the mean shares of phantoms."""
    full = map_geometry(AxialNet(2, "resnet18"), None, INPUT)
    geometry = full.resized(INPUT, SHAPE)
    organs = [np.asarray(phantom_chest_ct(seed, shape=SHAPE, spacing=SPACING).organs) for seed in range(phantoms)]
    print("mode, positions: for each of", ", ".join(ORGANS), "allowed of looking / looking of allowed")
    for mode in ("nearest", "area"):
        for name, true_positions in (("even", False), ("true", True)):
            mean = np.mean([shares(o, geometry, mode, true_positions) for o in organs], axis=0)
            print(f"{mode}, {name}:", ", ".join(f"{a:.2f} / {b:.2f}" for a, b in mean))


if __name__ == "__main__":
    main()
