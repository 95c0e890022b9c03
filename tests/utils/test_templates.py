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
