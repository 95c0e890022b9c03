"""Words of the demo about its results."""

from __future__ import annotations

import numpy as np
import pytest

from monai_pylon.workflows.demo.checkpoints import DEMO_CHECKPOINTS, demo_description
from monai_pylon.workflows.demo.results import (
    audit_of_demo,
    dice_by_organ,
    figures_sentence,
    finding_rows,
    place_of_peak,
)


def test_dice_by_organ() -> None:
    found, truth = np.array([[[1, 1, 1, 3, 0]]]), np.array([[[1, 0, 0, 3, 3]]])
    dice = dice_by_organ(found, truth)
    assert dice["right lung"] == 0.5
    assert np.isnan(dice["mediastinum"])
    assert dice["left lung"] == pytest.approx(2 / 3)
    with pytest.raises(ValueError, match="found must be of the truth's shape"):
        dice_by_organ(found, truth[..., :3])


def test_the_distance_of_a_peak_is_in_millimeters_along_each_axis() -> None:
    lesion = np.zeros((5, 5, 5), dtype=bool)
    lesion[1, 1, 1] = True
    assert place_of_peak(lesion, (1, 1, 1), (2, 3, 10), "mm") == "on the finding"
    assert place_of_peak(lesion, (1, 1, 3), (2, 3, 10), "mm") == "20 mm beside the finding"
    assert place_of_peak(lesion, (3, 2, 1), (2, 3, 10), "mm") == "5 mm beside the finding"


def test_rows_are_sorted_and_name_the_place_of_true_findings_only() -> None:
    lesion = np.zeros((4, 4), dtype=bool)
    lesion[2, 0] = True
    row = {"A": "0.2", "B": "0.7", "C": "0.1", "top": "B; A", "peaks": "3 3; 2 0"}
    rows = finding_rows(row, ["A", "B", "C"], "top", {"A": lesion, "C": lesion}, (1, 1), "pixels")
    assert [found["finding"] for found in rows] == ["B", "A", "C"]
    assert [found["true"] for found in rows] == ["no", "yes", "yes"]
    assert [found["strongest evidence"] for found in rows] == ["", "on the finding", ""], "C has no map"


@pytest.mark.parametrize("bundle", DEMO_CHECKPOINTS)
def test_the_audit_guarantees_the_maps(bundle: str) -> None:
    assert audit_of_demo(bundle)[0].startswith("Yes, as to what the network used: ")


@pytest.mark.parametrize("bundle", DEMO_CHECKPOINTS)
def test_the_sentence_has_the_figures_of_the_card_and_the_baselines(bundle: str) -> None:
    figures = demo_description(bundle)["figures"]
    text = figures_sentence(bundle)
    assert f"{figures['patients']} other phantoms" in text
    assert f"{figures['labels']['all']['AUROC']:.2f}; chance is 0.50" in text
