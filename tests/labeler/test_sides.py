"""Sides of lung findings that name none, and what a size derives."""

from __future__ import annotations

import pytest

from monai_pylon.labeler import ReportLabeler
from monai_pylon.labeler.candidates import find_candidates
from monai_pylon.labeler.rules import default_rules
from monai_pylon.labeler.sides import resolve_sides
from tests.labeler.sentences import labels_and_locations

R, L = "right lung", "left lung"
LABELER = ReportLabeler()


@pytest.mark.parametrize(
    ("text", "label", "where"),
    [
        ("Diffuse emphysema, worst in the right upper lobe.", "emphysema", {R, L}),
        ("Diffuse emphysema. Emphysema is worst in the right upper lobe.", "emphysema", {R, L}),
        ("Extensive consolidation. Dense left consolidation.", "consolidation", {R, L}),
        ("Diffuse left lung opacities.", "lung opacity", {L}),
        ("Scattered nodules throughout. The largest nodule is in the right lung.", "lung nodule", {R, L}),
        ("Bilateral but right predominant ground glass.", "groundglass", {R, L}),
        # operations
        ("Left lobectomy. Nodule at the resection site.", "lung nodule", {L}),
        ("Nodule at the resection site. Right lung nodule.", "lung nodule", {R, L}),
        # references
        ("Cavity in the right lung. It contains a nodule.", "lung nodule", {R}),
        ("Right effusion. Adjacent atelectasis.", "atelectasis", {R}),
        ("Right effusion. The heart is normal. There is atelectasis.", "atelectasis", {R, L}),
        ("Resolution of the right consolidation with scarring there.", "lung scarring", {R}),
        ("Right nodule. There is scarring.", "lung scarring", {R, L}),
        ("HISTORY: Right lung mass. FINDINGS: Adjacent atelectasis.", "atelectasis", {R, L}),
        # statements that leave out their finding
        ("Right effusion no longer seen; left persists.", "pleural effusion", {L}),
        ("None of the nodules has grown; all are in the right lung.", "lung nodule", {R}),
        ("Consolidation in the right lung, left lung is clear.", "consolidation", {R}),
        # another sentence of the report
        ("Left nodule. IMPRESSION: Nodule.", "lung nodule", {L}),
        # features
        ("Emphysema, atelectasis at the left base.", "emphysema", {R, L}),
        ("Left effusion and a right rind.", "pleural effusion", {L}),
    ],
)
def test_sides(text: str, label: str, where: set[str]) -> None:
    assert labels_and_locations(LABELER, text).get(label) == where


def test_where_a_finding_is_only_worse_tells_nothing_of_others() -> None:
    rules = default_rules()
    first, second = find_candidates("Right emphysema. Emphysema.", rules)
    for hints, sides in ((frozenset(), ("right",)), (frozenset({"narrows"}), ())):
        found = resolve_sides([first._replace(hints=hints), second], [True, True], rules)
        assert [one.names for one in found] == [("right",), sides]
    assert [one.names for one in resolve_sides([first, second], [False, True], rules)] == [("right",), ()], "dropped"


def test_a_finding_in_both_lungs_is_not_confined_by_one_in_a_part() -> None:
    found = find_candidates("Diffuse emphysema. Right emphysema. Emphysema.", default_rules())
    sides = resolve_sides(found, [True] * 3, default_rules())
    assert [one.names for one in sides] == [("right", "left"), ("right",), ()]
    found = find_candidates("Diffuse right emphysema. Emphysema.", default_rules())
    assert [one.names for one in resolve_sides(found, [True] * 2, default_rules())] == [("right",)] * 2


@pytest.mark.parametrize(
    ("text", "nodules", "large"),
    [
        ("Two nodules in the left lung. The larger one measures 15 mm.", {L}, {L}),
        ("Nodules in both lungs, the largest in the left lung, 15 mm.", {R, L}, {L}),
        ("Left lobectomy. A 14 mm nodule at the resection site. A 3 mm nodule in the right lung.", {R, L}, {L}),
        ("14 mm nodule. Right lung nodule of 3 mm.", {R}, {R}),
        ("A nodule is in the right lung. It is 9 mm.", {R}, None),
    ],
)
def test_a_derived_label_stays_where_its_finding_is(text: str, nodules: set[str], large: set[str] | None) -> None:
    found = labels_and_locations(LABELER, text)
    assert (found["lung nodule"], found.get("lung nodulegr1cm")) == (nodules, large)


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("Edema of both legs.", set()),
        ("Body wall edema.", set()),
        ("Pulmonary edema.", {"pulmonary edema"}),
        ("Adequate opacification of the pulmonary arteries.", set()),
        ("Opacification of the left lung.", {"lung opacity"}),
        ("Stent in the left subclavian artery.", set()),
        ("Stent in the left anterior descending artery.", {"heart stent"}),
        ("Right breast mass with calcification.", set()),
        (
            "Calcified mediastinal nodes, one 14 mm in short axis.",
            {"mediastinum calcification", "mediastinum lymphadenopathy"},
        ),
        ("Father had emphysema.", set()),
        ("Consider aspiration in the right clinical setting.", set()),
    ],
)
def test_word_senses(text: str, labels: set[str]) -> None:
    assert set(labels_and_locations(LABELER, text)) == labels
