"""Two reading pages side by side: two patients, or two models on one scan."""

from __future__ import annotations

import base64
import gzip
import json
import re
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from monai_pylon.reports.page.content import percent
from monai_pylon.reports.page.template import render_page
from monai_pylon.utils import check

__all__ = ["compare_pages"]

_DATA = re.compile(r'<script type="application/json" id="page-data">(.*?)</script>', flags=re.DOTALL)
#: Findings in the table, the most probable on either side first.
_MOST_ROWS = 12


def _findings(html: str, file: Path) -> dict[str, float]:
    """Return the probabilities of a page by finding.

    Raises:
        ValueError: If the file is no reading page.
    """
    found = _DATA.search(html)
    remedy = "Write one by the option --page of organs, xray or ct."
    check(found is not None, "page", "a reading page of this package", str(file), remedy)
    findings = json.loads(found.group(1)).get("findings", [])  # type: ignore[union-attr]
    return {finding["name"]: finding["probability"] for finding in findings}


def compare_pages(pages: Sequence[str | PathLike[str]], titles: Sequence[str] = ()) -> str:
    """Build a page that shows two reading pages side by side.

    A finding that is chosen in one of them is chosen in the other too. Of two models on one scan, the slices move
    together.

    Args:
        pages: Two files, reading pages of scans or radiographs.
        titles: A title for each; without them "A" and "B".

    Returns:
        The page, a single HTML file that contains both and loads nothing from a network.

    Raises:
        ValueError: If there are not two pages, or another number of titles, or a file is no reading page.

    Example:
        >>> import tempfile, numpy as np
        >>> from monai_pylon.reports.page.content import PageFinding, PageText
        >>> from monai_pylon.reports.page.radiograph_html import radiograph_page
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder, "a.html")
        ...     _ = file.write_text(radiograph_page(PageText("a"), np.zeros((8, 8)), [PageFinding("Mass", 0.7)]))
        ...     "<span>70 %</span>" in compare_pages([file, file])
        True
    """
    check(len(pages) == 2, "pages", "two reading pages", len(pages))
    names = list(titles) or ["A", "B"]
    check(len(names) == 2, "titles", "two, one for each page", len(names))
    texts = [Path(page).read_text(encoding="utf-8", errors="replace") for page in pages]
    left, right = (_findings(text, Path(page)) for text, page in zip(texts, pages, strict=True))
    order = sorted({**left, **right}, key=lambda name: -max(left.get(name, 0), right.get(name, 0)))
    rows: list[dict[str, Any]] = [
        {"name": name, "values": [percent(side[name]) if name in side else "-" for side in (left, right)]}
        for name in order[:_MOST_ROWS]
    ]
    packed = [base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode("ascii") for text in texts]
    return render_page(
        "compare.html",
        title=" and ".join(names),
        text=None,
        summary=[],
        titles=names,
        rows=rows,
        left_out=max(len(order) - _MOST_ROWS, 0),
        data={"pages": packed},
    )
