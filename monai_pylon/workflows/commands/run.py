"""Running a bundle from the command line: options, device, errors on one line, and exit codes."""

from __future__ import annotations

import functools
import logging
import os
import sys
import warnings
import webbrowser
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click
import torch

from monai_pylon.networks.checkpoints import read_description
from monai_pylon.utils import check
from monai_pylon.workflows.bundle.errors import Terminated, interrupt_by_sigterm, one_line, wrapped_error
from monai_pylon.workflows.bundle.folders import bundle_folder
from monai_pylon.workflows.bundle.overrides import CheckedWorkflow

__all__: list[str] = []

#: Settings of every command.
CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
#: Exit codes: all done, some inputs failed, wrong usage, ended by Ctrl-C, ended by SIGTERM.
DONE, SOME_FAILED, WRONG_USAGE, INTERRUPTED, TERMINATED = 0, 1, 2, 130, 143
#: Input that stands for a phantom.
PHANTOM = "phantom"
_LOGGER = logging.getLogger("monai_pylon")


def one_line_errors(command: Callable[..., int]) -> Callable[..., int]:
    """Add the option ``--debug`` to a command, and end it with one line for an error and with its exit code.

    Args:
        command: Function of the parsed options that returns the exit code.

    Returns:
        The function with the option. A ValueError or TypeError ends with code 2, another error with 1.

    Example:
        >>> one_line_errors(lambda: 0).__name__
        '<lambda>'
    """

    @click.option("--debug", is_flag=True, help="Show the traceback of an error.")
    @functools.wraps(command)
    def run(debug: bool, **options: Any) -> int:
        _quiet(debug)
        try:
            with interrupt_by_sigterm():
                return command(**options)
        except Terminated:
            click.echo("Terminated. The same command continues where this one stopped.", err=True)
            return TERMINATED
        except KeyboardInterrupt:
            click.echo("Interrupted. The same command continues where this one stopped.", err=True)
            return INTERRUPTED
        except click.ClickException:
            raise
        except Exception as error:
            if debug:
                raise
            cause = wrapped_error(error)
            click.echo(f"monai-pylon: error: {one_line(cause)}", err=True)
            return WRONG_USAGE if isinstance(cause, ValueError | TypeError) else SOME_FAILED

    return run


def _quiet(debug: bool) -> None:
    """Print messages of this package only; MONAI's repeated warnings are for its developers."""
    logging.basicConfig(level=logging.INFO if debug else logging.WARNING, format="%(message)s", stream=sys.stderr)
    _LOGGER.setLevel(logging.DEBUG if debug else logging.INFO)
    if not debug:
        logging.getLogger("monai.bundle.workflows").setLevel(logging.ERROR)
        warnings.simplefilter("ignore")


def is_word(value: str | Path, *words: str) -> bool:
    """Return whether a value is a word with a meaning of its own. A file or folder with this name has precedence."""
    return str(value) in words and not os.path.exists(value)


class PathOrWord(click.Path):
    """Path that exists, or a word with a meaning of its own, such as "phantom"."""

    def __init__(self, *words: str, **options: Any) -> None:
        super().__init__(exists=True, path_type=Path, **options)
        self.words = words

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path."""
        return Path(value) if is_word(value, *self.words) else super().convert(value, param, ctx)


class OutputPath(click.Path):
    """Path of results that are written later: the first folder above it that exists must be one that can be written."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path."""
        path = Path(os.fsdecode(super().convert(value, param, ctx))).expanduser()
        above = next((folder for folder in (path, *path.absolute().parents) if folder.exists()), Path("/"))
        writable = os.access(above, os.W_OK) and (above.is_dir() or above == path)
        if not writable:
            self.fail(f"{str(path)!r} must be a place where results can be written, but {str(above)!r} is not.")
        return path


def not_empty(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Refuse an option that is given without a text."""
    if value is not None and not value.strip():
        raise click.BadParameter(f"must be a text, but is {value!r}. Leave the option out.")
    return value


def output_file_option(meaning: str) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Return the option of a command that writes one file."""
    kind = OutputPath(dir_okay=False, path_type=Path)
    return click.option("--output", "-o", required=True, metavar="FILE", type=kind, help=meaning)


def input_or_phantom(input_: Path, output: Path, make: Callable[[Path], Path]) -> Path:
    """Return an input, or the phantom that takes its place.

    Args:
        input_: The argument INPUT. A file or folder with the name "phantom" has precedence over a phantom.
        output: Folder for the results.
        make: Function from a folder to the phantom's file, which it writes there.

    Returns:
        The path of the input.

    Example:
        >>> input_or_phantom(Path("scan.nii.gz"), Path("results"), lambda folder: folder).name
        'scan.nii.gz'
    """
    return make(output / PHANTOM) if is_word(input_, PHANTOM) else input_


def cohort_options(command: Callable[..., int]) -> Callable[..., int]:
    """Add the argument INPUT and the options that all commands over scans or radiographs share."""
    options = [
        click.argument("input_", metavar="INPUT", type=PathOrWord(PHANTOM)),
        click.option(
            "--output", "-o", required=True, metavar="DIR", type=OutputPath(file_okay=False, path_type=Path),
            help="Folder for the results; made if it does not exist.",
        ),
        click.option("--pictures/--no-pictures", default=True, show_default=True, help="Write a PNG of each case."),
        click.option("--page/--no-page", default=False, help="Also write a reading page, an HTML file, of each case."),
        click.option("--progress/--no-progress", default=True, show_default=True, help="Show a progress bar."),
        click.option("--dicom", is_flag=True, help="Write the results as DICOM too, into the study of a DICOM source."),
        click.option("--deidentify", is_flag=True, help="Write DICOM results without names, numbers and dates."),
        click.option(
            "--names", is_flag=True, help="Show the case's name, that of its file or folder, in pages and pictures."
        ),
        click.option(
            "--burned-in-text", is_flag=True, help="Draw images too whose pixels may name the patient (DICOM)."
        ),
        click.option(
            "--workers", default=1, show_default=True, metavar="N", type=click.IntRange(min=1),
            help="Processes of this computer, each with one case at a time and one thread.",
        ),
        click.option(
            "--scheduler", metavar="ADDRESS", callback=not_empty, help="Dask scheduler whose workers process the cases."
        ),
        click.option("--open", "open_", is_flag=True, help="Open the reading page, or the folder, when done."),
    ]  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


def series_option(command: Callable[..., int]) -> Callable[..., int]:
    """Add the option that chooses a DICOM series."""
    text = "Only this series of DICOM folders: its SeriesInstanceUID or SeriesNumber."
    return click.option("--series", metavar="UID", callback=not_empty, help=text)(command)


def choose_device(name: str) -> torch.device:
    """Choose the device to compute on and say which it is.

    Args:
        name: "auto" for a CUDA device if there is one, else the CPU; or a name such as "cpu" or "cuda:1".

    Returns:
        The device.

    Raises:
        ValueError: If there is no such device.

    Example:
        >>> choose_device("cpu")
        device(type='cpu')
    """
    cuda = torch.cuda.is_available()
    found = f"{torch.cuda.device_count()} CUDA device(s)" if cuda else "no CUDA device"
    try:
        device = torch.device(("cuda" if cuda else "cpu") if name == "auto" else name)
    except RuntimeError as error:
        raise ValueError(f"device must be auto, cpu, or a device such as cuda:1, but is {name!r}.") from error
    known = device.type == "cpu" or (device.type == "cuda" and (device.index or 0) < torch.cuda.device_count())
    known = known or (device.type == "mps" and torch.backends.mps.is_available())
    check(known, "device", f"one that this computer has ({found} and a CPU)", name, "Use --device cpu.")
    text = torch.cuda.get_device_name(device) if device.type == "cuda" else f"CPU, {torch.get_num_threads()} threads"
    _LOGGER.info("Device: %s (%s found)", text if device.type in ("cpu", "cuda") else device, found)
    return device


def checkpoint_settings(model: Path) -> dict[str, Any]:
    """Return the bundle's settings that fit a checkpoint, from the description beside it.

    Args:
        model: File with the weights, such as ``model.pt``; the description is ``model.json``.

    Returns:
        Settings by key: "checkpoint", "network_name", "encoder", "network_settings", and how images are made.

    Example:
        >>> checkpoint_settings(Path("model.pt"))
        {'checkpoint': 'model.pt'}
    """
    description = read_description(model)
    network = dict(description.get("network", {}))
    settings: dict[str, Any] = {"checkpoint": str(model), **description.get("inputs", {})}
    for entry in ("name", "encoder", "image_size", "labels"):
        if entry in network:
            settings["network_name" if entry == "name" else entry] = network.pop(entry)
    if network:
        settings["network_settings"] = network
    return settings


def run_bundle(name: str, settings: Mapping[str, Any], config: str = "inference.json") -> int:
    """Run a configuration of an installed bundle over a cohort.

    Args:
        name: Name of the bundle.
        settings: Overrides of the configuration.
        config: File name of the configuration.

    Returns:
        The exit code: 0 if all inputs are done, 1 if some failed.

    Example:
        >>> run_bundle("chest_ct_partition", {"imput": "scan.nii.gz"})
        Traceback (most recent call last):
        ...
        ValueError: override must be a key of the configuration, but is 'imput'. Did you mean 'input' instead of ...
    """
    file = bundle_folder(name) / "configs" / config
    overrides = {key: str(value) if isinstance(value, os.PathLike) else value for key, value in settings.items()}
    workflow = CheckedWorkflow(str(file), workflow_type="infer", logging_file=False, **overrides)
    workflow.initialize()
    workflow.run()
    runner = workflow.parser.get_parsed_content("evaluator")
    failed = runner.summary.failed if runner.summary is not None else 0
    if failed:
        click.echo(f"{failed} failed. The column `error` of {runner.table} says why.", err=True)
    return SOME_FAILED if failed else DONE


def open_results(output: Path) -> None:
    """Open a folder of results, or its reading page if there is only one, in the file manager or browser."""
    pages = sorted(output.glob("*/*_page.html")) if output.is_dir() else []
    output = pages[0] if len(pages) == 1 else output
    if not webbrowser.open(output.resolve().as_uri()):
        click.echo(f"There is no display. The results are in {output}.", err=True)
