"""Sphinx: the pages in this folder, the docstrings of the package, and a gallery that is made on the spot."""

from __future__ import annotations

import re

import matplotlib as mpl
from sphinx.application import Sphinx

import monai_pylon

mpl.use("agg")

project = "monai_pylon"
author = "the monai_pylon authors"
project_copyright = author
version = release = monai_pylon.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "gallery", "**/*.ipynb", "**/*.py.md5", "**/*.codeobj.json"]
myst_enable_extensions = ["deflist", "dollarmath", "colon_fence"]
myst_heading_anchors = 2

html_theme = "furo"
html_title = "monai_pylon"
html_static_path: list[str] = []
html_theme_options = {"source_repository": "", "top_of_page_buttons": []}

autodoc_member_order = "bysource"
autodoc_default_options = {"members": True}
autodoc_typehints = "none"  # the docstrings say types in the reader's words, with shapes and units
add_module_names = False
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True

sphinx_gallery_conf = {
    "examples_dirs": "gallery",
    "gallery_dirs": "gallery_built",
    "filename_pattern": r"plot_",
    "within_subsection_order": "FileNameSortKey",
    "abort_on_example_error": True,
    "download_all_examples": False,
    "show_signature": False,
    "matplotlib_animations": False,
}

SHAPE = re.compile(r"(?<![\w`])\((?:[A-Z\d][\w']*|\*\w+|\.\.\.)(?:, *(?:[\w' *+\-/]+))*,?\)(?!`)")


def shapes_as_code(app: object, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Set shapes such as (N, C, *spatial) as code: their asterisk would begin an emphasis."""
    for i, line in enumerate(lines):
        if not line.lstrip().startswith((">>>", "...")):
            lines[i] = SHAPE.sub(lambda hit: f"``{hit.group()}``" if "*" in hit.group() else hit.group(), line)


def skip_fields(app: object, what: str, name: str, obj: object, skip: bool, options: object) -> bool | None:
    """Leave out the fields of a NamedTuple as members: its docstring says more of them under Attributes."""
    return True if type(obj).__name__ == "_tuplegetter" else None


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("autodoc-process-docstring", shapes_as_code, priority=100)
    app.connect("autodoc-skip-member", skip_fields)
