"""The floor plan: which room may know which, and how long a file and a function may become."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.house.inventory import module_files

BASE = {"utils", "taxonomy"}
ABOVE_BASE = ("networks", "losses", "metrics", "transforms", "labeler", "visualize", "data")
ROOMS = dict.fromkeys(ABOVE_BASE, BASE) | {
    "utils": set(),
    "taxonomy": {"utils"},
    "handlers": BASE | {"metrics", "networks"},
    "reports": BASE | {"metrics", "visualize"},
    "workflows": None,  # may know every room
    "__main__": None,
}
FILES = module_files()


def imports(tree: ast.AST) -> list[ast.Import | ast.ImportFrom]:
    """Every import statement under a node."""
    return [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]


def functions(tree: ast.AST) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function and method under a node."""
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def rooms_imported(tree: ast.AST) -> set[str]:
    """The rooms of ours that a module imports, by any form of import."""
    targets = []
    for node in imports(tree):
        if isinstance(node, ast.Import):
            targets += [alias.name for alias in node.names]
        elif node.module == "monai_pylon":
            targets += [f"monai_pylon.{alias.name}" for alias in node.names]
        else:
            targets.append(node.module or "")
    return {target.split(".")[1] for target in targets if target.startswith("monai_pylon.")}


def lines_of_code(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """The lines from a function's first statement after its docstring to its last."""
    body = function.body[1:] if ast.get_docstring(function, clean=False) is not None else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


@pytest.fixture(params=sorted(FILES), scope="module")
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def file(name: str) -> Path:
    return FILES[name]


@pytest.fixture(scope="module")
def tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def test_a_room_knows_only_the_rooms_below_it(name: str, tree: ast.Module) -> None:
    if name == "monai_pylon":
        pytest.skip("the entrance knows every room")
    room = name.split(".")[1]
    assert room in ROOMS, f"{room} is not in the plan of the house"
    allowed = ROOMS[room]
    if allowed is not None:
        assert rooms_imported(tree) <= allowed | {room}


def test_imports_are_absolute_and_at_the_top(tree: ast.Module) -> None:
    relative = [node.lineno for node in imports(tree) if isinstance(node, ast.ImportFrom) and node.level > 0]
    nested = [node.lineno for function in functions(tree) for node in imports(function)]
    assert not relative, f"relative imports on lines {relative}"
    assert not nested, f"imports within functions on lines {nested}: use monai.utils.optional_import for optional ones"


def test_nothing_is_asserted_on_user_input(tree: ast.Module) -> None:
    asserted = [node.lineno for node in ast.walk(tree) if isinstance(node, ast.Assert)]
    assert not asserted, f"assert on lines {asserted}: use monai_pylon.utils.check, which names argument and remedy"


def test_a_file_holds_one_idea(file: Path) -> None:
    assert len(file.read_text(encoding="utf-8").splitlines()) <= 300


def test_functions_are_short(tree: ast.Module) -> None:
    long = {function.name: lines_of_code(function) for function in functions(tree) if lines_of_code(function) > 60}
    assert not long


def test_the_measures_measure() -> None:
    """The checks above must be able to fail: each measure sees a case that it must not miss."""
    tree = ast.parse(
        "import monai_pylon.data.phantom\nfrom monai_pylon import reports\nfrom monai_pylon.utils import check\n"
        'def f():\n    """Doc."""\n    from .x import y\n\n    return y\n'
    )
    assert rooms_imported(tree) == {"data", "reports", "utils"}
    assert lines_of_code(functions(tree)[0]) == 3
    assert len(imports(functions(tree)[0])) == 1
