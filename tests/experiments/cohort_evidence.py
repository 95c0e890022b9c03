"""Evidence of a cohort in miniature (HiResCAM paper, Figures 9, 11, 13 and 14): ``python -m tests.experiments.cohort_evidence``.

Two networks are evaluated on the same phantoms by the bundle's evaluation: the demo's AxialNet, and the same encoder with
a head that was fitted to the labels of a few scans alone, by least squares. The second one makes errors. The page
``evidence.html`` in the folder of each evaluation shows them; the second one also has both models side by side.
"""  # noqa: E501

from __future__ import annotations

import argparse
import json
import platform
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from monai_pylon.utils import read_rows
from monai_pylon.workflows.bundle import make_network
from monai_pylon.workflows.chest_ct import chest_ct_data, scan_transforms
from monai_pylon.workflows.demo.checkpoints import demo_checkpoint, demo_description
from tests.workflows.bundle_runs import BundleRuns

NAME = "chest_ct_classification_axialnet"
RESULT = Path(__file__).resolve().parents[2] / "docs" / "researchers" / "results" / "cohort_evidence.json"
METRICS = ("auroc", "organ_iou_hirescam", "sensitivity", "specificity")


def fit_head(network: nn.Module, scans: Tensor, labels: Tensor, ridge: float = 1e-2) -> None:
    """Fit the head of AxialNet to labels (N, M) of scans (N, 1, X, Y, Z) by least squares on -2 and 2, in place.

    With the mean over slice groups, the scores are linear in the mean of the features.
    """
    net: Any = network.eval()
    with torch.no_grad():
        found = torch.cat([net.reduced(net.features(scan[None])).mean(1).flatten(1) for scan in scans])
        middle = found.mean(0)
        centered = found - middle
        kernel = centered @ centered.T
        kernel += ridge * kernel.diagonal().mean() * torch.eye(len(found))
        target = 4 * labels - 2
        weight = (centered.T @ torch.linalg.solve(kernel, target - target.mean(0))).T
        net.head.weight.copy_(weight.view_as(net.head.weight))
        net.head.bias.copy_(target.mean(0) - weight @ middle)


def labels_only(spec: dict[str, Any], inputs: dict[str, Any], count: int, file: Path) -> None:
    """Save the demo's network with a head fitted to the labels of `count` phantoms."""
    options = {key: value for key, value in spec.items() if key != "labels"}
    network = make_network(options, bundle=NAME, num_classes=len(spec["labels"]))
    network.load_state_dict(torch.load(demo_checkpoint(NAME), weights_only=True))
    data = chest_ct_data("phantom", "training", spec["labels"], phantoms=count, spacing=inputs["spacing"])
    transform = scan_transforms(spec["image_size"], inputs["spacing"], inputs["hu_range"])
    items = [transform(data[k]) for k in range(count)]
    scans = torch.stack([torch.as_tensor(item["image"]).float() for item in items])
    fit_head(network, scans, torch.stack([torch.as_tensor(item["label"]) for item in items]))
    torch.save(network.state_dict(), file)


def summary(folder: Path) -> dict[str, Any]:
    """Return the figures of an evaluation that the documentation shows."""
    report = json.loads((folder / "evaluation.json").read_text(encoding="utf-8"))
    found = report["metrics"]
    kept = [name for name in found if name in METRICS or name.startswith("exposed")]
    return {"scans": report["scans"], **{name: found[name]["weighted"] for name in kept}}


def main() -> None:
    """Run both evaluations and write the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("cohort_evidence"), help="folder for both evaluations")
    parser.add_argument("--fitted", type=int, default=24, help="phantoms to whose labels the second head is fitted")
    parser.add_argument("--phantoms", type=int, default=128, help="a quarter of them is evaluated")
    parser.add_argument("--output", type=Path, default=RESULT)
    args = parser.parse_args()
    torch.set_num_threads(1)
    description = demo_description(NAME)
    spec, inputs = description["network"], description["inputs"]
    args.folder.mkdir(parents=True, exist_ok=True)
    second = args.folder / "labels_only.pt"
    labels_only(spec, inputs, args.fitted, second)
    settings = {key: value for key, value in spec.items() if key not in ("name", "encoder", "image_size", "labels")}
    given: dict[str, Any] = {
        **{"network_settings": settings, "encoder": spec["encoder"], "image_size": spec["image_size"]},
        **{"labels": spec["labels"], "spacing": inputs["spacing"], "phantoms": args.phantoms, "num_workers": 0},
        **{"progress": False, "cache_dir": str(args.folder / "cache"), "examples": 4},
    }
    bundle = BundleRuns(NAME, **given)
    for name, checkpoint, more in (
        ("demo", demo_checkpoint(NAME), {}),
        ("labels_only", second, {"against": str(args.folder / "demo")}),
    ):
        place = {"bundle_root": str(args.folder / f"{name}_root"), "output": str(args.folder / name)}
        bundle.run("evaluate", checkpoint=str(checkpoint), **place, **more)
    result = {
        "command": "python -m tests.experiments.cohort_evidence",
        "settings": {"fitted": args.fitted, "phantoms": args.phantoms},
        "versions": {"torch": torch.__version__, "python": platform.python_version()},
        "models": {name: summary(args.folder / name) for name in ("demo", "labels_only")},
        "first_errors": read_rows(args.folder / "labels_only" / "errors.csv")[:10],
    }
    args.output.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
