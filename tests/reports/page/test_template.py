"""Tests of templates and of the viewer that is shipped."""

from __future__ import annotations

import hashlib
import re

import pytest

from monai_pylon.reports.evidence import AGAINST, FOR
from monai_pylon.reports.page.template import NIIVUE_SHA256, NIIVUE_VERSION, asset, niivue_script, render_page


def test_the_viewer_is_the_pinned_file_with_its_licenses() -> None:
    script = niivue_script()
    assert hashlib.sha256(script.encode("utf-8")).hexdigest() == NIIVUE_SHA256
    notice = asset("NOTICE")
    for part in (f"NiiVue {NIIVUE_VERSION}", NIIVUE_SHA256, "BSD 2-Clause License", "Copyright (c) 2021, Niivue"):
        assert part in notice
    assert notice.count("Permission") >= 6, "the licenses of the libraries inside"


def test_the_viewer_cannot_end_its_script_element() -> None:
    lower = niivue_script().lower()
    assert "</script" not in lower
    assert "<!--" not in lower


def test_a_missing_value_is_an_error() -> None:
    with pytest.raises(Exception, match="undefined"):
        render_page("scan.html", title="a")


@pytest.mark.parametrize(("name", "color"), [("for", FOR), ("against", AGAINST)])
def test_the_colors_of_evidence_are_those_of_the_figures(name: str, color: tuple[float, ...]) -> None:
    expected = [round(255 * part) for part in color]
    script = re.search(rf"\b{name.upper()} = \[([\d, ]+)\]", asset("page.js"))
    style = re.search(rf"--{name}: #([0-9a-f]{{6}});", asset("page.css"))
    source = f"{name.upper()} of monai_pylon/reports/evidence.py"
    assert script, f"assets/page.js must define {name.upper()}"
    assert [int(part) for part in script[1].split(",")] == expected, f"assets/page.js must repeat {source}"
    assert style, f"assets/page.css must define --{name}"
    assert list(bytes.fromhex(style[1])) == expected, f"assets/page.css must repeat {source}"
