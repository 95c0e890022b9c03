"""Agreement of labels from generated reports with the phantom's labels, for docs/researchers/partition.md.

    python -m tests.experiments.report_figures [patients]

The phantoms are rendered coarsely, because reports and truth come from the anatomy and not from voxels. The reports
have few different sentences: the agreement shows that reports, locations and tables fit together, not how well real
reports are labeled.
"""

from __future__ import annotations

import sys

import numpy as np

from monai_pylon.data import phantom_chest_ct
from monai_pylon.labeler import ReportLabeler
from monai_pylon.labeler.label_table import label_cells
from monai_pylon.taxonomy import CHEST_CT_LABELS

FINDINGS = ("mass", "effusion", "collapse", "consolidation", "ild", "pneumothorax")


def drawn(seed: int) -> tuple[str, np.ndarray]:
    """Return report and locations (80, 3) of a patient with random findings on either side or both."""
    rng = np.random.default_rng(seed)
    findings = {name: str(rng.choice(["right", "left", "both"])) for name in FINDINGS if rng.random() < 0.35}
    nodules, severity = int(rng.integers(0, 4)), float(rng.uniform(0.2, 1.0))
    phantom = phantom_chest_ct(seed, (9, 8, 8), (40.0, 40.0, 40.0), nodules=nodules, severity=severity, **findings)
    return phantom.report, phantom.locations


def main(patients: int) -> None:
    """Print the agreement by location and by report."""
    labeler = ReportLabeler()
    equal, missed, added = 0, np.zeros(80, dtype=int), np.zeros(80, dtype=int)
    cells = found = 0
    for seed in range(patients):
        report, truth = drawn(seed)
        labels = label_cells(labeler.label(report)) == 1
        equal += bool((labels == truth).all())
        missed += (truth & ~labels).sum(axis=1)
        added += (labels & ~truth).sum(axis=1)
        cells, found = cells + int(truth.sum()), found + int((truth & labels).sum())
    print(f"{patients} reports: {equal} with exactly the phantom's labels and locations")
    print(f"{cells} locations with a label: {found} found, {int(added.sum())} added")
    for k, name in enumerate(CHEST_CT_LABELS):
        if missed[k] or added[k]:
            print(f"  {name}: {missed[k]} missed, {added[k]} added")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 300)
