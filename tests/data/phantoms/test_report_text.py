"""Tests of the report text: sentences, labels and locations of the phantoms' findings."""

import numpy as np
import pytest

from monai_pylon.data.phantoms.ct_findings import PhantomFinding
from monai_pylon.data.phantoms.radiograph_findings import RadiographFinding
from monai_pylon.data.phantoms.report_text import ct_labels, ct_report, radiograph_report
from monai_pylon.data.phantoms.shapes import Ellipsoid
from monai_pylon.taxonomy import CHEST_CT_LABELS


def nodule(diameter: float, side: int = 1) -> PhantomFinding:
    return PhantomFinding("nodule", side, (Ellipsoid((0, 0, 0), (diameter / 2, 1, 1)),), lobe="upper")


@pytest.mark.parametrize(
    ("severity", "amount"), [(0.33, "small"), (0.34, "moderate"), (0.66, "moderate"), (0.67, "large")]
)
def test_severity_becomes_an_amount(severity, amount):
    report = ct_report([PhantomFinding("pneumothorax", -1, severity=severity)])
    assert report.startswith(f"There is a {amount} left pneumothorax.")


@pytest.mark.parametrize(
    ("extent", "amount"), [(0.24, "small"), (0.25, "moderate"), (0.59, "moderate"), (0.6, "large")]
)
def test_extent_becomes_an_amount(extent, amount):
    report = radiograph_report([RadiographFinding("Effusion", 1, "lower", extent, (0, 0, 1, 1))])
    assert report.startswith(f"There is a {amount} right pleural effusion.")


def test_collapse_is_complete_from_severity_0_9_on():
    reports = [ct_report([PhantomFinding("collapse", -1, severity=s)]).split(".")[0] for s in (0.89, 0.9)]
    assert reports == ["There is atelectasis of the left lower lobe", "There is complete atelectasis of the left lung"]


def test_absent_findings_are_stated():
    assert "No pulmonary nodule or mass." not in ct_report([PhantomFinding("mass", 1)])
    report = radiograph_report([RadiographFinding("Cardiomegaly", 0, "lower", 0.5, (0, 0, 1, 1))])
    assert report == (
        "The heart is enlarged, consistent with cardiomegaly. The lungs are clear. "
        "There is no pleural effusion. There is no pneumothorax."
    )


def test_nodules_above_1_cm_have_a_label_of_their_own():
    large = CHEST_CT_LABELS.index("lung nodulegr1cm")
    assert [int(ct_labels([nodule(d)])[0][large]) for d in (10.0, 11.0)] == [0, 1]
    assert ct_report([nodule(11.0)]).startswith("There is a nodule of 11 mm in the right upper lobe.")


def test_locations_collect_both_sides():
    labels, locations = ct_labels([PhantomFinding("effusion", 1), PhantomFinding("effusion", -1), nodule(5.0, -1)])
    assert labels.sum() == 3
    assert locations[CHEST_CT_LABELS.index("pleural effusion")].tolist() == [True, False, True]
    assert locations[CHEST_CT_LABELS.index("lung nodule")].tolist() == [False, False, True]
    assert not np.any(ct_labels([])[1])
