"""Tables of boxes: corners, chosen labels, and boxes that leave their image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from monai_pylon.data.labeled_radiographs.boxes import RadiographBox, box_array, read_radiograph_boxes


def table(folder: Path, *rows: str) -> Path:
    file = folder / "boxes.csv"
    file.write_text("\n".join(["image;label;x;y;width;height", *rows]), encoding="utf-8-sig")
    return file


def test_boxes_are_read_as_corners_with_the_number_of_their_label(tmp_path: Path) -> None:
    file = table(tmp_path, "a.png;Rib_fracture;1,5;2;10;20", "b.png;mass;0;0;1;0,5", "b.png;other;0;0;4;4")
    found = read_radiograph_boxes(file, ["mass", "rib fracture"], others=["Other"])
    assert found == [
        RadiographBox("a.png", 1, (1.5, 2.0, 11.5, 22.0), 2),
        RadiographBox("b.png", 0, (0.0, 0.0, 1.0, 0.5), 3),
    ]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("a.png;masss;0;0;4;4", "line 2: label must be one of 'mass'.*Did you mean 'mass'"),
        ("a.png;mass;0;0;0;4", "line 2: x, y, width, height must be numbers of a box in pixels"),
        ("a.png;mass;-1;0;4;4", "line 2: x, y, width, height"),
        ("a.png;mass;0;0;4;", "line 2: x, y, width, height"),
        ("a.png;mass;0;0;inf;4", "line 2: x, y, width, height"),
        ("a.png;mass;left;0;4;4", "line 2: x, y, width, height"),
    ],
)
def test_errors_name_the_line(tmp_path: Path, row: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_radiograph_boxes(table(tmp_path, row), ["mass"])


def test_a_column_must_not_be_missing(tmp_path: Path) -> None:
    (tmp_path / "boxes.csv").write_text("image,label,x,y,w,h\n")
    with pytest.raises(ValueError, match="must have a column 'width'"):
        read_radiograph_boxes(tmp_path / "boxes.csv", ["mass"])


def test_boxes_become_an_array_on_their_image() -> None:
    boxes = [RadiographBox("a", 2, (1.0, 2.0, 48.6, 60.0), 5), RadiographBox("a", 0, (0.0, 0.0, 4.0, 4.0), 6)]
    found = box_array(boxes, (64, 48), Path("boxes.csv"))
    assert found.dtype == np.float32
    assert found.tolist() == [[1, 2, 48, 60, 2], [0, 0, 4, 4, 0]], "a rounded number is cut to the image"
    assert box_array([], (64, 48), Path("boxes.csv")).shape == (0, 5)
    with pytest.raises(ValueError, match=r"boxes\.csv, line 5: box must be on the image of 40 rows and 48 columns"):
        box_array(boxes, (40, 48), Path("boxes.csv"))


@pytest.mark.parametrize(("tolerance", "most"), [(0.0, 1.0), (0.125, 9.0)])
@pytest.mark.parametrize("side", range(4))
def test_a_box_may_leave_its_image_by_a_pixel_and_a_share(tolerance: float, most: float, side: int) -> None:
    """An eighth of 64 pixels is 8."""
    inside = [0.0, 0.0, 64.0, 64.0]
    for beyond, fits in ((most, True), (most + 0.5, False)):
        corners = [*inside[:side], inside[side] + (beyond if side > 1 else -beyond), *inside[side + 1 :]]
        boxes = [RadiographBox("a", 3, tuple(corners), 2)]  # type: ignore[arg-type]
        if fits:
            assert box_array(boxes, (64, 64), Path("boxes.csv"), tolerance).tolist() == [[*inside, 3]]
        else:
            with pytest.raises(ValueError, match="line 2: box must be on the image"):
                box_array(boxes, (64, 64), Path("boxes.csv"), tolerance)
