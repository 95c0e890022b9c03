"""Sphinx: the pages in this folder, the docstrings of the package, and tutorials and a gallery that the build runs."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import matplotlib as mpl
from sphinx.application import Sphinx

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE / "extensions")]  # document this checkout, whatever is installed

import monai_pylon  # noqa: E402

mpl.use("agg")

project = "monai_pylon"
author = "the monai_pylon authors"
project_copyright = author
version = release = monai_pylon.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.intersphinx",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    "bundle_pages",
    "glossary_links",
    "mathml",
    "public_names",
    "site_checks",
]
exclude_patterns = ["_build", "gallery", "tutorials", "extensions", "**/*.ipynb", "**/*.py.md5", "**/*.codeobj.json"]
exclude_patterns += ["**/sg_execution_times.rst"]  # of builds by earlier settings
myst_enable_extensions = ["deflist", "dollarmath", "colon_fence", "attrs_inline", "attrs_block"]
myst_heading_anchors = 3
suppress_warnings = ["config.cache"]  # sphinx_gallery_conf holds no values that change between builds

html_theme = "furo"
html_title = "monai_pylon"
html_math_renderer = "mathml"
html_static_path = ["static"]
html_css_files = ["style.css"]
html_show_sourcelink = False
html_theme_options = {"source_repository": "", "top_of_page_buttons": []}

autosummary_generate = False
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "show-inheritance": True}
autodoc_typehints = "none"  # the docstrings say types in the reader's words, with shapes and units
add_module_names = False
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True

# Links to the references of other packages need their lists of names, which only a build with a network can load.
ONLINE = os.environ.get("MONAI_PYLON_DOCS_ONLINE", "") not in {"", "0"}
intersphinx_mapping = (
    {
        "python": ("https://docs.python.org/3", None),
        "numpy": ("https://numpy.org/doc/stable", None),
        "torch": ("https://docs.pytorch.org/docs/stable", None),
        "monai": ("https://docs.monai.io/en/stable", None),
        "nibabel": ("https://nipy.org/nibabel", None),
        "ignite": ("https://docs.pytorch.org/ignite", None),
    }
    if ONLINE
    else {}
)
linkcheck_timeout = 20
linkcheck_retries = 2
linkcheck_anchors = False
linkcheck_ignore = [r"http://localhost.*", r"https://doi\.org/.*"]  # publishers refuse programs

sphinx_gallery_conf = {
    "examples_dirs": ["tutorials", "gallery"],
    "gallery_dirs": ["tutorials_built", "gallery_built"],
    "filename_pattern": r"plot_",
    "within_subsection_order": "FileNameSortKey",
    "abort_on_example_error": True,
    "download_all_examples": False,
    "show_signature": False,
    "matplotlib_animations": False,
    "image_scrapers": ("matplotlib", "figures"),
    "reset_modules": ("matplotlib",),
    "reference_url": {"monai_pylon": None, **{name: url for name, (url, _) in intersphinx_mapping.items()}},
    "doc_module": ("monai_pylon",),
    "backreferences_dir": "gallery_built/uses",
    "inspect_global_variables": False,
    "write_computation_times": False,  # that page loads scripts from a network
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
