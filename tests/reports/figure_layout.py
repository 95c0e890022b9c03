"""Layout of a figure as text, compared with a golden file in the folder layouts.

To accept a new layout, run the test with the environment variable UPDATE_LAYOUTS=1 and review the difference.
"""

from __future__ import annotations

import os
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text

FOLDER = Path(__file__).resolve().parent / "layouts"


def _text(text: Text) -> str:
    x, y = text.get_position()
    style = f"{text.get_fontsize():g} {to_hex(text.get_color())} {text.get_fontweight()}"
    words = text.get_text()
    return f"{words!r} {x:.3f} {y:.3f} {style} {text.get_ha()} {text.get_va()}"


def _axes(axes: Axes) -> list[str]:
    """Describe position, title, texts, lines, contours and boxes of axes."""
    figure = axes.get_figure()
    pad = (axes.title.get_transform() - axes.transAxes).get_matrix()[1, 2] * axes.bbox.height * 72 / figure.dpi
    lines = [f"axes {' '.join(f'{v:.3f}' for v in axes.get_position().bounds)} title {_text(axes.title)} pad {pad:.1f}"]
    lines += [f"  text {_text(text)}" for text in axes.texts]
    for line in axes.lines:
        color = to_hex(line.get_color())
        lines.append(
            f"  line {color} {line.get_linewidth():g} {line.get_markersize():g} {line.get_markeredgewidth():g}"
        )
    for contour in axes.collections:
        lines.append(f"  contour {to_hex(contour.get_edgecolor()[0])} {contour.get_linewidth()[0]:g}")
    for box in axes.patches:
        lines.append(f"  box {to_hex(box.get_edgecolor())} {box.get_linewidth():g} {box.get_fill()}")
    return lines


def describe_layout(figure: Figure) -> str:
    """Describe size, panels, texts, lines and legend of a figure, one per line, in inches, shares and points."""
    width, height = figure.get_size_inches()
    lines = [f"figure {width:.2f} {height:.2f} {figure.dpi:g} {to_hex(figure.get_facecolor())}"]
    for axes in figure.axes:
        lines += _axes(axes)
    lines += [f"text {_text(text)}" for text in figure.texts]
    for legend in figure.legends:
        x, y = legend.get_bbox_to_anchor().transformed(figure.transFigure.inverted()).min
        lines.append(f"legend {x:.3f} {y:.3f} {legend._ncols} {legend.get_frame_on()}")
        lines += [f"  {_text(text)}" for text in legend.get_texts()]
    return "\n".join(lines)


def check_layout(name: str, figure: Figure) -> None:
    """Compare the layout of a figure with a golden file."""
    file, layout = FOLDER / f"{name}.txt", describe_layout(figure) + "\n"
    if os.environ.get("UPDATE_LAYOUTS") == "1":
        file.write_text(layout, encoding="utf-8")
    assert layout == file.read_text(encoding="utf-8")
