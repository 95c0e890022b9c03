"""Options and settings that the commands ``xray`` and ``ct`` share."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from monai_pylon.networks.checkpoints import read_description
from monai_pylon.utils import check
from monai_pylon.workflows.bundle.folders import bundle_folder
from monai_pylon.workflows.cohort.notice import checkpoint_notice
from monai_pylon.workflows.commands.dicom_options import dicom_settings
from monai_pylon.workflows.commands.run import (
    PathOrWord,
    checkpoint_settings,
    choose_device,
    cohort_options,
    input_or_phantom,
    is_word,
    open_results,
    run_bundle,
)
from monai_pylon.workflows.demo.checkpoints import demo_checkpoint

__all__: list[str] = []

_MODEL = (
    "Checkpoint, such as models/model.pt of a training; the model.json beside it gives network and input. "
    "demo: a small checkpoint of this package, trained on phantoms. Never use it on patients."
)
_RESEARCH = " research: a checkpoint of this package, trained on 1,172 public radiographs. No clinical use."


def _research_checkpoint(bundle: str) -> Path:
    """Return the file of a bundle's research checkpoint."""
    return bundle_folder(bundle) / "models" / "research.pt"


#: Checkpoints in this package: for each name, a function from the bundle's name to the file.
_CHECKPOINTS: dict[str, Callable[[str], Path]] = {"demo": demo_checkpoint, "research": _research_checkpoint}


def model_option(research: bool = False) -> Any:
    """Return the option of the checkpoint; for a bundle with a research checkpoint, this is the default."""
    words, text = (_CHECKPOINTS, _MODEL + _RESEARCH) if research else (("demo",), _MODEL)
    default: dict[str, Any] = {"default": "research", "show_default": True} if research else {"required": True}
    return click.option("--model", metavar="FILE", type=PathOrWord(*words, dir_okay=False), help=text, **default)


def classifier_options(command: Callable[..., int]) -> Callable[..., int]:
    """Add the options of a classifier to a command: those of all cohorts, the findings and the device."""
    options = [
        click.option("--network", metavar="NAME", help="Network of a checkpoint without model.json."),
        click.option("--encoder", metavar="NAME", help="Encoder of a checkpoint without model.json."),
        click.option(
            "--top", default=3, show_default=True, type=click.IntRange(min=1),
            help="Number of findings, the most probable, with a map. More than there are means all.",
        ),
        click.option("--maps/--no-maps", default=True, show_default=True, help="Write the maps as NIfTI files."),
        click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:1."),
    ]  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return cohort_options(command)


def _check_network(bundle: str, given: str | None, model: Path) -> None:
    """Raise if the description of a checkpoint names a network of another command.

    Args:
        bundle: Name of the bundle.
        given: Network that the user names; None takes the description's.
        model: File of the checkpoint.

    Raises:
        ValueError: If the bundle has no network of this name.
    """
    name = read_description(model).get("network", {}).get("name")
    if given is None and name is not None:
        known = json.loads((bundle_folder(bundle) / "configs" / "networks.json").read_text(encoding="utf-8"))[
            "networks"
        ]
        remedy = "xray takes networks for radiographs, ct those for chest CTs."
        check(name in known, "--model", f"a checkpoint of one of the networks {', '.join(known)}", name, remedy)


def run_classifier(bundle: str, make_phantom: Callable[[Path], Path], **options: Any) -> int:
    """Run the inference of a classifier bundle with the options of :func:`classifier_options`.

    Args:
        bundle: Name of the bundle.
        make_phantom: Function from a folder to the file of a phantom, which it writes there.
        options: The parsed options.

    Returns:
        The exit code.
    """
    model = options["model"]
    if is_word(model, *_CHECKPOINTS):
        model = _CHECKPOINTS[str(model)](bundle)
    if notice := checkpoint_notice(model):
        click.secho(notice, err=True, bold=True)
    results = dicom_settings(options["input_"], options)
    settings = {
        "input": input_or_phantom(options["input_"], options["output"], make_phantom),
        "output": options["output"],
        "overlay": options["pictures"],
        "page": options["page"],
        "nifti": options["maps"],
        "top": options["top"],
        "progress": options["progress"],
        "workers": options["workers"],
        "evaluator#table": "quality.csv",
        "device": choose_device(options["device"]),
        **results,
        **checkpoint_settings(model),
    }
    _check_network(bundle, options["network"], model)
    own = ("encoder", "scheduler", "series", "frontal_chest_only")
    given = {name: options.get(name) for name in own} | {"network_name": options["network"]}
    code = run_bundle(bundle, {**settings, **{key: value for key, value in given.items() if value is not None}})
    if options["open_"]:
        open_results(options["output"])
    return code
