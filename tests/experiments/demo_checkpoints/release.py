"""Checkpoints of the demo as files of the package, with their figures and the model card."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import nn

from monai_pylon.networks.checkpoints import load_checkpoint, read_description, save_checkpoint
from monai_pylon.utils.files import atomic_write, file_hash
from monai_pylon.workflows.demo.checkpoints import demo_checkpoint
from tests.experiments.demo_checkpoints import training
from tests.experiments.demo_checkpoints.measures import LABELS, PLACES, Case, radiograph_cases, scan_cases, summary
from tests.experiments.demo_checkpoints.phantoms import (
    CT_HU,
    CT_LABELS,
    CT_SPACING,
    XRAY_LABELS,
    XRAY_SIZE,
    Radiographs,
    Scans,
    radiographs_with_kept_labels,
    scans_with_kept_labels,
)

NOTICE = "Trained on phantoms. Never use on patients."
BUNDLES = {"radiographs": "chest_xray_classification_pylon", "scans": "chest_ct_classification_axialnet"}
FILES = {part: demo_checkpoint(bundle) for part, bundle in BUNDLES.items()}
MODEL_CARD = FILES["scans"].with_name("README.md")
#: Held-out patients whose figures a test computes again.
FIRST = 8
_TRAINED = {"radiographs": XRAY_LABELS, "scans": CT_LABELS}
_MAKE = {"radiographs": training.pylon, "scans": training.axialnet}
_INPUTS: dict[str, dict[str, Any]] = {
    "radiographs": {"image_size": XRAY_SIZE},
    "scans": {"spacing": list(CT_SPACING), "hu_range": list(CT_HU)},
}
_SPECS = {"radiographs": training.XRAY_SPEC, "scans": training.CT_SPEC}


def save_half(part: str, network: nn.Module, description: dict[str, Any]) -> None:
    """Save a trained network in half precision, with its description, without the labels that it lacks."""
    state = {key: value.half() if value.is_floating_point() else value for key, value in network.state_dict().items()}
    kept = [_TRAINED[part].index(label) for label in LABELS[part]]
    state |= {key: state[key][kept] for key in ("head.weight", "head.bias")}
    finite = all(bool(value.isfinite().all()) for value in state.values())
    if not finite:
        raise ValueError(f"{part}: a weight is too large for half precision.")
    spec = {**_SPECS[part], "labels": list(LABELS[part])}
    save_checkpoint(FILES[part], state, {"network": spec, "inputs": _INPUTS[part], "notice": NOTICE, **description})


def shipped(part: str) -> Any:
    """Return the network of the package's checkpoint."""
    network = _MAKE[part](LABELS[part])
    load_checkpoint(network, FILES[part], {**_SPECS[part], "labels": list(LABELS[part])}, _INPUTS[part])
    return network.eval()


def _kept(data: Radiographs | Scans) -> Radiographs | Scans:
    return radiographs_with_kept_labels(data) if isinstance(data, Radiographs) else scans_with_kept_labels(data)


def _cases(part: str, network: Any, data: Any) -> tuple[torch.Tensor, list[Case]]:
    return radiograph_cases(network, data) if part == "radiographs" else scan_cases(network, data)


def figures(part: str, network: Any, data: Radiographs | Scans) -> dict[str, Any]:
    """Return the figures of a network on a section, and those of its first patients alone."""
    data = _kept(data)
    logits, cases = _cases(part, network, data)
    first = [case for case in cases if case.patient < FIRST]
    return {
        **summary(LABELS[part], PLACES[part], logits, data.labels, cases),
        f"first {FIRST}": {
            "logits": [[round(value, 3) for value in row] for row in logits[:FIRST].tolist()],
            "hits": [[case.patient, case.label, *case.hits] for case in first],
        },
    }


def validation_figures(part: str, network: Any, validation: Radiographs | Scans) -> dict[str, Any]:
    """Return the figures of all trained labels on the validation phantoms, which decided which labels to leave out."""
    logits, cases = _cases(part, network, validation)
    return summary(_TRAINED[part], PLACES[part], logits, validation.labels, cases)


def _table(part: str, content: dict[str, Any]) -> str:
    """Write the figures as a table in Markdown."""
    heads, keys = ["label", "findings", "AUROC (chance .5)"], ["findings", "AUROC"]
    for place in PLACES[part]:
        center = "center of the radiograph" if part == "radiographs" else "center of its lung"
        heads += [f"peak {place}", f"random point {place}", f"{center} {place}"]
        keys += [f"{kind} {place}" for kind in ("peak", "random", "center")]
    lines = [heads, ["---"] * len(heads)]
    for name, row in content["labels"].items():
        values = [row[key] for key in keys]
        cells = [f"{value:.2f}".lstrip("0") if isinstance(value, float) else str(value) for value in values]
        lines.append([name, *cells])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _words(row: dict[str, Any], place: str) -> str:
    """Put the figures of a label into words."""
    return (
        f"AUROC {row['AUROC']:.2f}, {row[f'peak {place}']:.2f} of {row['findings']} peaks {place}, random point "
        f"{row[f'random {place}']:.2f}"
    )


def write_card() -> None:
    """Write the model card from its template, with sizes, hashes and tables."""
    text = Path(__file__).with_name("model_card.md").read_text(encoding="utf-8")
    for part, file in FILES.items():
        description = read_description(file)
        weights = torch.load(file, weights_only=True)
        values = {
            "hash": file_hash(file),
            "size": f"{file.stat().st_size / 1e6:.2f} MB",
            "parameters": f"{sum(value.numel() for value in weights.values() if value.is_floating_point()):,}",
            "patients": str(description["figures"]["patients"]),
            "trained": str(description["training"]["patients"]),
            "steps": str(description["training"]["steps"]),
            "seconds": str(description["training"]["cpu_seconds"]),
            "table": _table(part, description["figures"]),
        }
        values["validation"] = str(description["validation"]["patients"])
        values["left"] = (
            "; ".join(
                f"{name} ({_words(description['validation']['labels'][name], PLACES[part][-1])})"
                for name in _TRAINED[part]
                if name not in LABELS[part]
            )
            or "none"
        )
        for key, value in values.items():
            text = text.replace(f"{{{part}.{key}}}", value)
    with atomic_write(MODEL_CARD) as temporary:
        temporary.write_text(text, encoding="utf-8")


def figures_in_description(part: str) -> dict[str, Any]:
    """Return the figures beside the package's checkpoint."""
    return json.loads(FILES[part].with_suffix(".json").read_text(encoding="utf-8"))["figures"]
