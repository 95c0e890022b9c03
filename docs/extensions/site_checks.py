"""Checks of the built pages: nothing is loaded from a network, links lead somewhere, pages have pictures.

Each finding is a warning, and a warning fails the build.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from sphinx.application import Sphinx
from sphinx.util import logging

LOGGER = logging.getLogger(__name__)
#: Attributes by which an element loads a file, by element. A plain link (``a``) loads nothing.
LOADS = {
    **dict.fromkeys(
        ("script", "img", "iframe", "embed", "audio", "video", "source", "track", "input"), ("src", "srcset")
    ),
    "link": ("href",),
    "object": ("data",),
    "use": ("href", "xlink:href"),
    "image": ("href", "xlink:href"),
}
#: Relations of ``link`` elements that load nothing.
PASSIVE = {"canonical", "author", "license", "next", "prev", "index", "search"}
#: Addresses in style sheets and scripts that are fetched.
FETCHED = re.compile(r"""(?:url\(|@import\s|fetch\(|importScripts\()\s*["']?((?:https?:)?//[^"')\s]+)""")
#: Pages that Sphinx makes, and lists.
WITHOUT_PICTURE = ("genindex.html", "search.html", "py-modindex.html", "changelog.html")


class Page(HTMLParser):
    """What a page loads, where it links to, its anchors, and its number of pictures.

    Example:
        >>> page = Page('<img src="https://example.org/a.png"><a href="b.html#c">b</a><p id="d">')
        >>> page.loads, page.links, page.anchors, page.pictures
        (['https://example.org/a.png'], ['b.html#c'], {'d'}, 1)
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.pictures = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Read an element."""
        found = {name: value or "" for name, value in attrs}
        self.anchors.update(found[name] for name in ("id", "name") if found.get(name))
        relation = set(found.get("rel", "").split())
        if not (tag == "link" and relation and relation <= PASSIVE):
            self.loads += [found[name] for name in LOADS.get(tag, ()) if found.get(name)]
        self.loads += FETCHED.findall(found.get("style", ""))
        if tag == "a" and found.get("href"):
            self.links.append(found["href"])
        self.pictures += tag in {"img", "svg"} and "icon" not in found.get("class", "")


def is_external(address: str) -> bool:
    """Whether an address is on another computer.

    Example:
        >>> is_external("//cdn.example.org/x.js"), is_external("_static/x.js"), is_external("data:image/png;base64,AA")
        (True, False, False)
    """
    return address.startswith("//") or urlsplit(address).scheme in {"http", "https", "ftp", "ws", "wss"}


def external_loads(pages: Sequence[Path], folder: Path) -> Iterator[str]:
    """Find what pages, and the style sheets and scripts of their folder, load from a network.

    Yields:
        A sentence for each.
    """
    for page in pages:
        for address in filter(is_external, Page(page.read_text(encoding="utf-8")).loads):
            yield f"{page.relative_to(folder)} loads {address}"
    for file in [*sorted(folder.rglob("*.css")), *sorted(folder.rglob("*.js"))]:
        for address in FETCHED.findall(file.read_text(encoding="utf-8", errors="replace")):
            yield f"{file.relative_to(folder)} fetches {address}"


def broken_links(pages: Sequence[Path], folder: Path) -> Iterator[str]:
    """Find links of pages that lead to no file or no anchor of their folder.

    Yields:
        A sentence for each.
    """
    read = {page.resolve(): Page(page.read_text(encoding="utf-8")) for page in pages}
    for file, page in read.items():
        for link in dict.fromkeys(page.links):
            parts = urlsplit(link)
            if parts.scheme or link.startswith("//"):
                continue
            target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
            anchor = unquote(parts.fragment)
            name = file.relative_to(folder.resolve())
            if not target.exists():
                yield f"{name} links to {link}, which does not exist"
            elif anchor and target in read and anchor not in read[target].anchors:
                yield f"{name} links to {link}, a place that does not exist"


def pages_without_picture(pages: Sequence[Path], folder: Path) -> Iterator[str]:
    """Find pages that show no picture in their text.

    Yields:
        A sentence for each.
    """
    for file in pages:
        name = file.relative_to(folder).as_posix()
        article = re.search(r"<article\b.*?</article>", file.read_text(encoding="utf-8"), flags=re.DOTALL)
        if article and name not in WITHOUT_PICTURE and not Page(article.group()).pictures:
            yield f"{name} has no picture"


def check_site(app: Sphinx, exception: Exception | None) -> None:
    """Warn of every finding in the pages just built. Pages of earlier builds in the same folder are not read."""
    if exception is None and app.builder.format == "html":
        names = [*sorted(app.env.found_docs), "genindex", "search", "py-modindex"]
        pages = [page for name in names if (page := Path(app.outdir) / f"{name}.html").exists()]
        for check in (external_loads, broken_links, pages_without_picture):
            for sentence in check(pages, Path(app.outdir)):
                LOGGER.warning("%s", sentence)


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.connect("build-finished", check_site)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
