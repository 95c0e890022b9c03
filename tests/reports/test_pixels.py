"""Every function that takes an image and a map names the argument that is wrong, and refuses NaN and other ranges."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from monai_pylon.reports.chest_ct_figure import finding_on_scan
from monai_pylon.reports.display import paint_labels
from monai_pylon.reports.heatmap import heatmap_on_image, heatmap_peak, paint_heatmap
from monai_pylon.reports.nifti import save_map_nifti, save_radiograph_nifti, save_volume_nifti
from monai_pylon.reports.organ_figure import organ_overlay_figure
from monai_pylon.reports.pixels import as_labels, as_pixels, as_voxels
from monai_pylon.reports.radiograph_figure import (
    RadiographFindingMap,
    radiograph_overlay_figure,
    radiograph_page_figure,
)
from monai_pylon.reports.radiograph_files import save_radiograph_files

HALF, NAN = np.full((8, 8), 0.5), np.full((8, 8), np.nan)
RED = {1: (1.0, 0.0, 0.0)}
CUBE = np.zeros((8, 8, 8))
QUALITY = SimpleNamespace(ok=True, reasons=(), volumes_ml={}, heuristic=False)


def finding(heat: Any = HALF, **other: Any) -> RadiographFindingMap:
    return RadiographFindingMap("Mass", **{"probability": 0.5, "boxes": np.zeros((0, 4)), "heat": heat, **other})


def nan_cube() -> np.ndarray:
    cube = CUBE.copy()
    cube[1, 2, 3] = np.nan
    return cube


#: Images of a file (uint8, uint16), with a mean of 0, in percent, and with NaN.
WRONG_IMAGES = {
    "uint8": (np.full((8, 8), 127, np.uint8), "between 0 and 1, but is 'uint8 from 127 to 127'"),
    "uint16": (np.full((8, 8), 32767, np.uint16), "between 0 and 1, but is 'uint16 from 32767"),
    "standardized": (np.linspace(-2, 2, 64).reshape(8, 8), "between 0 and 1, but is 'float64 from -2 to 2'"),
    "percent": (np.full((8, 8), 50.0), "between 0 and 1"),
    "slightly above": (np.full((8, 8), 1.01), "between 0 and 1"),
    "NaN": (NAN, "finite"),
    "one NaN": (np.where(np.eye(8) > 0, np.nan, 0.5), "finite"),
    "infinite": (np.full((8, 8), np.inf), "finite"),
    "RGB": (np.full((8, 8, 3), 0.5), r"of shape \(H, W\)"),
    "channel first": (torch.full((1, 8, 8), 0.5), r"of shape \(H, W\)"),
}
IMAGE_USERS: dict[str, Callable[[Any, Path], Any]] = {
    "gray": lambda image, folder: paint_heatmap(image, HALF),
    "gray ": lambda image, folder: paint_labels(image, np.ones((8, 8), int), RED),
    "radiograph": lambda image, folder: radiograph_overlay_figure(image, [finding()]),
    "radiograph ": lambda image, folder: save_radiograph_files(folder, "a", image, [finding()], overlay=False),
    "the radiograph of Mass": lambda image, folder: radiograph_page_figure([finding(radiograph=image)]),
    "heat": lambda image, folder: paint_heatmap(HALF, image),
    "the map of Mass": lambda image, folder: radiograph_overlay_figure(HALF, [finding(image)]),
}


@pytest.mark.parametrize("user", IMAGE_USERS)
@pytest.mark.parametrize("kind", WRONG_IMAGES)
def test_images_in_another_range_or_shape_are_refused_by_name(kind: str, user: str, tmp_path: Path) -> None:
    image, requirement = WRONG_IMAGES[kind]
    with pytest.raises(ValueError, match=f"^{user.strip()} must be {requirement}"):
        IMAGE_USERS[user](image, tmp_path)


MAP_USERS: dict[str, Callable[[Any, Path], Any]] = {
    "heatmap must be finite": lambda cube, folder: heatmap_peak(cube[1]),
    "heatmap must be finite ": lambda cube, folder: heatmap_on_image(torch.as_tensor(cube), (9, 9)),
    "heatmap must be finite  ": lambda cube, folder: save_radiograph_nifti(folder / "a.nii", cube[1]),
    "map must be finite": lambda cube, folder: save_map_nifti(folder / "a.nii", cube, np.eye(4)),
    "hu must be finite": lambda cube, folder: save_volume_nifti(folder / "a.nii", cube, np.eye(4)),
    "evidence must be finite": lambda cube, folder: finding_on_scan("Mass", 0.5, CUBE, cube, np.eye(4)),
    "labels must be whole numbers": lambda cube, folder: organ_overlay_figure(CUBE, np.eye(4), cube, QUALITY),
    "labels must be whole numbers ": lambda cube, folder: paint_labels(HALF, cube[1], RED),
}


@pytest.mark.parametrize("message", MAP_USERS)
def test_maps_with_nan_are_refused(message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"^{message.strip()}"):
        MAP_USERS[message](nan_cube(), tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_tensor_has_the_peak_of_its_array_and_a_batch_has_none() -> None:
    maps = heatmap_on_image(torch.rand(2, 3, 4, 4), (8, 8))
    assert maps.shape == (2, 3, 8, 8)
    assert heatmap_peak(maps[1, 2]) == heatmap_peak(maps[1, 2].numpy())
    assert heatmap_peak(maps[1, 2].bfloat16()).value == pytest.approx(maps[1, 2].max().item(), rel=0.01)
    for batch in (maps, maps[0], maps.numpy()):
        with pytest.raises(ValueError, match=r"heatmap must be of shape \(H, W\).* such as maps\[0\]"):
            heatmap_peak(batch)
    with pytest.raises(TypeError, match="heatmap must be of type"):
        heatmap_peak("map.png")


def test_batched_maps_are_enlarged_one_by_one() -> None:
    maps = torch.randn(2, 3, 4, 4)
    enlarged = heatmap_on_image(maps, (8, 8))
    for one, other in zip(enlarged, maps, strict=True):
        torch.testing.assert_close(one, heatmap_on_image(other, (8, 8)))


def test_rounding_of_an_interpolation_is_allowed_and_clipped() -> None:
    painted = paint_heatmap(HALF + 0.5 + 1e-7, HALF - 0.5 - 1e-7)
    assert (painted.min(), painted.max()) == (1, 1)


def test_images_of_zeros_and_ones_are_allowed_in_any_type() -> None:
    for dtype in (bool, np.uint8, np.float16, np.float64):
        assert paint_heatmap(np.eye(8).astype(dtype), HALF).shape == (8, 8, 3)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"probability": 1.2}, "the probability of Mass must be between 0 and 1"),
        ({"probability": float("nan")}, "the probability of Mass must be between 0 and 1"),
        ({"boxes": np.full((1, 4), np.nan)}, "the boxes of Mass must be"),
        ({"boxes": np.zeros((2, 3))}, "the boxes of Mass must be"),
        ({"heat": np.zeros((4, 4))}, r"the map of Mass must be of the radiograph's shape \(8, 8\).*heatmap_on_image"),
        ({"heat": -3 * HALF}, "the map of Mass must be between 0 and 1.*heatmap_on_image"),
    ],
)
def test_findings_are_checked_before_they_are_drawn(wrong: dict, message: str) -> None:
    for draw in (lambda f: radiograph_overlay_figure(HALF, [f]), lambda f: radiograph_page_figure([f])):
        with pytest.raises(ValueError, match=message):
            draw(finding(**{"radiograph": HALF, **wrong}))


@pytest.mark.parametrize("color", [(255, 0, 0), (0.5, 0.5), (0.1, 0.1, float("nan"))])
def test_colors_are_three_numbers_between_0_and_1(color: tuple) -> None:
    with pytest.raises(ValueError, match="colors must be three numbers between 0 and 1"):
        paint_labels(HALF, np.ones((8, 8), int), {1: color})


def test_outlines_have_a_whole_width() -> None:
    with pytest.raises(ValueError, match="contour must be 0 or more"):
        paint_labels(HALF, np.ones((8, 8), int), RED, contour=-1)
    with pytest.raises(TypeError, match="contour must be of type int"):
        paint_labels(HALF, np.ones((8, 8), int), RED, contour=1.5)  # type: ignore[arg-type]


def test_a_scan_finding_has_a_probability_and_one_score_for_each_height() -> None:
    with pytest.raises(ValueError, match=r"probability must be between 0 and 1.*sigmoid"):
        finding_on_scan("Mass", 3.2, CUBE, CUBE, np.eye(4))
    with pytest.raises(ValueError, match="scores must be one number for each of the heights"):
        finding_on_scan("Mass", 0.5, CUBE, CUBE, np.eye(4), np.arange(3), np.arange(2))


def test_label_maps_of_other_programs_are_refused() -> None:
    with pytest.raises(ValueError, match=r"labels must be 0 or one of the organs.*organs_from_label_map"):
        organ_overlay_figure(CUBE, np.eye(4), np.full(CUBE.shape, 10), QUALITY)


def test_values_without_numbers_are_refused_by_type() -> None:
    for call in (as_pixels, as_voxels):
        with pytest.raises(TypeError, match="gray must be of type"):
            call(np.array([["a"]]), "gray")
        with pytest.raises(TypeError, match="gray must be of type"):
            call(None, "gray")
    with pytest.raises(TypeError, match="labels must be of type"):
        as_labels({}, "labels", ("image", (1, 1)))
    assert as_voxels(nan_cube(), "ct", finite=False).shape == (8, 8, 8)
