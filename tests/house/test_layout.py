"""Layout of the package: which folder may import which, and how long files and functions may be."""

from __future__ import annotations

import ast
import functools
from collections import Counter

from tests.house.inventory import PACKAGE, module_files

BASE = {"utils", "taxonomy"}
#: The folders that each folder may import, besides itself. None allows every folder.
MAY_IMPORT: dict[str, set[str] | None] = {
    "utils": set(),
    "taxonomy": {"utils"},
    **dict.fromkeys(("networks", "losses", "metrics", "transforms", "labeler", "visualize", "data"), BASE),
    "handlers": BASE | {"metrics", "networks"},
    "reports": BASE | {"metrics", "visualize"},
    "workflows": None,
}
#: Modules of the top level. They start everything, so they may import every folder.
ENTRY_POINTS = {"monai_pylon", "monai_pylon.__main__"}
MOST_MODULES = 24
MOST_LINES = 300
MOST_LINES_OF_CODE = 60

#: Modules without a mirrored test file, with the reason.
WITHOUT_TESTS = {
    "utils/version.py": "a constant",
    "labeler/rule_entries.py": "named tuples that tests/labeler/test_rules.py reads",
}

FILES = module_files()


@functools.cache
def trees() -> dict[str, ast.Module]:
    """Parse every module once, by its dotted name."""
    return {name: ast.parse(file.read_text(encoding="utf-8")) for name, file in FILES.items()}


def imports(tree: ast.AST) -> list[ast.Import | ast.ImportFrom]:
    """Every import statement under a node."""
    return [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]


def functions(tree: ast.AST) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function and method under a node."""
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def folders_imported(tree: ast.AST) -> set[str]:
    """The folders of the package that a module imports, by any form of import."""
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


def test_folders_import_only_what_they_may() -> None:
    wrong = {}
    for name, tree in trees().items():
        if name in ENTRY_POINTS:
            continue
        folder = name.split(".")[1]
        allowed = MAY_IMPORT[folder]
        if allowed is not None and (extra := folders_imported(tree) - allowed - {folder}):
            wrong[name] = extra
    assert not wrong


def test_only_phantoms_import_phantoms_besides_the_facade() -> None:
    """The rest of `data` does without the phantoms, so that they can be read, or left, as a whole."""
    users = {
        name
        for name, tree in trees().items()
        for node in imports(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("monai_pylon.data.phantoms")
    }
    inside_data = {name for name in users if name.startswith("monai_pylon.data.") and ".phantoms" not in name}
    assert not inside_data


def test_imports_are_absolute() -> None:
    relative = {
        name: node.lineno
        for name, tree in trees().items()
        for node in imports(tree)
        if isinstance(node, ast.ImportFrom) and node.level > 0
    }
    assert not relative


def test_imports_stand_at_the_top() -> None:
    """`monai.utils.optional_import` is the way to import an optional package."""
    nested = {
        f"{name}:{node.lineno}"
        for name, tree in trees().items()
        for function in functions(tree)
        for node in imports(function)
    }
    assert not nested


def test_user_input_is_not_asserted() -> None:
    """An assertion names neither argument nor remedy, and ``python -O`` drops it: use `monai_pylon.utils.check`."""
    asserted = {
        f"{name}:{node.lineno}"
        for name, tree in trees().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Assert)
    }
    assert not asserted


def test_folders_are_not_crowded() -> None:
    counts = Counter(file.parent for file in FILES.values() if file.name != "__init__.py")
    crowded = {str(folder.relative_to(PACKAGE)): n for folder, n in counts.items() if n > MOST_MODULES}
    assert not crowded


def test_files_are_short() -> None:
    lengths = {name: len(file.read_text(encoding="utf-8").splitlines()) for name, file in FILES.items()}
    assert not {name: length for name, length in lengths.items() if length > MOST_LINES}


def test_functions_are_short() -> None:
    long = {
        f"{name}.{function.name}": lines_of_code(function)
        for name, tree in trees().items()
        for function in functions(tree)
        if lines_of_code(function) > MOST_LINES_OF_CODE
    }
    assert not long


def test_every_module_has_a_mirrored_test_file() -> None:
    missing = []
    for file in FILES.values():
        inside = file.relative_to(PACKAGE)
        mirror = PACKAGE.parent / "tests" / inside.parent / f"test_{inside.stem}.py"
        if not file.name.startswith("__") and inside.as_posix() not in WITHOUT_TESTS and not mirror.is_file():
            missing.append(inside.as_posix())
    assert not missing


def test_the_measures_can_fail() -> None:
    tree = ast.parse(
        "import monai_pylon.data.phantom\nfrom monai_pylon import reports\nfrom monai_pylon.utils import check\n"
        'def f():\n    """Doc."""\n    from .x import y\n\n    return y\n'
    )
    assert folders_imported(tree) == {"data", "reports", "utils"}
    assert lines_of_code(functions(tree)[0]) == 3
    assert len(imports(functions(tree)[0])) == 1
