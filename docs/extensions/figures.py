"""Pictures of figures that belong to no window, such as those of ``show_map``, in the gallery."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure
from sphinx_gallery.scrapers import figure_rst

_SHOWN = "_figures_shown_in_the_gallery"


def save_figures(block: Any, block_vars: dict[str, Any], gallery_conf: dict[str, Any]) -> str:
    """Save the figures among the variables of an example that no block before has shown.

    Args:
        block: Block of the example.
        block_vars: Variables of the block, from sphinx-gallery.
        gallery_conf: Settings of the gallery.

    Returns:
        reStructuredText with the pictures.
    """
    variables = block_vars["example_globals"]
    shown = variables.setdefault(_SHOWN, [])
    paths = []
    for value in list(variables.values()):
        if (
            isinstance(value, Figure)
            and getattr(value, "number", None) is None
            and not any(value is other for other in shown)
        ):
            shown.append(value)
            paths.append(next(block_vars["image_path_iterator"]))
            value.savefig(paths[-1], dpi=100, facecolor=value.get_facecolor())
    return figure_rst(paths, gallery_conf["src_dir"])


def _get_sg_image_scraper() -> Any:
    return save_figures
