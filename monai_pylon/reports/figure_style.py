"""Colors of all figures, and saving a figure atomically."""

from __future__ import annotations

from os import PathLike
from typing import Any

from monai_pylon.utils.files import atomic_write

__all__ = ["BACKGROUND", "FAINT", "TEXT", "save_figure"]

BACKGROUND, TEXT, FAINT = "#101418", "#e8eaed", "#9aa0a6"


def save_figure(path: str | PathLike[str], figure: Any) -> None:
    """Save a figure as a PNG file, atomically and with its own background color.

    Args:
        path: Path of the file, ending in ``.png``.
        figure: A `matplotlib.figure.Figure`.

    Example:
        >>> import tempfile, pathlib
        >>> from matplotlib.figure import Figure
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_figure(pathlib.Path(folder, "a.png"), Figure())
        ...     [file.name for file in pathlib.Path(folder).iterdir()]
        ['a.png']
    """
    with atomic_write(path) as part:
        figure.savefig(part, facecolor=figure.get_facecolor())
