"""Labels, locations and report sentences of the phantoms' findings."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from monai_pylon.data.phantoms.ct_findings import WHOLE_LUNG, PhantomFinding
from monai_pylon.data.phantoms.radiograph_findings import RadiographFinding
from monai_pylon.taxonomy import CHEST_CT_LABELS

__all__ = ["ct_labels", "ct_report", "radiograph_report"]

_RADIOGRAPH_NORMAL = {
    "Cardiomegaly": "The heart size is normal.",
    "Effusion": "There is no pleural effusion.",
    "Pneumothorax": "There is no pneumothorax.",
}
_CLEAR_LUNGS = "The lungs are clear."


def _radiograph_sentence(finding: RadiographFinding) -> str:
    side = "right" if finding.side > 0 else "left"
    amount = "small" if finding.extent < 0.25 else "moderate" if finding.extent < 0.6 else "large"
    place = f"in the {side} {finding.zone} lung zone"
    return {
        "Cardiomegaly": "The heart is enlarged, consistent with cardiomegaly.",
        "Pneumothorax": f"There is a {amount} {side} apical pneumothorax.",
        "Effusion": f"There is a {amount} {side} pleural effusion.",
        "Atelectasis": f"There is atelectasis {place}.",
        "Pneumonia": f"There is airspace opacity {place}, consistent with pneumonia.",
        "Infiltration": f"There is an ill-defined infiltrate {place}.",
        "Mass": f"There is a mass {place}.",
        "Nodule": f"There is a nodule {place}.",
    }[finding.label]


def radiograph_report(findings: Sequence[RadiographFinding]) -> str:
    """Write the findings section of a radiograph report.

    Args:
        findings: The findings; may be empty.

    Returns:
        One sentence for each finding, then the usual sentences about absent findings.

    Example:
        >>> radiograph_report([RadiographFinding("Mass", -1, "upper", 0.5, (0, 0, 9, 9))]).split(". ")[0]
        'There is a mass in the left upper lung zone'
    """
    names = {finding.label for finding in findings}
    sentences = [_radiograph_sentence(finding) for finding in findings]
    if not names - {"Cardiomegaly"}:
        sentences.append(_CLEAR_LUNGS)
    return " ".join(sentences + [text for name, text in _RADIOGRAPH_NORMAL.items() if name not in names])


#: Labels of Table 5 for each finding.
_CT_LABELS = {
    "nodule": ("lung nodule",),
    "mass": ("lung mass",),
    "effusion": ("pleural effusion", "atelectasis"),
    "collapse": ("atelectasis",),
    "consolidation": ("consolidation",),
    "ild": ("interstitial lung disease", "reticulation", "honeycombing"),
    "pneumothorax": ("pneumothorax",),
}

_CT_NORMAL = {
    "nodule": "No pulmonary nodule or mass.",
    "effusion": "No pleural effusion.",
    "pneumothorax": "No pneumothorax.",
    "heart": "The heart size is normal.",
}


def _diameter(finding: PhantomFinding) -> int:
    return round(2 * max(max(ball.radii) for ball in finding.balls))


def _ct_sentence(finding: PhantomFinding) -> str:
    side = "right" if finding.side > 0 else "left"
    lobe = f"{side} {finding.lobe} lobe"
    amount = "small" if finding.severity < 0.34 else "moderate" if finding.severity < 0.67 else "large"
    return {
        "nodule": lambda: f"There is a nodule of {_diameter(finding)} mm in the {lobe}.",
        "mass": lambda: f"There is a mass in the {lobe}.",
        "effusion": lambda: f"There is a {amount} {side} pleural effusion with adjacent {side} atelectasis.",
        "collapse": lambda: (
            f"There is atelectasis of the {side} lower lobe."
            if finding.severity < WHOLE_LUNG
            else f"There is complete atelectasis of the {side} lung."
        ),
        "consolidation": lambda: f"There is consolidation in the {lobe} with air bronchograms.",
        "ild": lambda: (
            f"There is reticulation and honeycombing at the {side} lung base, "
            f"consistent with interstitial lung disease in the {side} lung."
        ),
        "pneumothorax": lambda: f"There is a {amount} {side} pneumothorax.",
    }[finding.name]()


def ct_report(findings: list[PhantomFinding]) -> str:
    """Write the findings section of a CT report.

    Args:
        findings: The findings; may be empty.

    Returns:
        One sentence for each finding, then the usual sentences about absent findings.

    Example:
        >>> ct_report([PhantomFinding("pneumothorax", -1)]).split(". ")[0]
        'There is a moderate left pneumothorax'
    """
    sentences = [_ct_sentence(finding) for finding in findings]
    names = {finding.name for finding in findings}
    names |= {"nodule"} if "mass" in names else set()
    return " ".join(sentences + [text for name, text in _CT_NORMAL.items() if name not in names])


def ct_labels(findings: list[PhantomFinding]) -> tuple[np.ndarray, np.ndarray]:
    """Return the 80 labels and their locations.

    Args:
        findings: The findings; may be empty.

    Returns:
        uint8 (80,), and bool (80, 3) with the columns right lung, mediastinum, left lung.

    Example:
        >>> labels, locations = ct_labels([PhantomFinding("pneumothorax", -1)])
        >>> locations[labels == 1].tolist()
        [[False, False, True]]
    """
    locations = np.zeros((len(CHEST_CT_LABELS), 3), dtype=bool)
    for finding in findings:
        labels = _CT_LABELS[finding.name]
        if finding.name == "nodule" and _diameter(finding) > 10:
            labels += ("lung nodulegr1cm",)
        for label in labels:
            locations[CHEST_CT_LABELS.index(label), 0 if finding.side > 0 else 2] = True
    return np.asarray(locations.any(axis=1), dtype=np.uint8), locations
