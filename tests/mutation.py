"""Mutation test, run by hand: change one operator or constant of a module and see whether its tests notice.

    python -m tests.mutation monai_pylon/metrics/organ_overlap.py --count 12

The command copies the package and the tests into a temporary folder, applies one mutant at a time there, and runs the
mirrored test file and the examples in the module's docstrings. It prints each surviving mutant with its line.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import copy
import multiprocessing
import os
import random
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import skimage.measure  # noqa: F401
import torch

CHECKOUT = Path(__file__).resolve().parents[1]
_COMPARISONS = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
}
_COMPARISONS |= {ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In}
_ARITHMETIC = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Div}
_LOGIC = {ast.And: ast.Or, ast.Or: ast.And, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd}


def _children(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes below a node whose change could change behaviour: no annotations, no text, no `__all__`."""
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns", "decorator_list"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if not isinstance(child, ast.AST) or isinstance(child, ast.Import | ast.ImportFrom | ast.JoinedStr):
                continue
            if isinstance(child, ast.Assign) and getattr(child.targets[0], "id", "") == "__all__":
                continue
            yield child
            yield from _children(child)


def _changes(node: ast.AST) -> list[tuple[str, int]]:
    """List the changes that a node allows, as kind and position."""
    if isinstance(node, ast.Compare):
        return [("compare", i) for i, op in enumerate(node.ops) if type(op) in _COMPARISONS]
    if isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC | _LOGIC:
        return [("operator", 0)]
    if isinstance(node, ast.BoolOp):
        return [("operator", 0)]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub):
        return [("drop", 0)]
    if isinstance(node, ast.Constant) and isinstance(node.value, bool | int | float):
        return [("constant", 0)]
    return []


def _mutate(node: ast.AST, kind: str, position: int) -> None:
    """Apply a change to a node, in place."""
    if kind == "compare" and isinstance(node, ast.Compare):
        node.ops[position] = _COMPARISONS[type(node.ops[position])]()
    elif kind == "operator" and isinstance(node, ast.BinOp | ast.BoolOp):
        node.op = (_ARITHMETIC | _LOGIC)[type(node.op)]()
    elif kind == "drop" and isinstance(node, ast.UnaryOp):
        node.op = ast.UAdd() if isinstance(node.op, ast.USub) else node.op
        if isinstance(node.op, ast.Not):
            node.operand = ast.UnaryOp(ast.Not(), node.operand)
    elif isinstance(node, ast.Constant):
        node.value = not node.value if isinstance(node.value, bool) else node.value + 1


def mutants(source: str) -> list[tuple[int, str, str]]:
    """List every mutant of a module.

    Args:
        source: Text of the module.

    Returns:
        Line, description and mutated source of each mutant, in the order of the file.
    """
    tree, found = ast.parse(source), []
    for index, node in enumerate(_children(tree)):
        for kind, position in _changes(node):
            mutant = copy.deepcopy(tree)
            changed = list(_children(mutant))[index]
            before = ast.unparse(changed)
            _mutate(changed, kind, position)
            text = f"{before} -> {ast.unparse(changed)}"
            found.append((getattr(node, "lineno", 0), text, ast.unparse(ast.fix_missing_locations(mutant))))
    return found


def mirrored_test(module: Path) -> Path:
    """Give the test file that mirrors a module of the package."""
    inside = module.relative_to("monai_pylon")
    return Path("tests") / inside.parent / f"test_{inside.stem}.py"


def _run(folder: str, arguments: list[str], log: str) -> None:
    """Run pytest in a folder, in a forked process; exits with pytest's code."""
    os.chdir(folder)
    for name in [name for name in sys.modules if name.split(".")[0] in ("tests", "monai_pylon")]:
        del sys.modules[name]
    sys.path[:] = [folder, *(path for path in sys.path if path not in ("", str(CHECKOUT)))]
    sys.dont_write_bytecode = True
    torch.set_num_threads(1)
    with open(log, "w") as out, contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        code = pytest.main(arguments)
    os._exit(int(code))


def passes(folder: str, arguments: list[str], seconds: float) -> bool:
    """Whether the tests pass within a time."""
    process = multiprocessing.get_context("fork").Process(target=_run, args=(folder, arguments, f"{folder}/log.txt"))
    process.start()
    process.join(seconds)
    if process.is_alive():
        process.kill()
        process.join()
    return process.exitcode == 0


def survivors_of(folder: str, module: Path, tests: list[Path], count: int, seed: int) -> tuple[int, list[str]]:
    """Count the mutants tried of a module, and describe the survivors."""
    files = [str(file) for file in (mirrored_test(module), *tests) if Path(folder, file).is_file()]
    arguments = ["-x", "-q", "--benchmark-disable", "-p", "no:cacheprovider", *files, str(module)]
    source = (CHECKOUT / module).read_text(encoding="utf-8")
    chosen = mutants(source)
    if count and len(chosen) > count:
        chosen = random.Random(seed).sample(chosen, count)
    if not passes(folder, arguments, 600):
        sys.exit(f"The tests of {module} fail without a mutant:\n{Path(folder, 'log.txt').read_text()[-2000:]}")
    alive = []
    for line, text, mutated in sorted(chosen):
        Path(folder, module).write_text(mutated, encoding="utf-8")
        alive += [f"  {module}:{line}  {text}"] if passes(folder, arguments, 120) else []
    Path(folder, module).write_text(source, encoding="utf-8")
    return len(chosen), alive


def main() -> None:
    """Run the mutation test on the modules named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", nargs="+", type=Path, help="files of the package")
    parser.add_argument("--tests", nargs="*", type=Path, default=[], help="test files to run besides the mirrored ones")
    parser.add_argument("--count", type=int, default=12, help="mutants of each module, sampled; 0 takes all")
    parser.add_argument("--seed", type=int, default=0, help="of the sample")
    args = parser.parse_args()
    total = killed = 0
    with tempfile.TemporaryDirectory() as folder:
        for name in ("monai_pylon", "tests", "bundles"):
            shutil.copytree(CHECKOUT / name, Path(folder, name), ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("setup.cfg", "pyproject.toml"):
            shutil.copy(CHECKOUT / name, folder)
        for module in (file for file in args.modules if not file.name.startswith("__")):
            tried, alive = survivors_of(folder, module, args.tests, args.count, args.seed)
            print(f"{module}: {tried - len(alive)} of {tried} mutants killed", *alive, sep="\n", flush=True)
            total, killed = total + tried, killed + tried - len(alive)
    print(f"{killed} of {total} mutants killed")


if __name__ == "__main__":
    main()
