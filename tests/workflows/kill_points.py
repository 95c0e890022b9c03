"""Trainings that kill themselves with SIGKILL at a chosen moment of their second epoch.

``python -m tests.workflows.kill_points MOMENT RANK run --config_file FILE ...`` runs a bundle as
``python -m monai.bundle`` does. ``python -m tests.workflows.kill_points JOBS.json`` runs several, each in a copy of
this process, which saves the imports. RANK is the process that dies; "all" kills the program that started them,
and all of them.
"""

from __future__ import annotations

import json
import os
import runpy
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import monai.bundle
import psutil
import torch
from monai.engines import SupervisedEvaluator, SupervisedTrainer

import monai_pylon.workflows.bundle
import monai_pylon.workflows.chest_ct
import monai_pylon.workflows.radiographs  # noqa: F401  (before processes are copied)
from monai_pylon.handlers import TrainingCheckpoints

#: Moments: after the last batch, in the validation, after the row of the history, while the best weights are written,
#: between them and their description, while the last state is written, and after that.
MOMENTS = ("batch", "validation", "history", "best half", "best", "last half", "last")
_FILES = {"history": "history.csv", "best": "model.pt", "last": "last.pt"}


def _die(everyone: bool) -> None:
    if everyone:
        starter = psutil.Process(os.getppid())
        for process in (starter, *starter.children(recursive=True)):
            if process.pid != os.getpid():
                process.kill()
    os.kill(os.getpid(), signal.SIGKILL)


def _patched(owner: Any, name: str, is_due: Callable[..., bool], then: Callable[..., None]) -> None:
    """Call something after a function if it is due."""
    original = getattr(owner, name)

    def call(*arguments: Any, **named: Any) -> Any:
        result = original(*arguments, **named)
        if is_due(*arguments):
            then(*arguments)
        return result

    setattr(owner, name, call)


def _second(ending: str, position: int) -> Callable[..., bool]:
    """Return a function that is true at the second call whose argument at a position has this ending."""
    seen: list[str] = []

    def is_due(*arguments: Any) -> bool:
        if str(arguments[position]).endswith(ending):
            seen.append(ending)
            return len(seen) == 2
        return False

    return is_due


def arm(moment: str, rank: str) -> None:
    """Let this process kill itself at a moment, if it has this rank; "never" changes nothing."""
    everyone = rank == "all"
    if moment == "never" or (not everyone and os.environ.get("RANK", "0") != rank):
        return

    def die(*_: Any) -> None:
        _die(everyone)

    def die_with_half(content: Any, file: Any) -> None:
        os.truncate(file, os.path.getsize(file) // 2)
        die()

    def in_second_epoch(engine: Any, *_: Any) -> bool:
        return engine.state.epoch == 2

    def after_last_batch(engine: Any, *_: Any) -> bool:
        return engine.state.epoch == 2 and engine.state.iteration % engine.state.epoch_length == 0

    if moment == "batch":
        _patched(SupervisedTrainer, "_iteration", after_last_batch, die)
    elif moment == "validation":
        _patched(SupervisedEvaluator, "_iteration", in_second_epoch, die)
    elif moment.endswith(" half"):
        _patched(torch, "save", _second(_FILES[moment.removesuffix(" half")], 1), die_with_half)
    else:
        _patched(os, "replace", _second(_FILES[moment], 1), die)


def _let_each_epoch_be_the_best() -> None:
    """Let the best weights be written after each epoch, whatever the validation finds."""
    save = TrainingCheckpoints.save

    def save_as_best(self: TrainingCheckpoints, engine: Any) -> None:
        self.validator.state.metrics[self.metric] = float(self.sign * engine.state.epoch)
        save(self, engine)

    TrainingCheckpoints.save = save_as_best  # type: ignore[method-assign]


def run_bundle(moment: str, rank: str, arguments: list[str]) -> None:
    """Run a bundle as its command line does."""
    _let_each_epoch_be_the_best()
    arm(moment, rank)
    sys.argv = [monai.bundle.__file__, *arguments]
    runpy.run_module("monai.bundle", run_name="__main__", alter_sys=True)


def _run_copy(moment: str, log: Path, arguments: list[str]) -> int:
    """Run a bundle in a copy of this process, and return how it ended: its exit code, or minus a signal."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    code = 1
    try:
        with log.open("w") as shown:
            os.dup2(shown.fileno(), 1)
            os.dup2(shown.fileno(), 2)
        run_bundle(moment, "0", arguments)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(bool(end.code))
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def main(given: list[str]) -> None:
    """Run one bundle, or those of a file."""
    if len(given) > 1:
        run_bundle(given[0], given[1], given[2:])
        return
    jobs = json.loads(Path(given[0]).read_text())
    codes = [_run_copy(moment, Path(log), arguments) for moment, log, arguments in jobs]
    Path(given[0]).with_suffix(".codes").write_text(json.dumps(codes))


if __name__ == "__main__":
    main(sys.argv[1:])
