"""The research checkpoint of the X-ray bundle: ``python -m tests.experiments.soft_maximum.release RUNS``.

It is PYLON with the soft maximum, trained on folds 0 to 2 of the public radiographs, from the runs of this folder: in
half precision, with the eight findings that have boxes, and with the scale of the encoder's input in its first
convolution, so that it takes the normalized radiographs of the bundle. Its figures are those of fold 3, whose patients
it never saw; the model card also has the same training's figures on the other folds.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from monai_pylon.metrics import PerClassAUROCMetric, PointLocalizationMetric, bootstrap_interval
from monai_pylon.networks.checkpoints import load_checkpoint, read_description, save_checkpoint
from monai_pylon.taxonomy import CHEST_XRAY14_LABELS
from monai_pylon.utils.files import atomic_write, file_hash
from monai_pylon.workflows.bundle import make_network
from monai_pylon.workflows.bundle.folders import bundle_folder
from tests.experiments.pylon_evidence.radiographs import DEVIATION, Radiographs, normalize, real_radiographs
from tests.experiments.soft_maximum.__main__ import key_of
from tests.experiments.soft_maximum.summary import FIXED, baselines
from tests.experiments.soft_maximum.training import ENCODER_DEVIATION, Recipe

BUNDLE = bundle_folder("chest_xray_classification_pylon")
FILE, MODEL_CARD = BUNDLE / "models" / "research.pt", BUNDLE / "docs" / "research_model.md"
NOTICE = "Research model, trained on 1,172 public radiographs. Not for clinical use."
SPEC = {"name": "pylon", "encoder": "efficientnet_lite0"}
FOLD, SEED, SIZE, EPOCHS = 3, 0, 192, 8
#: Findings with boxes; places of the others were never measured, and each has fewer than 60 radiographs.
LABELS = CHEST_XRAY14_LABELS[:8]


def released_state(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the state of a run's network as it is released."""
    stem = next(key for key in state if key.endswith("_conv_stem.weight"))
    state = {**state, stem: state[stem] * (DEVIATION / ENCODER_DEVIATION)}
    state |= {key: state[key][: len(LABELS)] for key in ("head.weight", "head.bias")}
    half = {key: value.half() if value.is_floating_point() else value for key, value in state.items()}
    if not all(bool(value.isfinite().all()) for value in half.values()):
        raise ValueError("A weight is too large for half precision.")
    return half


def released() -> nn.Module:
    """Return the network of the released checkpoint."""
    network = make_network(SPEC, num_classes=len(LABELS))
    load_checkpoint(network, FILE, {**SPEC, "labels": list(LABELS)}, {"image_size": SIZE})
    return network.eval()


def figures(network: Any, held: Radiographs) -> dict[str, Any]:
    """Return point localization and AUROC of each finding on radiographs, and the hits of all instances."""
    points, areas = PointLocalizationMetric(SIZE), PerClassAUROCMetric()
    for first in range(0, len(held.images), 32):
        part = slice(first, first + 32)
        with torch.inference_mode():
            logits, maps, _ = network.explain(normalize(held.images[part], SIZE))
        areas(logits, held.labels[part, : len(LABELS)])
        points(maps, held.boxes[part])
    hits, place, area = points.get_buffer(), points.aggregate(), areas.aggregate()
    counts = (~hits.isnan()).sum(0).tolist()
    rows = {
        label: {
            "instances": counts[k],
            "AUROC": _rounded(area["per_class"][k]),
            "peak": _rounded(place["per_class"][k]),
        }
        for k, label in enumerate(LABELS)
    }
    every = {"instances": sum(counts), "AUROC": _rounded(area["macro"]), "peak": _rounded(place["weighted"])}
    known = hits[~hits.isnan()].tolist()
    return {"labels": {**rows, "all": every}, "hits": "".join("01"[int(hit)] for hit in known)}


def _rounded(value: Any) -> float:
    return round(float(value), 4)


def with_fixed_points(found: dict[str, Any], radiographs: Radiographs, other: list[list[int]]) -> dict[str, Any]:
    """Add the hits of the points that look at no image to the figures of each finding, and other patients' maps."""
    values, facts = baselines(radiographs, FOLD, SIZE, other)
    classes = torch.tensor(facts["classes"])
    for k, label in enumerate([*LABELS, "all"]):
        chosen = (classes == k).numpy() if label != "all" else slice(None)
        for name in (*FIXED, "other_patients"):
            found["labels"][label][name] = _rounded(torch.tensor(values[name][chosen]).nanmean())
    hits = [int(hit) for hit in found["hits"]]
    found["interval"] = [_rounded(x) for x in bootstrap_interval(hits, groups=facts["patients"])]
    gain = bootstrap_interval(hits, values["other_patients"], groups=facts["patients"])
    return {**found, "image_specific_gain": [_rounded(x) for x in gain]}


def table(found: dict[str, Any]) -> str:
    """Write the figures of each finding as a table in Markdown."""
    keys = ("AUROC", "peak", "random_point", "image_center", "class_point")
    lines = [
        "| finding | boxed radiographs | AUROC (chance .5) | peak in a box | random point | center of the image | "
        "one point per class from other boxes |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for label, row in found["labels"].items():
        cells = [f"{row[key]:.2f}".replace("0.", ".", 1) for key in keys]
        lines.append("| " + " | ".join([label, str(row["instances"]), *cells]) + " |")
    return "\n".join(lines)


def write_model_card(folds: list[dict[str, Any]]) -> None:
    """Write the model card from its template and the description beside the checkpoint."""
    found = read_description(FILE)["figures"]
    values = {
        "size": f"{FILE.stat().st_size / 1e6:.1f} MB",
        "hash": file_hash(FILE),
        "table": table(found),
        "peak": _interval(found["interval"]),
        "gain": _interval(found["image_specific_gain"], "+"),
        "folds": ", ".join(f"fold {run['fold']} {run['point']:.3f}".replace("0.", ".") for run in folds),
        "mean": f"{sum(run['point'] for run in folds) / len(folds):.3f}".replace("0.", "."),
    }
    text = Path(__file__).with_name("model_card.md").read_text(encoding="utf-8")
    for key, value in values.items():
        text = text.replace(f"{{{key}}}", value)
    with atomic_write(MODEL_CARD) as part:
        part.write_text(text, encoding="utf-8")


def _interval(values: list[float], sign: str = "") -> str:
    estimate, low, high = (f"{value:{sign}.3f}".replace("0.", ".", 1).replace("-", "−") for value in values)
    return f"{estimate} ({low} to {high})"


def main() -> None:
    """Write the checkpoint, its description and its model card."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", type=Path)
    runs = parser.parse_args().runs
    torch.set_num_threads(1)
    kept = ("fold", "seed", "recipe", "losses", "point", "auroc", "hits", "peaks", "cpu_seconds", "versions")
    recipe = Recipe("pylon", "soft", size=SIZE, epochs=EPOCHS)
    files = [runs / f"{key_of(recipe, fold, SEED)}.json" for fold in range(4)]
    records = [{key: json.loads(file.read_text(encoding="utf-8"))[key] for key in kept} for file in files]
    radiographs = real_radiographs(SIZE)
    held = radiographs.folds == FOLD
    state = torch.load(files[FOLD].with_suffix(".pt"), weights_only=True)
    description = {"network": {**SPEC, "labels": list(LABELS)}, "inputs": {"image_size": SIZE}, "notice": NOTICE}
    save_checkpoint(FILE, released_state(state), description)
    record = records[FOLD]
    training = {**{key: record[key] for key in ("recipe", "losses", "cpu_seconds", "versions")}, "folds": [0, 1, 2]}
    training |= {"seed": SEED, "radiographs": int((~held).sum())}
    found = figures(released(), radiographs.of(held))
    changed = sum(one != other for one, other in zip(found["hits"], record["hits"], strict=True))
    found = {**with_fixed_points(found, radiographs, record["peaks"]), "hits_changed_by_half_precision": changed}
    found["radiographs"] = int(held.sum())
    save_checkpoint(FILE, released_state(state), {**description, "training": training, "figures": found})
    write_model_card(records)
    print(table(found), f"{changed} hits changed", sep="\n\n")


if __name__ == "__main__":
    main()
