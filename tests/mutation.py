"""Mutation test, run by hand: change one operator or constant of a module and see whether its tests notice.

    python -m tests.mutation monai_pylon/metrics/organ_overlap.py --count 12

The tests are the mirrored test file and the examples in the module's docstrings. They are collected once, and run once
without a mutant to see which of them call which function. For each mutant the process forks, exchanges the code of the
module's functions, and runs the tests that call the function changed, the fastest first, until one fails. What survives
there outside of functions (such a mutant acts only while the module is imported) is tried again slowly: in a copy of
the checkout with the mutant in the file. The command prints each mutant that survives, and each that ran out of time
(it counts as killed), with its line.

Mutants that provably give the same results are listed with the reason in tests/equivalent_mutants.csv and left out.
Numbers below 10 are raised by 1, others doubled. Texts are never changed, nor are annotations, decorators, types in
`isinstance`, and what stands in a `raise`, a warning or a log: no test should have to repeat a message.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import copy
import csv
import gc
import importlib
import multiprocessing
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import threading
import time
import types
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

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
#: Numbers from here on are doubled, smaller ones raised by 1: no test should pin a limit of 5000 bytes against 5001.
_DOUBLED_FROM = 10
_LOGIC = {ast.And: ast.Or, ast.Or: ast.And, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd}


class Mutant(NamedTuple):
    """A change of one place in a module.

    Attributes:
        line: Line of the change.
        text: Description of the change.
        function: Name and first line of the function around it; empty at the top level.
        place: Node among those of `_children`, and kind and position of the change of `_changes`.
    """

    line: int
    text: str
    function: tuple[str, int] | tuple[()]
    place: tuple[int, str, int]

    def apply(self, source: str) -> str:
        """Return the source of the module with the change."""
        tree = ast.parse(source)
        index, kind, position = self.place
        _mutate(list(_children(tree))[index], kind, position)
        return ast.unparse(ast.fix_missing_locations(tree))


def _only_tells(node: ast.AST) -> bool:
    """Whether a node does nothing but tell: it raises an exception, warns or logs."""
    if isinstance(node, ast.Raise):
        return True
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        name = ast.unparse(node.value.func).lower()
        return name.startswith(("warnings.", "logging.", "logger.", "_logger.", "log.", "_log."))
    return False


def _children(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes below a node whose change could change behavior.

    Annotations, text, messages, types in `isinstance`, `__all__` and the `strict` of `zip`, which only guards against
    mistakes of ours, are left out.
    """
    types_follow = isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("isinstance", "issubclass")
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns", "decorator_list"):
            continue
        for child in value[:1] if types_follow and field == "args" else value if isinstance(value, list) else [value]:
            if not isinstance(child, ast.AST) or isinstance(child, ast.Import | ast.ImportFrom | ast.JoinedStr):
                continue
            if _only_tells(child):
                continue
            if isinstance(child, ast.keyword) and child.arg == "strict":
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
        value = node.value
        node.value = not value if isinstance(value, bool) else value * 2 if value >= _DOUBLED_FROM else value + 1


def equivalent(module: Path) -> set[tuple[str, str]]:
    """Return the code line and the change of the mutants of a module that are listed as equivalent."""
    with open(CHECKOUT / "tests" / "equivalent_mutants.csv", encoding="utf-8", newline="") as file:
        return {(row["line"], row["change"]) for row in csv.DictReader(file) if row["module"] == module.as_posix()}


def _functions(tree: ast.AST) -> dict[ast.AST, tuple[str, int]]:
    """Map each node inside functions to the name and first line, decorators included, of the innermost function."""
    around: dict[ast.AST, tuple[str, int]] = {}
    for function in ast.walk(tree):  # outer functions come first
        if isinstance(function, ast.FunctionDef):
            first = min(node.lineno for node in (function, *function.decorator_list))
            for node in (inner for statement in function.body for inner in ast.walk(statement)):
                around[node] = (function.name, first)
    return around


def mutants(source: str) -> list[Mutant]:
    """List every mutant of a module, in the order of the file."""
    tree, found = ast.parse(source), []
    around = _functions(tree)
    for index, node in enumerate(_children(tree)):
        for kind, position in _changes(node):
            changed = copy.deepcopy(node)
            _mutate(changed, kind, position)
            text = f"{ast.unparse(node)} -> {ast.unparse(changed)}"
            found.append(Mutant(getattr(node, "lineno", 0), text, around.get(node, ()), (index, kind, position)))
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


def passes(folder: str, arguments: list[str], seconds: float) -> bool | None:
    """Whether the tests pass; None if they do not end within a time, which depends on the load of the machine."""
    process = multiprocessing.get_context("fork").Process(target=_run, args=(folder, arguments, f"{folder}/log.txt"))
    process.start()
    process.join(seconds)
    if process.is_alive():
        process.kill()
        process.join()
        return None
    return process.exitcode == 0


def _exchange(old: Any, new: Any) -> None:
    """Give a function, or the functions of a class, the code of their mutants."""
    if isinstance(old, property) and isinstance(new, property):
        _exchange(old.fget, new.fget)
    old, new = (getattr(thing, "__func__", thing) for thing in (old, new))
    old, new = (getattr(thing, "__wrapped__", thing) for thing in (old, new))
    if isinstance(old, types.FunctionType) and isinstance(new, types.FunctionType):
        if len(old.__code__.co_freevars) == len(new.__code__.co_freevars):
            old.__code__ = new.__code__
            old.__defaults__, old.__kwdefaults__ = new.__defaults__, new.__kwdefaults__
    elif isinstance(old, type) and isinstance(new, type):
        for name, inner in vars(new).items():
            if name in vars(old) and name not in ("__dict__", "__weakref__"):
                _exchange(vars(old)[name], inner)


def _apply(module: types.ModuleType, mutated: str) -> None:
    """Exchange the code of a module that is imported already; its constants are replaced."""
    mutant = types.ModuleType(module.__name__)
    mutant.__file__ = module.__file__
    exec(compile(mutated, str(module.__file__), "exec"), vars(mutant))
    for name, new in list(vars(mutant).items()):
        old = vars(module).get(name)
        if getattr(old, "__module__", None) == module.__name__ and (callable(old) or isinstance(old, type)):
            _exchange(old, new)
        elif isinstance(new, bool | int | float | tuple | dict | list | set | frozenset) and not name.startswith("__"):
            setattr(module, name, new)


class _ForkForEachMutant:
    """Plugin of pytest that runs the collected tests once for each mutant, in forked processes.

    Args:
        module: Dotted name of the module.
        chosen: Mutants of :func:`mutants`.
    """

    def __init__(self, module: str, chosen: list[Mutant]) -> None:
        self.module, self.chosen = importlib.import_module(module), chosen
        self.source = Path(str(self.module.__file__)).read_text(encoding="utf-8")
        self.works = False  # whether the tests pass with functions exchanged for themselves
        self.alive: list[Mutant] = []
        self.timed_out: list[Mutant] = []

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Replace pytest's own loop over the tests."""
        gc.collect()
        gc.freeze()  # so that no forked process touches, and thereby copies, the objects made so far
        calls = self._fork([], 600, self._trace, session)
        self.works = bool(calls)
        seconds = [taken for taken, _ in calls or []]
        limit = 30 + 5 * sum(seconds)
        for mutant in self.chosen if calls else []:
            calling = [i for i, (_, called) in enumerate(calls) if mutant.function in called]
            order = sorted(calling or range(len(seconds)), key=seconds.__getitem__)
            code = self._fork(1, limit, self._run, [session.items[i] for i in order], session, mutant)
            if code == 0:
                self.alive.append(mutant)
            elif code is None:
                self.timed_out.append(mutant)
        return True

    @staticmethod
    def _fork(otherwise: Any, seconds: float, function: Any, *args: Any) -> Any:
        """Call a function in a forked process.

        Returns:
            The result; None if the function takes more seconds of CPU time, which do not depend on the load of the
            machine, or waits far longer; `otherwise` if the process ends without a result.
        """

        def send() -> None:
            resource.setrlimit(resource.RLIMIT_CPU, (int(seconds), int(seconds) + 5))
            try:
                sender.send(function(*args))
            finally:
                os._exit(0)

        receiver, sender = multiprocessing.Pipe(duplex=False)
        process = multiprocessing.get_context("fork").Process(target=send)
        process.start()
        sender.close()
        try:
            return receiver.recv() if receiver.poll(60 * seconds) else None
        except EOFError:
            process.join()
            return None if process.exitcode in (-signal.SIGXCPU, -signal.SIGKILL) else otherwise
        finally:
            process.kill()
            process.join()
            receiver.close()

    def _trace(self, session: pytest.Session) -> list[tuple[float, set[tuple[str, int]]]]:
        """Run the tests without a mutant; return the seconds that each takes, and the functions that it calls.

        Returns:
            A pair for each test; empty if one fails.
        """
        _apply(self.module, self.source)
        file, found = str(self.module.__file__), []
        called: set[tuple[str, int]] = set()

        def note(frame: types.FrameType, event: str, arg: object) -> None:
            if frame.f_code.co_filename == file:
                called.add((frame.f_code.co_name, frame.f_code.co_firstlineno))

        for index, item in enumerate(session.items):
            called.clear()
            begin = time.process_time()
            threading.settrace(note)
            sys.settrace(note)
            try:
                following = session.items[index + 1] if index + 1 < len(session.items) else None
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            finally:
                sys.settrace(None)
            found.append((time.process_time() - begin, set(called)))
        return [] if session.testsfailed else found

    def _run(self, items: list[pytest.Item], session: pytest.Session, mutant: Mutant) -> int:
        """Run the tests with a mutant; return 0 if all pass, else 1."""
        _apply(self.module, mutant.apply(self.source))
        session.config.option.maxfail = 1
        for item, following in zip(items, [*items[1:], None], strict=True):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if session.testsfailed:
                return 1
        return 0


def fast_survivors(module: Path, files: list[str], chosen: list[Mutant]) -> tuple[list[Mutant], list[Mutant]] | None:
    """Return the mutants that survive, and those that run out of time, in forked processes of one collection.

    Returns:
        None if the tests fail there without a mutant.
    """
    receiver, sender = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(target=_send_survivors, args=(sender, module, files, chosen))
    process.start()
    sender.close()
    try:
        return receiver.recv()
    except EOFError:  # the process ended without an answer
        return None
    finally:
        process.join()


def _send_survivors(sender: Connection, module: Path, files: list[str], chosen: list[Mutant]) -> None:
    """Collect the tests, run them with each mutant, and send the survivors; runs in a process of its own."""
    os.chdir(CHECKOUT)
    torch.set_num_threads(1)
    plugin = _ForkForEachMutant(".".join(module.with_suffix("").parts), chosen)
    arguments = ["-x", "-q", "--benchmark-disable", "-p", "no:cacheprovider", *files, str(module)]
    with open(os.devnull, "w") as out, contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        pytest.main(arguments, plugins=[plugin])
    sender.send((plugin.alive, plugin.timed_out) if plugin.works else None)


def _lines_at_import(source: str) -> set[int]:
    """Return the lines of a module outside of functions, or in decorated ones, which may be compiled or cached."""
    lines = set(range(1, len(source.splitlines()) + 1))
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef) and not node.decorator_list:
            lines -= set(range(node.body[0].lineno, (node.end_lineno or 0) + 1))
    return lines


def survivors_of(
    folder: str, module: Path, tests: list[Path], count: int, seed: int, at: list[int]
) -> tuple[int, int, list[str]]:
    """Count the mutants of a module that are tried and killed, and describe the survivors and those out of time."""
    files = [str(file) for file in (mirrored_test(module), *tests) if Path(folder, file).is_file()]
    arguments = ["-x", "-q", "--benchmark-disable", "-p", "no:cacheprovider", *files, str(module)]
    source = (CHECKOUT / module).read_text(encoding="utf-8")
    lines, left_out = source.splitlines(), equivalent(module)
    chosen = [each for each in mutants(source) if (lines[each.line - 1].strip(), each.text) not in left_out]
    chosen = [each for each in chosen if not at or each.line in at]
    if count and len(chosen) > count:
        chosen = random.Random(seed).sample(chosen, count)
    found = fast_survivors(module, files, chosen)
    if found is not None:
        at_import = _lines_at_import(source)
        again = [mutant for mutant in found[0] if mutant.line in at_import]
        left = [mutant for mutant in found[0] if mutant.line not in at_import]
    elif passes(folder, arguments, 600):
        again, left = chosen, []
    else:
        sys.exit(f"The tests of {module} fail without a mutant:\n{Path(folder, 'log.txt').read_text()[-2000:]}")
    late = found[1] if found else []
    for mutant in again:
        Path(folder, module).write_text(mutant.apply(source), encoding="utf-8")
        passed = passes(folder, arguments, 600)
        left += [mutant] if passed else []
        late += [mutant] if passed is None else []
    Path(folder, module).write_text(source, encoding="utf-8")
    lines = [f"  {module}:{mutant.line}  {mutant.text}" for mutant in sorted(left)]
    lines += [f"  {module}:{mutant.line}  {mutant.text} (out of time, killed)" for mutant in sorted(late)]
    return len(chosen), len(chosen) - len(left), lines


def main() -> None:
    """Run the mutation test on the modules named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", nargs="+", type=Path, help="files of the package")
    parser.add_argument("--tests", nargs="*", type=Path, default=[], help="test files to run besides the mirrored ones")
    parser.add_argument("--count", type=int, default=12, help="mutants of each module, sampled; 0 takes all")
    parser.add_argument("--lines", nargs="*", type=int, default=[], help="take only mutants of these lines")
    parser.add_argument("--seed", type=int, default=0, help="of the sample")
    args = parser.parse_args()
    total = killed = 0
    for module in args.modules:  # the processes that are forked for each module need not import it again
        importlib.import_module(".".join(module.with_suffix("").parts))
    with tempfile.TemporaryDirectory() as folder:
        for name in ("monai_pylon", "tests", "bundles"):
            shutil.copytree(CHECKOUT / name, Path(folder, name), ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("setup.cfg", "pyproject.toml"):
            shutil.copy(CHECKOUT / name, folder)
        for module in (file for file in args.modules if not file.name.startswith("__")):
            tried, dead, lines = survivors_of(folder, module, args.tests, args.count, args.seed, args.lines)
            print(f"{module}: {dead} of {tried} mutants killed", *lines, sep="\n", flush=True)
            total, killed = total + tried, killed + dead
    print(f"{killed} of {total} mutants killed")


if __name__ == "__main__":
    main()
