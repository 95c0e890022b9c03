"""Organs and sides of a finding."""

from __future__ import annotations

from monai_pylon.labeler.anatomy import Place
from monai_pylon.labeler.placing import organs_of
from monai_pylon.labeler.rule_entries import PlaceEntry
from monai_pylon.labeler.rules import default_rules

NO_HEADING = PlaceEntry("", "")


def place(organ: str, side: str = "", second: str = "") -> Place:
    return Place(organ, side, 0, 0, second=second)


def test_organs_and_sides() -> None:
    cases = [
        ("nodule", [], NO_HEADING, (("lung",), (), "implied by the finding")),
        ("nodule", [place("", "left")], NO_HEADING, (("lung",), ("left",), "implied by the finding")),
        ("nodule", [place("lung", "both")], NO_HEADING, (("lung",), ("right", "left"), "named")),
        ("nodule", [place("lung", "both"), place("", "left")], NO_HEADING, (("lung",), ("left",), "named")),
        ("nodule", [place("lung"), place("", "both")], NO_HEADING, (("lung",), ("right", "left"), "named")),
        (
            "nodule",
            [place("", "left"), place("", "right")],
            NO_HEADING,
            (("lung",), ("right", "left"), "implied by the finding"),
        ),
        ("nodule", [place("lung"), place("heart")], NO_HEADING, (("lung", "heart"), (), "named")),
        ("granuloma", [place("mediastinum", "left", "lung")], NO_HEADING, (("lung",), ("left",), "named")),
        ("pneumonia", [place("heart")], NO_HEADING, (("lung",), (), "implied by the finding")),
        ("granuloma", [place("heart")], NO_HEADING, ((), (), "in the heart, where it has no label")),
        ("nodule", [place("elsewhere")], NO_HEADING, ((), (), "elsewhere")),
        ("granuloma", [place("heart"), place("elsewhere")], NO_HEADING, ((), (), "elsewhere")),
        ("nodule", [], PlaceEntry("elsewhere", ""), ((), (), "elsewhere, by the heading")),
        ("nodule", [], PlaceEntry("heart", ""), (("heart",), (), "by the heading")),
        ("granuloma", [], PlaceEntry("heart", ""), (("lung",), (), "implied by the finding")),
        ("nodule", [], PlaceEntry("lung", "left"), (("lung",), ("left",), "by the heading")),
        ("nodule", [place("", "right")], PlaceEntry("lung", "left"), (("lung",), ("right",), "by the heading")),
        ("clip", [], NO_HEADING, ((), (), "no place is named")),
    ]
    for finding, places, heading, expected in cases:
        assert organs_of(default_rules().findings[finding], places, heading) == expected, finding


def test_a_place_elsewhere_drops_an_edema_but_no_pneumonia() -> None:
    findings = default_rules().findings
    assert organs_of(findings["edema"], [place("elsewhere")], NO_HEADING).organs == ()
    assert organs_of(findings["edema"], [place("heart")], NO_HEADING).organs == ("lung",)
    assert organs_of(findings["pneumonia"], [place("elsewhere")], NO_HEADING).organs == ("lung",)
    touched = place("elsewhere")._replace(beside=True)
    assert organs_of(findings["consolidation"], [touched], NO_HEADING).organs == ("lung",)


def test_a_part_of_a_finding_gives_no_side() -> None:
    part = place("lung", "right")._replace(partial=True)
    assert organs_of(default_rules().findings["nodule"], [part], NO_HEADING).sides == ()
