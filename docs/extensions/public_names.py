"""Links from code in text to the reference, and summary tables of the reference."""

from __future__ import annotations

import importlib
import inspect
from functools import cache
from types import ModuleType

from docutils import nodes
from docutils.statemachine import StringList
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.ext.autosummary import Autosummary

#: Modules of the reference. A name that two of them export leads to the first one.
MODULES = (
    "monai_pylon.transforms",
    "monai_pylon.visualize",
    "monai_pylon.networks.nets",
    "monai_pylon.networks",
    "monai_pylon.networks.weights",
    "monai_pylon.losses",
    "monai_pylon.metrics",
    "monai_pylon.handlers",
    "monai_pylon.labeler",
    "monai_pylon.data",
    "monai_pylon.reports",
    "monai_pylon.taxonomy",
    "monai_pylon.utils",
    "monai_pylon.workflows.bundle",
    "monai_pylon.workflows.chest_ct",
    "monai_pylon.workflows.cohort",
    "monai_pylon.workflows.radiographs",
)


def listed_names(module: ModuleType) -> list[str]:
    """Return the public functions and classes of a module, without the aliases XD and XDict of transforms."""
    named = {name: getattr(module, name) for name in module.__all__}
    return [
        name
        for name, thing in named.items()
        if (inspect.isclass(thing) or inspect.isfunction(thing)) and thing.__name__ == name
    ]


@cache
def targets() -> dict[str, str]:
    """Return the full name in the reference of each public function and class, by its short and its full name."""
    found: dict[str, str] = {}
    for name in MODULES:
        for short in listed_names(importlib.import_module(name)):
            full = f"{name}.{short}"
            found.setdefault(short, full)
            found[full] = full
    return found


class PublicNames(Autosummary):
    """Directive ``public-names``: a table of the public names of the module in the argument."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the table."""
        name = self.arguments[0]
        self.options.setdefault("nosignatures", None)
        self.content = StringList([f"~{name}.{short}" for short in listed_names(importlib.import_module(name))], name)
        return super().run()


def link_names(app: Sphinx, doctree: nodes.document) -> None:
    """Turn code in text that is a public name, such as ``partition_organs``, into a link to the reference."""
    if app.env.docname.startswith("reference/"):
        return
    for literal in list(doctree.findall(nodes.literal)):
        name = literal.astext().removesuffix("()").split("(")[0]
        if name not in targets() or isinstance(literal.parent, nodes.reference | addnodes.pending_xref | nodes.title):
            continue
        link = addnodes.pending_xref(
            "", refdomain="py", reftype="obj", reftarget=targets()[name], refexplicit=True, refdoc=app.env.docname
        )
        literal.replace_self(link)
        link += literal


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.setup_extension("sphinx.ext.autosummary")
    app.add_directive("public-names", PublicNames)
    app.connect("doctree-read", link_names)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
