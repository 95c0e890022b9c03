"""HTML pages from the templates in ``assets``; every value is escaped."""

from __future__ import annotations

import functools
import lzma
from pathlib import Path
from typing import Any

from monai.utils import optional_import

from monai_pylon.utils import __version__
from monai_pylon.utils.templates import render_template

__all__ = ["NIIVUE_SHA256", "NIIVUE_VERSION", "asset", "niivue_script", "render_page"]

#: Version of NiiVue in ``assets`` and the hash of its file; ``assets/NOTICE`` has source and license.
NIIVUE_VERSION = "0.69.0"
NIIVUE_SHA256 = "47b896b77ec4a5be3ef1949c33ad393b6f45629921f326c279000bcf51bdb4af"
_ASSETS = Path(__file__).parent / "assets"


@functools.cache
def asset(name: str) -> str:
    """Read a text file of ``assets``.

    Args:
        name: File name.

    Returns:
        Its text.

    Example:
        >>> NIIVUE_VERSION in asset("NOTICE") and NIIVUE_SHA256 in asset("NOTICE")
        True
    """
    return (_ASSETS / name).read_text(encoding="utf-8")


@functools.cache
def niivue_script() -> str:
    """Return the script of NiiVue, the viewer of CTs.

    Example:
        >>> "</script" in niivue_script()
        False
    """
    return lzma.decompress((_ASSETS / "niivue.umd.js.xz").read_bytes()).decode("utf-8")


def render_page(template: str, **values: Any) -> str:
    """Fill a template.

    Args:
        template: File name of the template in ``assets``.
        values: Values of the template. Text is escaped, also inside the page's data.

    Returns:
        The page, which loads nothing from a network.

    Example:
        >>> "<title>a &lt;b&gt;" in render_page("page.html", title="a <b>", text=None, findings=[], data={}, summary=[])
        True
    """
    markup = optional_import("markupsafe", name="Markup")[0]
    # Scripts and styles are files of this package and contain no text of a user.
    files = {"asset": lambda name: markup(asset(name)), "niivue": lambda: markup(niivue_script())}
    return render_template(_ASSETS, template, **values, **files, version=__version__)
