"""The public surface is written down: a name that comes or goes is seen in review, never by accident."""

from __future__ import annotations

from pathlib import Path

import monai_pylon
from tests.house.inventory import PACKAGE, modules, public_names

LIST = Path(__file__).with_name("public_names.txt")


def test_the_public_names_are_the_ones_written_down() -> None:
    written, real = set(LIST.read_text(encoding="utf-8").split()), set(public_names())
    assert written == real, (
        f"new: {sorted(real - written)}; gone: {sorted(written - real)}. Where this is meant: make public-names"
    )


def test_every_module_says_what_is_public() -> None:
    silent = [name for name, module in modules().items() if not hasattr(module, "__all__")]
    assert not silent


def test_every_room_can_be_entered_from_the_top() -> None:
    rooms = {file.parent.name for file in PACKAGE.glob("*/__init__.py")}
    assert rooms | {"__version__"} == set(monai_pylon.__all__)
