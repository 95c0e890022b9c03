"""Saving a figure."""

from __future__ import annotations

from pathlib import Path

import pytest
from matplotlib.figure import Figure
from PIL import Image

from monai_pylon.reports.figure_style import BACKGROUND, save_figure


def test_keeps_the_background_color(tmp_path: Path) -> None:
    save_figure(tmp_path / "page.png", Figure(facecolor=BACKGROUND))
    red, green, blue, _ = Image.open(tmp_path / "page.png").convert("RGBA").getpixel((0, 0))
    assert f"#{red:02x}{green:02x}{blue:02x}" == BACKGROUND


def test_leaves_no_file_if_drawing_fails(tmp_path: Path) -> None:
    figure = Figure()
    figure.text(0.5, 0.5, "$\\broken{$")
    with pytest.raises(ValueError, match="broken"):
        save_figure(tmp_path / "page.png", figure)
    assert not list(tmp_path.iterdir())
