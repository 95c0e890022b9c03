"""The public surface is written down: a name that comes or goes is seen in review, never by accident."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType

import monai_pylon
from tests.house.inventory import PACKAGE, modules, public_names

LIST = Path(__file__).with_name("public_names.txt")
#: Public names beyond those that bundles and pages use: parts of what users get from other public names.
CONTRACT = {
    *("monai_pylon.__version__", "monai_pylon.networks.weights"),
    *("monai_pylon.labeler.Finding", "monai_pylon.visualize.ExplanationAudit"),
    *("monai_pylon.transforms.MaskQuality", "monai_pylon.transforms.OrganPartition"),
}
#: Pages for those who change the package, and the list of what changed; they may name anything.
NOT_FOR_USERS = {"changelog.md", "contributing.md", "extensions", "pictures", "conf.py", "make_images.py"}
#: Folders that a build of the documentation makes, perhaps while this test runs.
BUILT = {"_build", "gallery_built", "tutorials_built"}


def code_of_pages() -> str:
    """Code blocks and code in text of all pages, and the scripts of the gallery, tutorials and examples."""
    docs, bundles = PACKAGE.parent / "docs", PACKAGE.parent / "bundles"
    pages = [*docs.rglob("*.md"), *docs.rglob("*.py"), *bundles.rglob("*.md"), PACKAGE.parent / "README.md"]
    found = []
    for page in sorted(pages):
        if (NOT_FOR_USERS | BUILT).isdisjoint(page.parts):
            text = page.read_text(encoding="utf-8")
            marked = re.findall(r"^```.*?^```|`[^`\n]+`", text, flags=re.MULTILINE | re.DOTALL)
            found += [text] if page.suffix == ".py" else marked
    return "\n".join(found)


def names_of_configs() -> set[str]:
    """Dotted names in the configurations of all bundles, and the short ones that they instantiate."""
    text = "\n".join(file.read_text(encoding="utf-8") for file in (PACKAGE.parent / "bundles").glob("*/configs/*.json"))
    return {*re.findall(r"\bmonai_pylon(?:\.\w+)+", text), *re.findall(r'"_target_": "(\w+)"', text)}


def test_the_public_names_are_the_ones_written_down() -> None:
    written, real = set(LIST.read_text(encoding="utf-8").split()), set(public_names())
    assert written == real, (
        f"new: {sorted(real - written)}; gone: {sorted(written - real)}. Where this is meant: make public-names"
    )


def test_every_public_name_is_used_by_a_bundle_or_a_page() -> None:
    """A name that nobody outside the package needs stays in its module, where it can change."""
    words, configs = set(re.findall(r"\w+", code_of_pages())), names_of_configs()
    used = {
        name
        for name in public_names()
        if name in configs or not {short := name.rpartition(".")[2], f"{short}d"}.isdisjoint(words | configs)
    }
    packages = {name for name, module in modules().items() if isinstance(module, ModuleType)}
    unused = set(public_names()) - used - packages - CONTRACT
    assert not unused


def test_every_module_says_what_is_public() -> None:
    silent = [name for name, module in modules().items() if not hasattr(module, "__all__")]
    assert not silent


def test_every_room_can_be_entered_from_the_top() -> None:
    rooms = {file.parent.name for file in PACKAGE.glob("*/__init__.py")}
    assert rooms | {"__version__"} == set(monai_pylon.__all__)
