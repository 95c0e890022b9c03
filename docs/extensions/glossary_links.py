"""Links from the first mention of a term on a page to its entry in the glossary."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx

#: Pages whose words are not linked: lists, and pages that Sphinx makes of programs.
LEFT_OUT = ("index", "glossary", "changelog", "contributing", "reference/", "gallery_built/", "tutorials_built/")
#: Nodes whose text is left as it is.
FIXED = (nodes.title, nodes.literal, nodes.reference, nodes.rubric, addnodes.pending_xref, nodes.math, nodes.raw)
#: Terms whose word also has a common meaning. Only the author of a page can link them: {term}`section`.
COMMON = {
    "AP, PA",
    "baseline",
    "evidence",
    "finding",
    "fold",
    "section",
    "token",
    "uncertain",
    "window",
    "RAS",
    "affine",
}


@cache
def terms(glossary: Path) -> dict[str, str]:
    """Return the terms of a glossary in Markdown, by their form in lower case; "IoR, IoU" has a form for each part."""
    block = glossary.read_text(encoding="utf-8").split("```{glossary}", 1)[1].split("\n```", 1)[0]
    names = [line for line in block.splitlines() if line and not line.startswith((" ", ":"))]
    return {form.lower(): name for name in names if name not in COMMON for form in name.split(", ")}


def pattern(forms: list[str]) -> re.Pattern[str]:
    """Return an expression that finds the terms as whole words, also in the plural, the longest first."""
    listed = "|".join(re.escape(form) for form in sorted(forms, key=len, reverse=True))
    return re.compile(rf"(?<![\w-])({listed})(?:s)?(?![\w-])", re.IGNORECASE)


def link_terms(app: Sphinx, doctree: nodes.document) -> None:
    """Turn the first mention of each term in the paragraphs of a page into a link."""
    page = app.env.docname
    if page.startswith(LEFT_OUT):
        return
    names = dict(terms(Path(app.srcdir) / "glossary.md"))
    for paragraph in doctree.findall(nodes.paragraph):
        for text in list(paragraph.findall(nodes.Text)):
            if not names or any(isinstance(parent, FIXED) for parent in _parents(text)):
                continue
            parts = _split(text.astext(), names, page)
            if len(parts) > 1:
                text.parent.replace(text, parts)


def _split(text: str, names: dict[str, str], page: str) -> list[nodes.Node]:
    """Split a text at terms that the page has not mentioned before, and remove these from the names."""
    parts: list[nodes.Node] = []
    at = 0
    for hit in pattern(list(names)).finditer(text):
        name = names.get(hit.group(1).lower())
        if name is None:  # mentioned before in this text
            continue
        for form in [form for form, other in names.items() if other == name]:
            del names[form]
        link = addnodes.pending_xref(
            "", refdomain="std", reftype="term", reftarget=name, refexplicit=True, refdoc=page, refwarn=True
        )
        link += nodes.inline("", hit.group(), classes=["term"])
        parts += [nodes.Text(text[at : hit.start()]), link]
        at = hit.end()
    return [*parts, nodes.Text(text[at:])]


def _parents(node: nodes.Node) -> list[nodes.Node]:
    found = []
    while node.parent is not None:
        node = node.parent
        found.append(node)
    return found


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.connect("doctree-read", link_terms, priority=600)  # after the links to public names
    return {"parallel_read_safe": True, "parallel_write_safe": True}
