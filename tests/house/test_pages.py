"""What the pages name exists: addresses of other sites are well-formed, commands and options exist, terms are used."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.house.inventory import PACKAGE
from tests.house.test_docs import load

ROOT = PACKAGE.parent
DOCS = ROOT / "docs"
PAGES = [*DOCS.glob("*.md"), *DOCS.glob("*/*.md"), *ROOT.glob("bundles/*/docs/*.md"), ROOT / "README.md"]
PAGES = [page for page in PAGES if not any(part.endswith(("_built", "_build")) for part in page.parts)]
PROGRAMS = [*DOCS.glob("tutorials/*.py"), *DOCS.glob("gallery/*.py"), *DOCS.glob("examples/*.py")]
ADDRESS = re.compile(r"\b(?:https?|ftp):[^\s`\"'<>]*")
COMMAND = re.compile(r"python -m ((?:monai_pylon|tests)[\w.]*)([^`\n]*)")


def wrong_addresses(text: str) -> list[str]:
    """Return the addresses in a text that are not secure, have no host, or end in the text's punctuation."""
    found = []
    for address in ADDRESS.findall(text):
        address = re.sub(r"\)[|,.;:\s]*$", "", address)  # the end of a Markdown link
        parts = urlsplit(address)
        local = parts.hostname in {"localhost", "127.0.0.1"}
        ends = address.endswith((".", ",", ";", ":"))
        if not local and (parts.scheme != "https" or "." not in (parts.hostname or "") or ends or "(" in address):
            found.append(address)
    return found


def text_of(page: Path) -> str:
    """Read a page."""
    return page.read_text(encoding="utf-8")


def test_addresses_are_well_formed() -> None:
    wrong = {page.relative_to(ROOT).as_posix(): wrong_addresses(text_of(page)) for page in [*PAGES, *PROGRAMS]}
    assert not {page: found for page, found in wrong.items() if found}


@pytest.mark.parametrize(
    "address", ["http://example.org/a", "https://example", "https:/example.org", "https://a.org/x."]
)
def test_a_wrong_address_is_found(address: str) -> None:
    assert wrong_addresses(f"see {address} there") == [address]
    assert not wrong_addresses("see [a](https://example.org/a#b), or http://localhost:8042/x.")


def source_of(module: str) -> str:
    """Return the source of a module, or of all modules of a package, or an empty text if there is none."""
    try:
        spec = importlib.util.find_spec(module)
    except ModuleNotFoundError:
        return ""
    if spec is None or spec.origin is None:
        return ""
    file = Path(spec.origin)
    files = file.parent.rglob("*.py") if file.name == "__init__.py" else [file]
    return "\n".join(text_of(each) for each in files)


def missing_parts(module: str, arguments: str) -> list[str]:
    """Return what of a command does not exist: its module, or options that its source does not name."""
    source = source_of(module)
    if not source:
        return [module]
    options = re.findall(r"(?<!\S)--([a-z][\w-]*)", arguments)
    names = [option for option in options if option not in {"help", "debug"}]
    return [f"--{name}" for name in names if name not in source and name.replace("-", "_") not in source]


def test_commands_on_pages_exist() -> None:
    wrong = {}
    for page in PAGES:
        for module, arguments in COMMAND.findall(text_of(page)):
            if missing := missing_parts(module.rstrip("."), arguments):
                wrong[f"{page.relative_to(ROOT)}: {module}"] = missing
    assert not wrong
    assert missing_parts("tests.experiments.no_such", "") == ["tests.experiments.no_such"]
    assert missing_parts("tests.experiments.pascal_voc", "--root x --no-such") == ["--no-such"]


def test_terms_of_the_glossary_are_used_on_pages() -> None:
    terms = load("extensions/glossary_links.py").terms(DOCS / "glossary.md")
    assert terms["iou"] == "IoR, IoU"
    text = "\n".join(text_of(page) for page in [*PAGES, *PROGRAMS] if page.name != "glossary.md")
    pattern = load("extensions/glossary_links.py").pattern
    unused = [form for form in terms if not pattern([form]).search(text)]
    assert not unused


def test_the_first_mention_of_a_term_becomes_a_link() -> None:
    links = load("extensions/glossary_links.py")
    names = {"grid cell": "grid cell", "logit": "logit"}
    parts = links._split("Grid cells and logits; a grid cell again; no-logit.", names, "page")
    assert [part.astext() for part in parts] == ["", "Grid cells", " and ", "logits", "; a grid cell again; no-logit."]
    assert [part["reftarget"] for part in parts if "reftarget" in part.__dict__.get("attributes", {})] == [
        "grid cell",
        "logit",
    ]
    assert not names
