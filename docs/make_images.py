"""Make the pictures of the pages anew: ``python docs/make_images.py [NAME ...]``.

``demo_radiograph``, ``axialnet_reading`` and ``reading_page`` show results of the demo; the last one needs Chromium.
The pictures of ``axialnet_evidence.md`` come from ``tests/experiments/axialnet_page.py`` and its trained networks.
"""

from __future__ import annotations

import sys
from pathlib import Path

from matplotlib.figure import Figure
from PIL import Image

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE / "pictures")]

from diagrams import save_svg  # noqa: E402
from drawings import CHAINS, DRAWINGS, chain  # noqa: E402
from phantoms import PHOTOS  # noqa: E402
from results import RESULTS, make_results  # noqa: E402


def save_png(figure: Figure, file: Path) -> None:
    """Write a figure as PNG of at most 1,200 pixels width with 256 colors."""
    figure.savefig(file, dpi=min(100, 1200 / figure.get_figwidth()), facecolor=figure.get_facecolor())
    with Image.open(file) as image:
        small = image.convert("RGB").quantize(256, dither=Image.Dither.NONE)
    small.save(file, optimize=True)


def main(names: list[str]) -> None:
    """Make the pictures with these names, or all."""
    folder = HERE / "images"
    for make in PHOTOS:
        if not names or make.__name__ in names:
            save_png(make(), folder / f"{make.__name__}.png")
    for make in DRAWINGS:
        if not names or make.__name__ in names:
            save_svg(make(), folder / f"{make.__name__}.svg")
    for name, steps in CHAINS.items():
        if not names or name in names:
            save_svg(chain(steps), folder / f"{name}.svg")
    chosen = [name for name in RESULTS if not names or name in names]
    for name, image in (make_results(chosen) if chosen else {}).items():
        image.save(folder / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main(sys.argv[1:])
