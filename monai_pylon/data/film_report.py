"""What a radiologist would write about a radiograph phantom."""

from __future__ import annotations

from collections.abc import Sequence

from monai_pylon.data.film_findings import FilmFinding

__all__ = ["film_report"]

_NORMAL = {
    "Cardiomegaly": "The heart size is normal.",
    "Effusion": "There is no pleural effusion.",
    "Pneumothorax": "There is no pneumothorax.",
}
_CLEAR = "The lungs are clear."


def _sentence(finding: FilmFinding) -> str:
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


def film_report(findings: Sequence[FilmFinding]) -> str:
    """The findings section of a report.

    Args:
        findings: what was painted; may be empty.

    Returns:
        one sentence a finding, then the usual sentences about what is absent.

    Example:
        >>> film_report([FilmFinding("Mass", -1, "upper", 0.5, (0, 0, 9, 9))]).split(". ")[0]
        'There is a mass in the left upper lung zone'
    """
    names = {finding.label for finding in findings}
    sentences = [_sentence(finding) for finding in findings]
    if not names - {"Cardiomegaly"}:
        sentences.append(_CLEAR)
    return " ".join(sentences + [text for name, text in _NORMAL.items() if name not in names])
