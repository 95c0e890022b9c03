"""Words of the package: how docstrings begin, and one word for each concept."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.house.inventory import PACKAGE, module_files

CHECKOUT = PACKAGE.parent
#: A first line that begins so is a clause, neither an imperative nor a noun phrase.
_CLAUSE = re.compile(r"^(what|which|whatever|whichever|where|how|those|who|whose|that|it|this|there)\b", re.IGNORECASE)
#: Words that the project does not use, each with the word to use instead.
INSTEAD = {
    r"films?\b": "radiograph",
    r"data sets?\b": "dataset",
    r"(?<!model )(?:net)?cards?\b": "network specification",
    r"twins?\b": "copy, counterpart",
    r"keepers?\b": "cache, copy",
    r"house\b": "package",
    r"unsided\b": "without a side",
    r"out of one's own|of one's own|for want of|as it is said": "plain English",
    r"as hospitals have it|whatever else": "plain English",
}
#: Files in which such a word is meant: report sentences of other people, and the table of old names.
SPARED = ("tests/labeler/", "tests/house/", "docs/changelog.md")


def docstrings(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """The name and the docstring of the module and of every class and function in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node)
            if text:
                yield getattr(node, "name", "module"), text


def test_first_lines_are_imperatives_or_noun_phrases() -> None:
    wrong = []
    for module, file in module_files().items():
        for name, text in docstrings(ast.parse(file.read_text(encoding="utf-8"))):
            if _CLAUSE.match(text):
                wrong.append(f"{module}.{name}: {text.splitlines()[0]}")
    assert not wrong


def test_first_paragraphs_end_with_a_period() -> None:
    wrong = []
    for module, file in module_files().items():
        for name, text in docstrings(ast.parse(file.read_text(encoding="utf-8"))):
            if not text.split("\n\n")[0].rstrip().endswith((".", ":", "``")):
                wrong.append(f"{module}.{name}: {text.splitlines()[0]}")
    assert not wrong


def _texts() -> Iterator[tuple[Path, str]]:
    for folder, endings in (
        ("monai_pylon", {".py"}),
        ("tests", {".py"}),
        ("docs", {".md", ".py"}),
        ("bundles", {".json", ".md"}),
    ):
        for file in sorted((CHECKOUT / folder).rglob("*")):
            name = file.relative_to(CHECKOUT).as_posix()
            built = any(part in name for part in ("_build", "gallery_built", "tutorials_built", "generated"))
            if file.suffix in endings and not built and not name.startswith(SPARED):
                yield file, file.read_text(encoding="utf-8")
    yield CHECKOUT / "README.md", (CHECKOUT / "README.md").read_text(encoding="utf-8")


def test_one_word_for_each_concept() -> None:
    pattern = re.compile("|".join(rf"(?<![\w/-])(?:{word})" for word in INSTEAD), re.IGNORECASE)
    found = []
    for file, text in _texts():
        for number, line in enumerate(text.splitlines(), 1):
            if hit := pattern.search(line):
                found.append(f"{file.relative_to(CHECKOUT)}:{number}: {hit.group()}")
    assert not found, found[:40]


def test_the_patterns_find_what_they_should() -> None:
    assert _CLAUSE.match("What evidence from where the abnormality cannot be costs.")
    assert not _CLAUSE.match("Penalize attention outside the allowed region.")
    assert all(re.search(word, text) for word, text in (("films?\\b", "a film"), ("data sets?\\b", "data sets")))
