"""Formulas as MathML, which browsers draw themselves: no script, no fonts, no network."""

from __future__ import annotations

from xml.etree import ElementTree

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number
from sphinx.writers.html5 import HTML5Translator

LOGGER = logging.getLogger(__name__)


def mathml(formula: str, display: str = "inline") -> str:
    r"""Convert a LaTeX formula to MathML.

    Args:
        formula: LaTeX, without dollar signs.
        display: ``"inline"`` or ``"block"``.

    Raises:
        ValueError: The converter does not know a command, or its result is not well-formed.

    Example:
        >>> mathml(r"\frac{1}{2}")[:5]
        '<math'
    """
    text = str(convert(formula, display=display))
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise ValueError(
            f"the formula {formula!r} becomes no well-formed MathML ({error}); write it simpler"
        ) from error
    unknown = [part for part in root.itertext() if "\\" in part]
    if unknown:
        raise ValueError(f"the formula {formula!r} has the unknown command {unknown[0]!r}")
    return text


def _converted(node: nodes.Element, display: str) -> str:
    try:
        return mathml(node.astext(), display)
    except ValueError as error:
        LOGGER.warning("%s", error, location=node)
        return ""


def visit_math(self: HTML5Translator, node: nodes.math) -> None:
    """Write a formula within text."""
    self.body.append(_converted(node, "inline"))
    raise nodes.SkipNode


def visit_displaymath(self: HTML5Translator, node: nodes.math_block) -> None:
    """Write a formula in lines of its own, with its number if it has a label."""
    self.body.append(self.starttag(node, "div", CLASS="math"))
    self.body.append(_converted(node, "block"))
    if node["number"]:
        self.body.append(f'<span class="eqno">({get_node_equation_number(self, node)})</span>')
    self.body.append("</div>\n")
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.add_html_math_renderer("mathml", (visit_math, None), (visit_displaymath, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
