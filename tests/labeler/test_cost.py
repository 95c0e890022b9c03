"""What a text costs: steps in proportion to its length, whatever it holds, and an end to the length."""

from __future__ import annotations

import sys
import time
from types import FrameType
from typing import Any

import pytest

from monai_pylon.labeler import ReportLabeler, parse_sentence
from monai_pylon.labeler.report_text import LONGEST_REPORT
from monai_pylon.labeler.sections import split_report

LABELER = ReportLabeler()
#: What stands one after the other without an end, one family of bad input each.
UNITS = {
    "findings and places": "nodule in the left lung and effusion in the right lung and ",
    "a list": "nodule, mass, effusion, ",
    "sizes": "3 mm nodule ",
    "places": "left upper lobe ",
    "negations": "no nodule and no mass with ",
    "doubts": "possible nodule may represent mass or ",
    "turns": "no nodule but a mass is seen, ",
    "parts that stand apart": "heart lung enlarged ",
    "words that grew together": "atelectasisinfiltrate",
    "headings": "FINDINGS: HISTORY: ",
    "list marks": "1. - * ",
    "line ends": "\n \n\tA",
    "no space at all": "nodule/mass;",
}


def steps(function: Any, text: str) -> int:
    """How many lines of the labeler run, those of loops each time: the same on any machine, however busy."""
    count, before = 0, sys.gettrace()

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal count
        count += event == "line"
        return trace if "labeler" in frame.f_code.co_filename else None

    sys.settrace(trace)
    try:
        function(text)
    finally:
        sys.settrace(before)
    return count


def repeated(unit: str, length: int) -> str:
    return (unit * (length // len(unit) + 1))[:length]


@pytest.mark.parametrize("name", UNITS)
def test_the_steps_grow_as_the_text(name: str) -> None:
    LABELER.label(repeated(UNITS[name], 400))  # words are remembered: not counted
    few, many = (steps(LABELER.label, repeated(UNITS[name], length)) for length in (1_000, 4_000))
    assert many < 6 * few


@pytest.mark.parametrize("name", UNITS)
def test_the_steps_of_one_sentence_grow_little_faster(name: str) -> None:
    """A sentence has 1000 characters at most; four times as many must not take sixteen times as long."""
    few, many = (steps(LABELER.label, repeated(UNITS[name], length)) for length in (240, 960))
    assert many < 8 * few


def test_the_measure_measures() -> None:
    def square(text: str) -> None:
        parse_sentence(text)
        for _ in text:
            parse_sentence(text)

    few, many = (steps(square, repeated("nodule ", length)) for length in (20, 80))
    assert many > 10 * few


def test_a_row_of_stops_is_not_looked_through_from_each() -> None:
    """The search for sentence ends is one call, so that its time is measured: without an end to it, minutes."""
    start = time.process_time()
    split_report("." * (LONGEST_REPORT - 1) + "a")
    assert time.process_time() - start < 20


def test_there_is_an_end() -> None:
    assert LABELER.label("a" * LONGEST_REPORT) == []
    with pytest.raises(ValueError, match="text must be a report of at most 200,000 characters, but is '200,001'"):
        LABELER.label("a" * (LONGEST_REPORT + 1))
