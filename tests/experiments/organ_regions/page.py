"""Results and tables of docs/researchers/organ_pooling.md: ``python -m tests.experiments.organ_regions.page OUTPUT``.

It summarizes the finished runs of an output folder in docs/researchers/results/organ_regions.json, in the place of
earlier ones of the same cohort, and fills the tables of the page from that file. Without OUTPUT only the tables are
written.
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import Any

from tests.experiments.axialnet_cohort import LABELS
from tests.experiments.axialnet_evidence import write_json
from tests.experiments.organ_regions.judging import LOSSES
from tests.experiments.organ_regions.patients import COHORTS
from tests.experiments.organ_regions.summary import cohort_summary

RESEARCHERS = Path(__file__).resolve().parents[3] / "docs" / "researchers"
PAGE, RESULTS = RESEARCHERS / "organ_pooling.md", RESEARCHERS / "results" / "organ_regions.json"
Found = dict[str, Any]
FAT = "fat, confounded labels"
#: Variants of the table of labels.
SHOWN = ("AxialNet", "mask loss", "pooling, masked input", "pooling, masked input, whole cells, mask loss x 10")


def value(found: Found | None, signed: bool = False) -> str:
    """Write a mean with its interval, or, without an interval, with each seed's value."""
    if found is None:
        return "–"
    sign = "+" if signed else ""
    mean = f"{found['mean']:{sign}.2f}"
    if "low" in found:
        return f"{mean} ({found['low']:{sign}.2f} … {found['high']:{sign}.2f})".replace("-", "−")
    return f"{mean} ({', '.join(f'{each:.2f}' for each in found['seeds'])})".replace("-", "−")


def table(head: list[str], rows: list[list[str]]) -> str:
    """Write a table."""
    return "".join("| " + " | ".join(line) + " |\n" for line in (head, ["---"] * len(head), *rows))


def figures(cohort: Found, names: list[str], keys: dict[str, str]) -> str:
    """Write the figures of some variants, the titles of columns by their keys."""
    rows = [
        [name, str(len(own["seeds"])), *(value(own.get(key)) for key in keys)]
        for name in names
        if (own := cohort["variants"].get(name))
    ]
    return table(["network", "seeds", *keys.values()], rows)


def differences(cohort: Found, keys: dict[str, str], start: str) -> str:
    """Write the paired differences of the variants whose names start with a text."""
    rows = [
        [name, *(value(own.get(key), signed=True) for key in keys)]
        for name, own in cohort["differences"].items()
        if name.startswith(start)
    ]
    return table(["difference", *keys.values()], rows)


def losses(cohort: Found, names: list[str]) -> str:
    """Write how OrganIoU is lost: shares that sum to 1, as means over seeds."""
    rows = []
    for name in names:
        if own := cohort["variants"].get(name):
            lost = [own["lost"][key] for key in LOSSES]
            rows.append([name, *(f"{each:.2f}" for each in (1 - sum(lost), *lost))])
    return table(["network", "inside", *LOSSES], rows)


def baselines(cohort: Found) -> str:
    """Write the OrganIoU of maps without a network."""
    rows = [
        [name, f"{own['OrganIoU']:.2f}", ", ".join(f"{own['by label'][key]:.2f}" for key in LABELS)]
        for name, own in cohort["baselines"].items()
        if isinstance(own, dict)
    ]
    return table(["map", "OrganIoU", ", ".join(LABELS.values())], rows)


def by_patients(found: Found, keys: dict[str, str]) -> str:
    """Write the figures of the variant of all cohorts by the number of patients for training."""
    rows = [
        [str(COHORTS[cohort]["training"]), str(len(own["seeds"])), *(value(own.get(key)) for key in keys)]
        for cohort, part in found.items()
        if (own := part["variants"].get(SHOWN[-1]))
    ]
    return table(["patients for training", "seeds", *keys.values()], rows)


def labels(cohort: Found) -> str:
    """Write each label's figures: a value for each of the variants shown."""
    known = [own for name in SHOWN if (own := cohort["variants"].get(name))]
    keys = {"AUROC by label": "AUROC", "OrganIoU by label": "OrganIoU", "fat by label": "score and fat"}
    rows = []
    for short, label in LABELS.items():
        cells = [" → ".join(f"{own[key][short]:.2f}" for own in known).replace("-", "−") for key in keys]
        rows.append([label, *cells])
    return table(["label", *keys.values()], rows)


def tables(found: Found) -> dict[str, str]:
    """Return every table of the page by its name."""
    even = {"AUROC": "AUROC", "OrganIoU, even": "OrganIoU", "peak": "peak near a lesion"}
    fat = {FAT: "absolute correlation of score and fat, nodule and mass"}
    both = {"OrganIoU, even": "OrganIoU, even stretch", "OrganIoU, true": "OrganIoU, true positions"}
    own = {"OrganIoU, even": "OrganIoU, nearest", "OrganIoU, own": "OrganIoU, its own region"}
    written = {"patients": by_patients(found, even | fat)}
    for cohort, part in found.items():
        names = list(part["variants"])
        small = [name for name in names if name.startswith("6 x 6")]
        six = [name for name in names if name.startswith("mask loss,")]
        pooling = [name for name in names if name not in (*small, *six)]
        written |= {
            f"pooling, {cohort}": figures(part, pooling, even | fat),
            f"lost, {cohort}": losses(part, pooling),
            f"baselines, {cohort}": baselines(part),
            f"labels, {cohort}": labels(part),
            f"table 6, {cohort}": figures(part, ["mask loss", *six], {"AUROC": "AUROC"} | own)
            + "\n"
            + differences(part, {"AUROC": "AUROC", "OrganIoU, even": "OrganIoU, nearest"}, "mask loss,"),
            f"positions, {cohort}": figures(part, small, {"AUROC": "AUROC"} | both | {"peak": "peak near a lesion"})
            + "\n"
            + differences(part, {"AUROC": "AUROC"} | both | {"peak": "peak near a lesion"}, "6 x 6"),
            f"differences, {cohort}": differences(part, even, "pooling"),
        }
    return written


def filled(page: str, found: Found) -> str:
    """Return the page with the tables that it names."""
    written = tables(found)
    pattern = r"(<!-- table: (.+?) -->\n).*?(<!-- end -->)"
    return re.sub(pattern, lambda match: f"{match[1]}\n{written[match[2]]}\n{match[3]}", page, flags=re.S)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output", type=Path, nargs="?")
    args = parser.parse_args()
    if args.output:
        finished = [cohort for cohort in COHORTS if any((args.output / "runs" / cohort).glob("*.json"))]
        earlier = json.loads(RESULTS.read_text(encoding="utf-8"))
        known = earlier | {cohort: cohort_summary(args.output, cohort) for cohort in finished}
        write_json(RESULTS, {cohort: known[cohort] for cohort in COHORTS if cohort in known})
    found = json.loads(RESULTS.read_text(encoding="utf-8"))
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8"), found), encoding="utf-8")


if __name__ == "__main__":
    main()
