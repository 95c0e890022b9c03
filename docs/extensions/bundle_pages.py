"""READMEs of the bundles as pages: names of other pages in them become links."""

from __future__ import annotations

import os
import re
from pathlib import Path

from sphinx.application import Sphinx

#: A page's name in code style, as READMEs write it: the wheel has the READMEs, but not the other pages.
PAGE = re.compile(r"`docs/([\w/]+)\.md`")


def with_links(text: str, source: Path, docname: str) -> str:
    """Replace names of pages by links, where the page exists.

    Args:
        text: Markdown of a README.
        source: Folder of the documentation.
        docname: Page that includes the README.

    Returns:
        The text.
    """

    def link(hit: re.Match[str]) -> str:
        page = hit.group(1)
        if not (source / f"{page}.md").exists():
            return hit.group()
        return f"[](<{os.path.relpath(page, Path(docname).parent).replace(os.sep, '/')}.md>)"

    return PAGE.sub(link, text)


def read_readme(app: Sphinx, relative_path: Path, docname: str, content: list[str]) -> None:
    """Change a README when a page includes it."""
    if docname.startswith("bundles/"):
        content[0] = with_links(content[0], Path(app.srcdir), docname)


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.connect("include-read", read_readme)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
