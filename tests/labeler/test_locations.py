"""Location search: the places of each finding, and the organs and sides that follow from them."""

from __future__ import annotations

from monai_pylon.labeler import ReportLabeler
from monai_pylon.labeler.grammar.phrases import parse_sentence
from monai_pylon.labeler.locations import pair_places
from monai_pylon.labeler.rule_entries import PlaceEntry
from monai_pylon.labeler.rules import default_rules
from monai_pylon.labeler.terms import find_mentions
from monai_pylon.taxonomy import ORGANS
from tests.labeler.sentences import labels_and_locations

RIGHT, MIDDLE, LEFT = ORGANS
NO_HEADING = PlaceEntry("", "")


def paired(text: str, *skip: int) -> list[list[str]]:
    """Return the words of the places of each mention of a sentence."""
    parsed = parse_sentence(text)
    pairs = pair_places(parsed, find_mentions(parsed, default_rules()), default_rules(), *skip)
    return [[" ".join(word.text for word in parsed.words[p.first : p.last]) for p in places] for places in pairs]


def test_the_places_of_each_mention() -> None:
    cases = [
        # before and after its finding
        ("right effusion", [["right"]]),
        ("nodule in the lingula", [["lingula"]]),
        ("right effusion, left nodule", [["right"], ["left"]]),
        ("right effusion left nodule", [["right", "left"]] * 2),
        ("effusion right nodule left", [["right", "left"]] * 2),
        ("effusion in the lingula right nodule", [["lingula", "right"]] * 2),
        ("effusion of the right, nodule", [["right"], ["right"]]),
        ("effusion and right and left nodule", [["right"], ["left"]]),
        ("effusion in the right and left and nodule", [["right", "left"], ["right", "left"]]),
        ("nodule and left bronchi are dilated", [["left", "bronchi"]] * 3),
        ("effusion in the right but left nodule", [["right"], ["left"]]),
        ("effusion in the right, left; apex, nodule", [["right", "left"], ["apex"]]),
        # barriers
        ("right; nodule", [[]]),
        ("right but nodule", [[]]),
        ("nodule; right", [[]]),
        ("nodule ? right", [[]]),
        ("nodule, right", [["right"]]),
        # a finding without a place takes that of its neighbor
        ("nodule and right effusion", [["right"], ["right"]]),
        ("nodule; right effusion", [[], ["right"]]),
        ("right effusion; nodule", [["right"], []]),
        ("left mass and right effusion with nodule", [["left"], ["right"], ["right"]]),
        ("left mass and effusion and right nodule", [["left"], ["left"], ["right"]]),
        ("no nodule and right effusion", [[], ["right"]]),
        ("right effusion without nodule", [["right"], []]),
        ("no right effusion or nodule", [["right"], ["right"]]),
        ("aorta clear, nodule", [["aorta"]]),
        ("heart mass and pneumonia", [["heart"], []]),
        ("right hilar mass and granuloma", [["right hilar"], ["right hilar"]]),
        ("cardiomegaly lingula in effusion", [[], ["lingula"]]),
        # a place that is part of the finding
        ("heart is enlarged", [["heart"]]),
        ("lead in the right atrium", [["right atrium"]]),
        # an unknown term after "with"
        ("effusion with aortic xx", [[]]),
        ("effusion with a large aortic xx", [[]]),
        ("mass with aortic xx and nodule", [["aortic"], ["aortic"]]),
        ("effusion with one in the right", [["right"]]),
        ("effusion in the right with one", [["right"]]),
        # a touched place
        ("nodule abutting the aorta", [["aorta"]]),
        ("right nodule abutting the aorta", [["right"]]),
        ("right mass, nodule abutting the aorta", [["right"], ["right"]]),
        ("nodule abutting the aorta but right mass", [["aorta"], ["right"]]),
        # a place in the lung without a side
        ("right effusion and basal atelectasis", [["right"], ["basal", "right"]]),
        ("left effusion and left basal atelectasis", [["left"], ["left", "basal"]]),
        ("right effusion and LLL atelectasis", [["right"], ["lll"]]),
        ("right hilar mass and basal atelectasis", [["right hilar"], ["basal", "right hilar"]]),
        ("right effusion and mass of the heart", [["right"], ["heart"]]),
        ("basal effusion and apical atelectasis", [["basal"], ["apical"]]),
        ("effusion in the aorta and basal atelectasis", [["aorta"], ["basal"]]),
        ("calcification of the aorta and basal atelectasis", [["aorta"], ["basal"]]),
        # the same place
        ("left mass; nodule in the same lobe", [["left"], ["left"]]),
        ("left mass; same lobe one nodule", [["left"], ["left"]]),
        ("left mass; same lobe one two nodule", [["left"], []]),
        ("left mass; nodule; cyst in the same lobe", [["left"], [], ["left"]]),
        ("left mass; nodule in the same lobe; xx cyst", [["left"], ["left"], []]),
        ("nodule in the same lobe; left mass", [[], ["left"]]),
        # clauses with "on the", and a clause without a finding
        ("effusion on the left, on the right no effusion", [["left"], ["right"]]),
        ("no effusion on the right, the left lung shows opacities", [["right"], ["left lung"]]),
        ("left: no effusion, right: nodule", [["left"], ["right"]]),
        ("effusion left, on the right in the apex no nodule", [["left"], ["right", "apex"]]),
        ("effusion on the left, on the right, in the apex no nodule", [["left", "right"], ["apex"]]),
        ("the patient is rotated to the right, and there is a left effusion", [["left"]]),
        ("xx is, to the right, a left effusion", [["right", "left"]]),
        ("xx is to the right, a left effusion", [["left"]]),
        ("rotated to the right and there is a left effusion", [["left"]]),
        ("is to the right, left effusion", [["left"]]),
        ("effusion on the left, in the apex, right nodule, no cyst", [["left", "apex"], ["right"], []]),
        ("nodule, left upper lobe, with right effusion", [["left upper lobe"], ["right"]]),
        ("nodule in the left lung: stable, effusion", [["left lung"], ["left lung"]]),
        ("mass, left upper lobe with cyst", [["left upper lobe"], ["left upper lobe"]]),
        # a place that is normal
        ("consolidation on the right, left lung clear", [["right"]]),
        ("nodules in the right apex and base, clear left lung", [["right apex", "base"]]),
        ("nodule in the lingula, stable, in a clear left lung", [["lingula", "left lung"]]),
        ("nodule in the lingula, right lung, normal bones", [["lingula", "right lung"]]),
        # an unknown term after "and a"
        ("effusion and a left xx", [[]]),
        ("effusion and left xx", [["left"]]),
        ("cyst and effusion of a left xx", [["left"], ["left"]]),
        # a known finding behind a negated one
        ("no cavity within the left mass", [[], ["left"]]),
        ("no cavity within the left mass with cyst", [[], ["left"], ["left"]]),
        ("no cavity within the left lung, small mass", [["left lung"], []]),
        ("no nodule in the aerated left lung, small effusion", [["left lung"], []]),
        ("the nodule in the left lung has no cavitation", [["left lung"], []]),
        # places that are negated
        ("nodule, left has resolved", [[], ["left"]]),
        # an organ elsewhere right before its finding is its only place
        ("thyroid nodule in the left lobe", [["thyroid"]]),
        ("right thyroid nodule in the left lobe", [["right thyroid"]]),
        ("lingula thyroid nodule in the left lobe", [["lingula", "thyroid"]]),
        ("thyroid nodule above the clavicle", [["thyroid"]]),
        ("left lung and thyroid nodule", [["left lung", "thyroid"]]),
        ("liver and thyroid nodule in the left lobe", [["liver", "thyroid", "left", "lobe"]]),
        ("liver, thyroid nodule in the left lobe", [["liver", "thyroid", "left", "lobe"]]),
        # after its finding it is the only one up to a comma, unless a list goes on behind it
        ("opacity in the liver, left lung clear", [["liver"]]),
        ("infection of the foot, left lung is clear", [["foot"]]),
        ("infection of the skin of the right foot, left lung clear", [["skin", "right", "foot"]]),
        ("infection of foot, left lung", [["foot"]]),
        ("opacity of the entire liver, left lung", [["liver"]]),
        ("opacity of nearly the entire liver, left lung", [["liver", "left lung"]]),
        ("opacity liver, left lung", [["liver", "left lung"]]),
        ("infection of the foot and left lung", [["foot", "left lung"]]),
        ("infection of the foot, left lung and apex", [["foot", "left lung", "apex"]]),
        ("mass in the breast, the left lung and the right lung", [["breast", "left lung", "right lung"]]),
        # the sentence says what a lesion is
        ("The lesion of the liver is a cyst", [["liver"], ["liver"]]),
        ("Lesion of the liver and cyst", [["liver"], []]),
        ("Lesion of the liver cyst is xx", [["liver"], []]),
        ("Lesion of the liver is, cyst", [["liver"], []]),
        ("Cyst is lesion of the liver", [[], ["liver"]]),
        ("Lesion cyst of the liver", [["liver"], ["liver"]]),
        ("the opacity at the right base is a bowel loop", [["bowel loop"]]),
        ("the opacity at the right base probably represents the liver", [["right base", "liver"]]),
        ("the opacity represents a bowel loop at the left base", [["bowel loop"]]),
        ("opacity corresponding to rib fracture at the left base", [["rib"], ["rib"]]),
        ("the opacity at the right base likely corresponds to the liver", [["right base", "liver"]]),
        ("the opacity at the right base corresponds to the elevated liver", [["liver"]]),
        ("the opacity at the right base corresponds to the mildly elevated liver", [["right base", "liver"]]),
        # a finding that implies the organ of the next, and a finding that is not diffuse
        ("pericardial effusion with calcification", [[], ["pericardial effusion"]]),
        ("emphysema with left mass", [["left"], ["left"]]),
        ("the opacity at the right base is one two three the liver", [["right base", "liver"]]),
    ]
    for text, expected in cases:
        assert paired(text) == expected, text


def test_the_places_of_a_heading_are_skipped() -> None:
    assert paired("Heart: nodule", 7) == [[]]
    assert paired("Heart: nodule") == [["heart"]]


def test_the_location_of_a_finding() -> None:
    cases = [
        # a hilum belongs to the mediastinum, or to the lung for a finding without a label there; beside it is the lung
        ("Right hilar mass", {"mediastinum mass": {MIDDLE}}),
        ("Right hilar granuloma", {"lung granuloma": {RIGHT}}),
        ("Mass abutting the left hilum", {"lung mass": {LEFT}}),
        ("Mass projecting over the left hilum", {"lung mass": {LEFT}}),
        ("Right lung mass narrowing the left hilum", {"lung mass": {RIGHT}}),
        # spared regions, and regions where a finding is only worse
        ("Consolidation throughout the left lung with sparing of the right", {"consolidation": {LEFT}}),
        ("Consolidation in the left lung, the right lung is spared", {"consolidation": {LEFT}}),
        ("Bibasal atelectasis, worse on the left", {"atelectasis": {RIGHT, LEFT}}),
        ("Mass in the left upper lobe and a nodule in the same lobe", {"lung mass": {LEFT}, "lung nodule": {LEFT}}),
        ("Left mass; effusion on the same side", {"lung mass": {LEFT}, "pleural effusion": {LEFT}}),
        ("Left mass; effusion", {"lung mass": {LEFT}, "pleural effusion": {RIGHT, LEFT}}),
        # a place is shared across "but" with a later finding, never with an earlier one
        ("Left mass but effusion is new", {"lung mass": {LEFT}, "pleural effusion": {LEFT}}),
        ("Effusion is old but the left mass is new", {"lung mass": {LEFT}, "pleural effusion": {RIGHT, LEFT}}),
        ("The lesion of the liver is a cyst", {}),
        ("Lesion of the liver and a cyst", {"lung cyst": {RIGHT, LEFT}}),
        ("Lesion of the liver is stable, there is a cyst", {"lung cyst": {RIGHT, LEFT}}),
        # a place that is touched or has no side: the place of the earlier finding
        (
            "Anterior mediastinal mass with calcification, displacing the aorta",
            {"mediastinum mass": {MIDDLE}, "mediastinum calcification": {MIDDLE}},
        ),
        ("Right effusion and basal atelectasis", {"pleural effusion": {RIGHT}, "atelectasis": {RIGHT}}),
        ("Basal atelectasis and a right effusion", {"pleural effusion": {RIGHT}, "atelectasis": {RIGHT, LEFT}}),
        # a plural that is joined with another place means both sides
        ("Atelectasis in the bases and the middle lobe", {"atelectasis": {RIGHT, LEFT}}),
        ("Atelectasis in the bases of the right lung", {"atelectasis": {RIGHT}}),
        ("Nodules in the lung bases and the heart", {"lung nodule": {RIGHT, LEFT}, "mediastinum nodule": {MIDDLE}}),
        ("Diffuse emphysema with a left mass", {"emphysema": {RIGHT, LEFT}, "lung mass": {LEFT}}),
        ("Consolidation on the right, left lung clear", {"consolidation": {RIGHT}}),
        # phrases that leave out the finding
        ("No emphysema except in the right apex", {"emphysema": {RIGHT}}),
        ("No emphysema or fibrosis except in the right apex", {}),  # ambiguous
        ("Bilateral effusions have resolved except for a trace on the left", {"pleural effusion": {LEFT}}),
        ("Emphysema but no lesion except in the right apex", {"emphysema": {RIGHT, LEFT}}),
        ("Pneumonia has cleared on the right and persists on the left", {"pneumonia": {LEFT}}),
        ("Left effusion has increased and the right has resolved", {"pleural effusion": {LEFT}}),
        ("Left consolidation persists and the right lung has cleared", {"consolidation": {LEFT}}),
        (
            "The nodule in the left lung persists but is stable, the one in the right lung has resolved",
            {"lung nodule": {LEFT}},
        ),
        ("Left nodule is unchanged, and the one at the right apex has resolved", {"lung nodule": {LEFT}}),
        ("The nodule in the left lung and right lung has resolved", {}),
        ("The right hemidiaphragm is elevated and there is a left effusion", {"pleural effusion": {LEFT}}),
    ]
    for sentence, expected in cases:
        assert labels_and_locations(ReportLabeler(), sentence) == expected, sentence
