"""What the house contains: its modules, and the names that it makes public. `make public-names` prints the latter."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path
from types import GenericAlias, ModuleType
from typing import Any

PACKAGE = Path(__file__).resolve().parents[2] / "monai_pylon"


def module_files() -> dict[str, Path]:
    """Every module of the package by its dotted name."""
    files = {}
    for file in sorted(PACKAGE.rglob("*.py")):
        parts = file.relative_to(PACKAGE.parent).with_suffix("").parts
        files[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return files


def modules() -> dict[str, ModuleType]:
    """Every module of the package, imported, by its dotted name."""
    return {name: importlib.import_module(name) for name in module_files() if not name.endswith("__main__")}


def is_class(thing: Any) -> bool:
    """Whether a thing is a class. For Python 3.10's `inspect.isclass`, an alias such as `tuple[int]` is one, too."""
    return inspect.isclass(thing) and not isinstance(thing, GenericAlias)


def public_objects() -> dict[str, Any]:
    """Every class and function that some module lists in `__all__`, once, by the dotted name of its definition.

    Other names of the same object (`XD` and `XDict` for `Xd`) are left out, constants and modules too.
    """
    found = {}
    for module in modules().values():
        for name in getattr(module, "__all__", ()):
            thing = getattr(module, name)
            if is_class(thing) or inspect.isfunction(thing):
                found[f"{thing.__module__}.{thing.__qualname__}"] = thing
    return dict(sorted(found.items()))


def is_alias(name: str, thing: Any) -> bool:
    """Whether a name is another one of the same object, as `XD` and `XDict` are of the class `Xd`."""
    return (is_class(thing) or inspect.isfunction(thing)) and thing.__name__ != name


def public_names() -> list[str]:
    """What users may rely on: the names in the `__all__` of every room, as one imports them, without aliases."""
    rooms = [importlib.import_module(name) for name, file in module_files().items() if file.name == "__init__.py"]
    return sorted(
        f"{room.__name__}.{name}" for room in rooms for name in room.__all__ if not is_alias(name, getattr(room, name))
    )


if __name__ == "__main__":
    print("\n".join(public_names()))
