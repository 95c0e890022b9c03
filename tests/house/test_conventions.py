"""Conventions of every public class and function: an executed example, shapes, and names that MONAI's parser finds."""

from __future__ import annotations

import functools
import inspect
import re
import sys
from collections.abc import Iterator
from typing import Any

from monai.bundle import ConfigParser
from monai.bundle.config_item import ComponentLocator

from tests.house.inventory import modules, public_objects

PUBLIC = public_objects()
ARRAY_TYPES = re.compile(r"ndarray|Tensor|ArrayLike|NDArray")
# (X, Y, Z), (M, 3), (N,), (C, *grid), (...): a tuple of symbols or numbers
SHAPE = re.compile(r"\((?:\.\.\.|[A-Z\d*…][\w'*·]*,(?: *[\w'*…·.]+,?)*)\)")


def own_methods(thing: Any) -> dict[str, Any]:
    """The public methods and properties that a class defines itself; none for a function."""
    members = vars(thing) if inspect.isclass(thing) else {}
    plain = {
        name: getattr(member, "fget", None) or getattr(member, "__func__", member) for name, member in members.items()
    }
    return {name: member for name, member in plain.items() if inspect.isfunction(member) and not name.startswith("_")}


def takes_arrays(thing: Any) -> bool:
    """Whether a function, or a class in its fields, constructor or call, takes or returns an array."""
    calls = (
        [vars(thing)[n] for n in ("__init__", "__call__", "forward") if n in vars(thing)]
        if inspect.isclass(thing)
        else []
    )
    notes = [str(note) for part in [thing, *calls] for note in getattr(part, "__annotations__", {}).values()]
    return any(ARRAY_TYPES.search(note) for note in notes)


def own_docstring(thing: Any) -> str:
    """The docstring of a function, or of a class itself, not of its base."""
    return (vars(thing).get("__doc__") if inspect.isclass(thing) else inspect.getdoc(thing)) or ""


def all_docstrings(thing: Any) -> Iterator[str]:
    """The docstring of an object and those of its methods."""
    yield inspect.getdoc(thing) or ""
    yield from (inspect.getdoc(method) or "" for method in own_methods(thing).values())


@functools.cache
def found_by_monai() -> dict[str, Any]:
    """What MONAI's configuration parser finds under each dotted and short name; one parser lists all modules once."""
    targets = [*PUBLIC, *(thing.__name__ for thing in PUBLIC.values())]
    parser = ConfigParser({str(i): {"_target_": target, "_mode_": "callable"} for i, target in enumerate(targets)})
    return {target: parser.get_parsed_content(str(i)) for i, target in enumerate(targets)}


@functools.cache
def places_of_short_names(package: str = "monai_pylon") -> dict[str, list[str]]:
    """The modules of a package that define each short name, as MONAI's parser finds them."""
    modules()  # so that the locator sees all of ours
    names = [name for name in sys.modules if name.split(".")[0] == package]
    return ComponentLocator()._find_classes_or_functions(names)


def test_public_objects_have_an_executed_example() -> None:
    example = re.compile(r"^\s*Examples?:\n\s+>>> ", flags=re.MULTILINE)
    assert not [name for name, thing in PUBLIC.items() if not example.search(own_docstring(thing))]


def test_public_methods_are_documented() -> None:
    silent = [
        f"{name}.{method}"
        for name, thing in PUBLIC.items()
        for method in own_methods(thing)
        if not inspect.getdoc(getattr(thing, method))
    ]
    assert not silent


def test_docstrings_give_the_shapes_of_arrays() -> None:
    array_objects = {name: thing for name, thing in PUBLIC.items() if takes_arrays(thing)}
    assert len(array_objects) > 50
    assert not [n for n, thing in array_objects.items() if not any(map(SHAPE.search, all_docstrings(thing)))]


def test_monais_parser_finds_objects_by_their_dotted_names() -> None:
    found = found_by_monai()
    assert not [name for name, thing in PUBLIC.items() if found[name] is not thing]


def test_monais_parser_finds_objects_by_their_short_names() -> None:
    found = found_by_monai()
    assert not [name for name, thing in PUBLIC.items() if found[thing.__name__] is not thing]


def test_no_short_name_is_monais_own() -> None:
    """On a clash MONAI's parser prefers its own class and warns its users about ours."""
    ours = {name for name in places_of_short_names() if not name.startswith("_")}
    assert not ours & set(places_of_short_names("monai"))


def test_short_names_are_unique_in_the_package() -> None:
    found = places_of_short_names().items()
    twice = {name: places for name, places in found if len(places) > 1 and not name.startswith("_")}
    assert not twice


def test_the_pattern_knows_shapes() -> None:
    shapes = ["(X, Y, Z)", "(M,)", "(4, 4)", "(N, C, *spatial)", "(...)", "(0, 5)", "(N, M', *grid)"]
    assert all(SHAPE.search(f"labels: {shape} of integers") for shape in shapes)
    assert not any(map(SHAPE.search, ["(default)", "(see paper)", "x (in mm)", "f(x)"]))
