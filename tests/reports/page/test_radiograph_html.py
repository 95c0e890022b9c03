"""Tests of the reading page of a radiograph, without a browser."""

from __future__ import annotations

import base64

import numpy as np
import pytest

from monai_pylon.reports.page.content import PageFinding, PageText
from monai_pylon.reports.page.radiograph_html import radiograph_page
from tests.reports.page.pages import NASTY, page_data, planted_radiograph_page
from tests.reports.page.test_embedding import opened


def test_image_and_map_decode() -> None:
    data = page_data(planted_radiograph_page())
    picture = np.asarray(opened(data["image"]))
    assert picture.shape == (300, 400)
    assert (picture[200, 100], picture[20, 20]) == (204, 76)
    found = data["findings"][0]["map"]
    cells = np.frombuffer(base64.b64decode(found["values"]), "<f4").reshape(found["shape"])
    assert cells.shape == (15, 20)
    assert cells[10, 4] == np.float32(0.8)
    assert (found["origin"], found["spacing"]) == ([9.5, 9.5], [20, 20])
    assert np.abs(np.subtract(found["peak"], [209.5, 89.5])).max() <= 0.5, "at the center of the largest cell"
    assert data["findings"][0]["boxes"] == [[80, 180, 120, 220]]
    assert not found["signed"]


def test_a_large_radiograph_is_reduced() -> None:
    image = np.zeros((900, 700))
    image[300:600] = 1
    data = page_data(radiograph_page(PageText("a"), image, [], most_pixels=300))
    picture = np.asarray(opened(data["image"]))
    assert picture.shape == (300, 234)
    assert data["size"] == [900, 700]
    assert (picture[99, 5], picture[100, 5], picture[199, 233], picture[200, 5]) == (0, 255, 255, 0)


def test_everything_is_escaped() -> None:
    html = planted_radiograph_page(NASTY)
    assert "<script>alert" not in html
    assert page_data(html)["findings"][1]["name"] == NASTY


def test_unknown_sides_are_said() -> None:
    assert "does not say which side" in planted_radiograph_page(sides="")
    assert "look for a marker in the picture" in planted_radiograph_page(sides="")
    assert "does not say which side" not in planted_radiograph_page(sides="RL")
    with pytest.raises(ValueError, match="sides"):
        planted_radiograph_page(sides="right")


@pytest.mark.parametrize(
    ("column", "side"),
    [(30, "on the patient's right"), (46, "in the middle"), (53, "in the middle"), (60, "on the patient's left")],
)
def test_a_place_is_in_a_half_or_near_the_middle(column: int, side: str) -> None:
    cells = np.zeros((100, 100))
    cells[90, column] = 1
    html = radiograph_page(PageText("a"), np.zeros((100, 100)), [PageFinding("Mass", 0.7, cells, np.eye(3))], "RL")
    assert page_data(html)["findings"][0]["place"] == f"lower third, {side}"


def test_a_signed_map_is_explained() -> None:
    found = PageFinding("Mass", 0.5, np.array([[-1.0, 2.0]]), np.diag([8.0, 4.0, 1.0]))
    html = radiograph_page(PageText("a"), np.zeros((8, 8)), [found], unit="logit")
    assert "blue lowered it" in html
    entry = page_data(html)["findings"][0]["map"]
    assert entry["signed"]
    assert (entry["strongest"], entry["against"], entry["for"]) == ("for", 0.5, 1.0)


def test_a_turned_map_is_refused() -> None:
    turned = np.array([[0.0, 8, 0], [8, 0, 0], [0, 0, 1]])
    with pytest.raises(ValueError, match="map_affine"):
        radiograph_page(PageText("a"), np.zeros((8, 8)), [PageFinding("Mass", 0.5, np.zeros((2, 2)), turned)])
