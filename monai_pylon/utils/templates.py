"""HTML from Jinja2 templates; every value is escaped."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any

from monai.utils import optional_import

__all__ = ["render_template"]

_ASSETS = Path(__file__).parent / "assets"


def render_template(folder: str | PathLike[str], template: str, **values: Any) -> str:
    """Fill a template.

    Args:
        folder: Folder of the templates. They may include ``head.html``, the beginning of every page with its `title`.
        template: File name of the template.
        values: Values of the template. Text is escaped, unless it is `markupsafe.Markup`.

    Returns:
        The text of the page.

    Raises:
        jinja2.UndefinedError: If the template needs another value.

    Example:
        >>> import tempfile, pathlib
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = pathlib.Path(folder, "a.html").write_text("<b>{{ name }}</b>")
        ...     render_template(folder, "a.html", name="a < b")
        '<b>a &lt; b</b>'
    """
    environment = optional_import("jinja2", name="Environment")[0]
    loader = optional_import("jinja2", name="FileSystemLoader")[0]
    strict = optional_import("jinja2", name="StrictUndefined")[0]
    templates = environment(
        loader=loader([str(folder), str(_ASSETS)]),
        autoescape=True,
        undefined=strict,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return templates.get_template(template).render(**values)
