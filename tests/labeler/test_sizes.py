"""Sizes of a sentence, and the findings and places that have them."""

from __future__ import annotations

from monai_pylon.labeler import ReportLabeler
from monai_pylon.labeler.anatomy import find_places
from monai_pylon.labeler.grammar.phrases import parse_sentence
from monai_pylon.labeler.rules import default_rules
from monai_pylon.labeler.sizes import find_sizes, places_of, sizes_of, sizes_of_largest
from monai_pylon.labeler.terms import find_mentions
from monai_pylon.taxonomy import ORGANS
from tests.labeler.sentences import labels_and_locations

RIGHT, MIDDLE, LEFT = ORGANS


def test_diameters() -> None:
    cases = [
        ("12 mm", [(12.0,)]),
        ("1.2 x 0.8 cm", [(12.0, 8.0)]),
        ("1,2 cm", [(12.0,)]),
        ("12mm x 8mm", [(12.0, 8.0)]),
        ("12 x 0,8 cm", [(120.0, 8.0)]),
        ("4-6 mm", [(4.0, 6.0)]),
        ("3 by 2 by 1 cm, then 5 mm", [(30.0, 20.0, 10.0), (5.0,)]),
        ("series 3, image 12", []),
        ("image 3, 12 mm", [(12.0,)]),
        ("x cm", []),
        ("3 x", []),
        ("3 mm x", [(3.0,)]),
        ("3 mm x 4", [(3.0, 4.0)]),
        ("3 mm x cm 4 mm", [(3.0,), (4.0,)]),
        ("mm 3 mm", [(3.0,)]),
        ("1 cm 2 mm", [(10.0,), (2.0,)]),
        ("3 mm, 4 x 5 mm", [(3.0,), (4.0, 5.0)]),
        # distances
        ("2 cm from the pleura", []),
        ("2 cm above 3 mm", [(20.0,), (3.0,)]),
        ("2 cm above the 3 mm", [(3.0,)]),
        # of an earlier scan, if there are others
        ("from 14 mm to 7 mm", [(7.0,)]),
        ("9 mm (previously 14 mm)", [(9.0,)]),
        ("14 mm from 9 mm", [(14.0,)]),
        ("previously 14 mm", [(14.0,)]),
        ("9 mm, previously up to 14 mm", [(9.0,)]),
        ("9 mm, previously one two 14 mm", [(9.0,)]),
        ("9 mm, previously one two three 14 mm", [(9.0,), (14.0,)]),
        ("9 mm previously", [(9.0,)]),
        ("3 mm, previously 4 mm 5 mm", [(3.0,), (5.0,)]),
    ]
    for text, diameters in cases:
        assert [size.diameters_mm for size in find_sizes(parse_sentence(text))] == diameters, text


def test_words_and_reach_of_a_size() -> None:
    cases = [
        ("a 12 mm nodule", (1, 3, 6)),
        ("12 x 8 mm", (0, 4, 7)),
        ("12 mm, is", (0, 2, 2)),
        ("12 mm one two", (0, 2, 5)),
        ("12 mm one with", (0, 2, 3)),
        ("12 mm one two with", (0, 2, 4)),
        ("12 mm one two three with", (0, 2, 5)),
    ]
    for text, words in cases:
        (size,) = find_sizes(parse_sentence(text))
        assert (size.first, size.last, size.reach) == words, text


def test_the_sizes_of_each_mention() -> None:
    cases = [
        ("a 3 mm nodule, and a mass of 4 cm", [[3.0], [40.0]]),
        ("nodules: 4 mm and 12 mm", [[4.0, 12.0]]),
        ("12 mm calcified nodule", [[12.0], [12.0]]),
        ("12 mm cyst one two nodule", [[12.0], [12.0]]),
        ("12 mm one cyst two three nodule", [[12.0], []]),
        ("12 mm one two three cyst nodule", [[12.0], []]),
        ("12 mm cyst one two three nodule", [[12.0], []]),
        ("nodule cyst 12 mm", [[12.0], [12.0]]),
        ("nodule 12 mm cyst", [[], [12.0]]),
        ("12 mm one two three four five nodule", [[12.0]]),
        ("12 mm, nodule", [[]]),
        ("12 mm; nodule", [[]]),
        ("nodule 12 mm", [[12.0]]),
        ("nodule 12 mm and cyst", [[], [12.0]]),
        ("nodule 12 mm one two three cyst", [[], [12.0]]),
        ("nodule 12 mm one two three four cyst", [[12.0], [12.0]]),
        ("nodule 12 mm is cyst", [[12.0], [12.0]]),
        ("nodule, cyst 12 mm", [[], [12.0]]),
        ("nodule of 12 mm suspicious for cyst", [[12.0], [12.0]]),
    ]
    for text, expected in cases:
        parsed = parse_sentence(text)
        mentions, sizes = find_mentions(parsed, default_rules()), find_sizes(parsed)
        found = [sizes_of(number, mentions, sizes, parsed) for number in range(len(mentions))]
        assert [[size.diameters_mm[0] for size in own] for own in found] == expected, text


def test_the_size_of_the_largest() -> None:
    cases = [
        ("nodules largest 2 cm", [20.0]),
        ("nodules with consolidation, the largest 2 cm", [20.0]),
        ("nodules largest one two 2 cm", [20.0]),  # at most two words between
        ("nodules largest one two three 2 cm", []),
        ("largest nodules 2 cm", []),
        ("nodules 2 cm largest", []),
    ]
    for text, expected in cases:
        parsed = parse_sentence(text)
        found = sizes_of_largest(find_mentions(parsed, default_rules())[0], find_sizes(parsed), parsed)
        assert [size.diameters_mm[0] for size in found] == expected, text


def test_the_places_of_a_size() -> None:
    cases = [
        ("RUL 4 mm, LLL 12 mm", 0, ["right"]),
        ("RUL 4 mm, LLL 12 mm", 1, ["left"]),
        ("12 mm RUL, 4 mm LLL", 0, ["right"]),
        ("12 mm RUL, 4 mm LLL", 1, ["left"]),
        ("RUL one two 4 mm, LLL", 0, ["right"]),  # the same item of the list, though farther away
        ("RUL 4 mm LLL", 0, ["right"]),  # at the same distance the first
        ("RUL one 4 mm LLL", 0, ["left"]),
        ("RUL 4 mm one LLL lung", 0, ["right", ""]),
        ("RUL 4 mm, RML", 0, ["right", "right"]),
        ("RUL 4 mm, lung", 0, ["right", ""]),
    ]
    for text, number, sides in cases:
        parsed = parse_sentence(text)
        sizes = find_sizes(parsed)[number : number + 1]
        assert [place.side for place in places_of(sizes, find_places(parsed), parsed)] == sides, text


def test_a_large_nodule_has_a_second_label() -> None:
    cases = [
        ("Nodules: RUL 4 mm, LLL 12 mm", {"lung nodule": {RIGHT, LEFT}, "lung nodulegr1cm": {LEFT}}),
        ("Nodules: RUL in its apex 12 mm, LLL 4 mm", {"lung nodule": {RIGHT, LEFT}, "lung nodulegr1cm": {RIGHT}}),
        ("Left nodule of 19 mm suspicious for lung cancer", {"lung nodule": {LEFT}, "lung nodulegr1cm": {LEFT}}),
        ("Nodules: 12 mm RUL, 4 mm LLL", {"lung nodule": {RIGHT, LEFT}, "lung nodulegr1cm": {RIGHT}}),
        ("Nodules in both lungs up to 12 mm", {"lung nodule": {RIGHT, LEFT}, "lung nodulegr1cm": {RIGHT, LEFT}}),
        ("12 mm nodule in the left lung, 3 cm from the pleura", {"lung nodule": {LEFT}, "lung nodulegr1cm": {LEFT}}),
    ]
    for sentence, expected in cases:
        assert labels_and_locations(ReportLabeler(), sentence) == expected, sentence
