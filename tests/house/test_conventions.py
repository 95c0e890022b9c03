"""What holds for every public class and function: documented by example, with shapes, and found by MONAI's parser."""

from __future__ import annotations

import inspect
import re
import sys
from typing import Any

import pytest
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
    """Whether a function, or a class in its fields, its constructor or its call, takes or gives an array."""
    calls = (
        [vars(thing)[n] for n in ("__init__", "__call__", "forward") if n in vars(thing)]
        if inspect.isclass(thing)
        else []
    )
    notes = [str(note) for part in [thing, *calls] for note in getattr(part, "__annotations__", {}).values()]
    return any(ARRAY_TYPES.search(note) for note in notes)


@pytest.fixture(params=PUBLIC.values(), ids=PUBLIC.keys(), scope="module")
def thing(request: pytest.FixtureRequest) -> Any:
    return request.param


def test_it_is_documented_by_an_example(thing: Any) -> None:
    text = inspect.getdoc(thing) or ""
    assert vars(thing).get("__doc__") if inspect.isclass(thing) else text, "no docstring of its own"
    assert re.search(r"^Examples?:\n\s+>>> ", text, flags=re.MULTILINE), "no executed Example"


def test_its_methods_are_documented(thing: Any) -> None:
    silent = [name for name, method in own_methods(thing).items() if not inspect.getdoc(getattr(thing, name))]
    assert not silent


def test_it_says_the_shapes_of_its_arrays(thing: Any) -> None:
    if not takes_arrays(thing):
        pytest.skip("takes and gives no arrays")
    texts = [inspect.getdoc(thing) or ""] + [inspect.getdoc(method) or "" for method in own_methods(thing).values()]
    assert any(SHAPE.search(text) for text in texts), "name the shapes by symbol, such as (X, Y, Z)"


def test_it_is_found_by_its_dotted_name(thing: Any) -> None:
    parser = ConfigParser({"it": {"_target_": f"{thing.__module__}.{thing.__qualname__}", "_mode_": "callable"}})
    assert parser.get_parsed_content("it") is thing


def test_monai_finds_it_by_its_short_name(thing: Any) -> None:
    parser = ConfigParser({"it": {"_target_": thing.__name__, "_mode_": "callable"}})
    assert parser.get_parsed_content("it") is thing


def test_no_short_name_is_monais_own() -> None:
    """MONAI's parser prefers its own class on a clash, and warns its users about ours: neither may happen."""
    modules()  # so that the locator sees all of ours
    locator = ComponentLocator()
    ours = [name for name in sys.modules if name.split(".")[0] == "monai_pylon"]
    monais = [name for name in sys.modules if name.split(".")[0] == "monai"]
    short_names = {n for n in locator._find_classes_or_functions(ours) if not n.startswith("_")}
    clashes = short_names & set(locator._find_classes_or_functions(monais))
    assert not clashes


def test_short_names_are_unique_in_the_house() -> None:
    modules()
    ours = [name for name in sys.modules if name.split(".")[0] == "monai_pylon"]
    table = ComponentLocator()._find_classes_or_functions(ours)
    twice = {name: places for name, places in table.items() if len(places) > 1 and not name.startswith("_")}
    assert not twice


@pytest.mark.parametrize(
    "shape", ["(X, Y, Z)", "(M,)", "(4, 4)", "(N, C, *spatial)", "(...)", "(0, 5)", "(N, M', *grid)"]
)
def test_the_measure_knows_a_shape(shape: str) -> None:
    assert SHAPE.search(f"labels: {shape} of integers")


@pytest.mark.parametrize("text", ["(default)", "(see paper)", "x (in mm)", "f(x)"])
def test_the_measure_takes_no_other_brackets_for_a_shape(text: str) -> None:
    assert not SHAPE.search(text)
