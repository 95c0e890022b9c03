"""HTML from templates."""

from __future__ import annotations

from pathlib import Path

import jinja2
import pytest

from monai_pylon.utils.templates import render_template


def test_values_are_escaped_and_must_be_given(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text('{% for one in many %}\n<i title="{{ one }}">{{ one }}</i>\n{% endfor %}')
    assert (
        render_template(tmp_path, "a.html", many=["\"'<&"])
        == '<i title="&#34;&#39;&lt;&amp;">&#34;&#39;&lt;&amp;</i>\n'
    )
    with pytest.raises(jinja2.UndefinedError, match="many"):
        render_template(tmp_path, "a.html")


def test_pages_of_every_folder_may_begin_with_the_same_head(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text('{% include "head.html" +%}\n</head>')
    lines = render_template(tmp_path, "a.html", title="a < b").splitlines()
    assert lines[0] == "<!DOCTYPE html>"
    assert lines[-2:] == ["<title>a &lt; b</title>", "</head>"]
