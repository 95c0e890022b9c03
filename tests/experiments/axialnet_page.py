"""Tables and figures of docs/researchers/axialnet_evidence.md: ``python -m tests.experiments.axialnet_page [RUNS]``.

Tables and the figure of slice scores come from axialnet_evidence.json and axialnet_real.json beside the page. With the
output folder of ``axialnet_evidence`` as argument, the script also makes the figures of maps.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure

from monai_pylon.reports.display import window_to_gray
from monai_pylon.reports.heatmap import paint_heatmap
from monai_pylon.utils import upsample
from tests.experiments.axialnet_cohort import CONFOUNDED, LABELS, SEEN, Section
from tests.experiments.axialnet_real import PATIENTS
from tests.experiments.axialnet_runs import PICTURED

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = DOCS / "researchers" / "axialnet_evidence.md"
PLAIN, CONFOUNDED_TEST = "test, plain", "test, confounded"
LONGER = "AxialNet, 50 epochs"
#: Networks whose slice scores are shown.
SHOWN = (LONGER, f"{LONGER}, mask loss")
_BLOCK = re.compile(r"(<!-- table: (.+?) -->\n).*?(<!-- end -->)", re.DOTALL)


def _number(value: float | None, signed: bool = False) -> str:
    if value is None:
        return "–"
    text = f"{value:+.2f}" if signed else f"{value:.2f}"
    return text.replace("-", "−")


def _interval(found: dict[str, Any] | None, signed: bool = False) -> str:
    if found is None:
        return "–"
    low, high = _number(found["low"], signed), _number(found["high"], signed)
    return f"{_number(found['mean'], signed)} ({low} … {high})"


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n" + "".join("| " + " | ".join(line) + " |\n" for line in lines) + "\n"


def table_1(found: dict[str, Any], part: str) -> str:
    """Compare the networks."""
    head = ["network", "seeds", "AUROC", "OrganIoU, Grad-CAM", "OrganIoU, HiResCAM", "HiResCAM less Grad-CAM"]
    rows = []
    for name, parts in found["networks"].items():
        if ", mask loss" in name:
            continue
        numbers = parts[part]
        maps = [_interval(numbers.get(f"OrganIoU {method}")) for method in ("Grad-CAM", "HiResCAM")]
        gain = _interval(numbers.get("OrganIoU HiResCAM less Grad-CAM"), signed=True)
        rows.append([name, str(len(numbers["AUROC"]["seeds"])), _interval(numbers["AUROC"]), *maps, gain])
    return _table(head, rows)


def _with_mask_loss(found: dict[str, Any], base: str) -> list[str]:
    """Return the names of the same training with the mask loss, by weight."""
    return sorted(name for name in found["networks"] if name.startswith(f"{base}, mask loss"))


def table_2(found: dict[str, Any], part: str, base: str = "AxialNet") -> str:
    """Compare a network without the mask loss and with each of its weights."""
    names = _with_mask_loss(found, base)
    rows = []
    for what in ("AUROC", "OrganIoU Grad-CAM", "OrganIoU HiResCAM", "OrganIoU HiResCAM less Grad-CAM", "peak HiResCAM"):
        signed = "less" in what
        rows.append([what, "without", _interval(found["networks"][base][part][what], signed), "", ""])
        for name in names:
            gain = found[f"{name} less {base}"][part].get(what, {"seeds": []})
            seeds = ", ".join(_number(value, signed=True) for value in gain["seeds"])
            value = _interval(found["networks"][name][part][what], signed)
            difference = _interval(gain, signed=True) if seeds else ""
            rows.append(["", name.removeprefix(f"{base}, "), value, difference, seeds])
    return _table(["", "training", "mean", "difference", "of each seed"], rows)


def table_labels(found: dict[str, Any], base: str = "AxialNet") -> str:
    """Compare a network without the mask loss and with each of its weights, label by label."""
    head = ["label", "AUROC plain", "AUROC confounded", "OrganIoU", "peak on the lesion", "score and fat"]
    names = [base, *_with_mask_loss(found, base)]
    rows = []
    for key, label in LABELS.items():
        row = [f"**{label}**" if key in CONFOUNDED else label]
        each = [found["networks"][name] for name in names]
        row += [" → ".join(_number(n[part]["AUROC by label"][key]) for n in each) for part in (PLAIN, CONFOUNDED_TEST)]
        for what in ("OrganIoU", "peak"):
            row.append(" → ".join(_number(n[PLAIN][f"{what} HiResCAM by label"][key]) for n in each))
        fat = [float(np.mean(found[f"fat in the scores of {name}"][key])) for name in names]
        rows.append([*row, " → ".join(_number(value, signed=True) for value in fat)])
    return _table(head, rows)


def table_slices(found: dict[str, Any]) -> str:
    """Show how well slice scores separate slices with and without lesion in the same patient."""
    tables = [found[f"slice scores of {name}"] for name in SHOWN]
    rows = [
        [label, str(tables[0][key]["patients"]), *(_interval(table[key]["AUROC"]) for table in tables)]
        for key, label in LABELS.items()
        if key in tables[0]
    ]
    return _table(["label", "patients", *SHOWN], rows)


def table_real(found: dict[str, Any]) -> str:
    """Show the results on the real scans."""
    rows = []
    for name, numbers in found["networks"].items():
        for method in ("Grad-CAM", "HiResCAM"):
            right = sum(
                (chances[label] > 0.5) == (label in PATIENTS[scan].findings)
                for scan, chances in numbers["probability"].items()
                for label in chances
            )
            row = [name, f"{right} of 18", method, _number(numbers[f"OrganIoU {method}"]["all"])]
            for tumour in numbers[f"drawn tumours, {method}"].values():
                share, cells = tumour["share of the evidence"], tumour["share of the cells"]
                peak = str(tumour["cells from the peak to the tumour"]) if share > 0 else "no evidence"
                row.append(f"{100 * share:.1f} % ({100 * cells:.1f} %), {peak}")
            rows.append(row)
    scans = list(next(iter(found["networks"].values()))["drawn tumours, HiResCAM"])
    return _table(["network", "labels right at 0.5", "map", "OrganIoU", *scans], rows)


def filled(page: str, found: dict[str, Any], real: dict[str, Any]) -> str:
    """Return the page with new tables."""
    tables = {
        "networks, plain": lambda: table_1(found, PLAIN),
        "networks, confounded": lambda: table_1(found, CONFOUNDED_TEST),
        "mask loss, plain": lambda: table_2(found, PLAIN),
        "mask loss, confounded": lambda: table_2(found, CONFOUNDED_TEST),
        "longer, plain": lambda: table_2(found, PLAIN, LONGER),
        "longer, confounded": lambda: table_2(found, CONFOUNDED_TEST, LONGER),
        "labels": lambda: table_labels(found),
        "longer, labels": lambda: table_labels(found, LONGER),
        "slices": lambda: table_slices(found),
        "real": lambda: table_real(real),
    }
    return _BLOCK.sub(lambda hit: hit[1] + tables[hit[2]]() + hit[3], page)


def curves(found: dict[str, Any], names: tuple[str, str] = SHOWN) -> Figure:
    """Draw mean slice scores of two networks around the middle of the lesions (the paper's Figure 13)."""
    figure = Figure(figsize=(11, 5.2), dpi=80, layout="constrained")
    panels = figure.subplots(2, 4, sharex=True).ravel()
    for axes, (key, label) in zip(panels, LABELS.items(), strict=True):
        for name, color in zip(names, ("#0072b2", "#d55e00"), strict=True):
            curve = found[f"slice scores of {name}"].get(key)
            if curve is None:
                continue
            z = (np.arange(len(curve["mean"])) - len(curve["mean"]) // 2) * 11.25
            low, high = (np.array(curve[end], dtype=float) for end in ("low", "high"))
            axes.fill_between(z, low, high, color=color, alpha=0.25, linewidth=0)
            axes.plot(z, np.array(curve["mean"], dtype=float), color=color, label=name)
            axes.plot(
                z,
                np.array(curve["elsewhere"], dtype=float),
                color=color,
                linestyle=":",
                label=f"{name}, patients without",
            )
        axes.set_title(label, fontsize=10)
        axes.axvline(0, color="gray", linewidth=0.6)
    figure.supxlabel("mm above the middle of the lesion", fontsize=10)
    figure.supylabel("slice score", fontsize=10)
    figure.legend(
        *panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=4, fontsize=8, frameon=False
    )
    return figure


def maps(folder: Path) -> Figure:
    """Draw HiResCAM of the first test patients with each finding, from the first longer training of each kind.

    Args:
        folder: Output folder of ``axialnet_evidence``.
    """
    part, chosen = Section(folder / "phantoms", PLAIN, PICTURED), ("effusion", "ild", "consolidation", "nodule")
    figure = Figure(figsize=(12, 6.6), dpi=70, layout="constrained")
    panels = figure.subplots(2, len(chosen))
    for row, mask in zip(panels, ("plain", "mask"), strict=True):
        with np.load(folder / "runs" / f"AxialNet-{mask}-longer-0.npz") as tables:
            found = torch.from_numpy(tables[f"maps/{PLAIN}"].astype(np.float32)).clamp_min(0)
        for axes, key in zip(row, chosen, strict=True):
            m = list(LABELS).index(key)
            n = int(part.labels[:, m].argmax())
            pieces = part.lesions[n, m].sum((0, 1))
            group = int(pieces.argmax())
            relative = found[[n]] / found[n, m].max().clamp_min(1e-12)
            heat = upsample(relative, SEEN, m)[0, ..., 3 * group + 1].numpy().clip(0, 1)
            hu = part.images[n, 0, ..., 3 * group + 1].numpy() * (1800 / 255) - 1000.0
            axes.imshow(paint_heatmap(window_to_gray(hu).T, heat.T))
            for cells, color in ((part.allowed[n, m], "#56b4e9"), (part.lesions[n, m] > 0, "#ffffff")):
                outline = np.kron(cells[..., group].numpy(), np.ones((8, 8)))
                axes.contour(outline.T, levels=[0.5], colors=color, linewidths=1.1)
            axes.set_title(f"{LABELS[key]}, {'without' if mask == 'plain' else 'with'} the mask loss", fontsize=8.5)
            axes.set_axis_off()
    return figure


def _load(name: str) -> dict[str, Any]:
    return json.loads((PAGE.parent / name).read_text(encoding="utf-8"))


def main() -> None:
    """Run the command line."""
    found = _load("axialnet_evidence.json")
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8"), found, _load("axialnet_real.json")), encoding="utf-8")
    curves(found).savefig(DOCS / "images" / "axialnet_slice_scores.png")
    if len(sys.argv) > 1:
        maps(Path(sys.argv[1])).savefig(DOCS / "images" / "axialnet_maps.png")


if __name__ == "__main__":
    main()
