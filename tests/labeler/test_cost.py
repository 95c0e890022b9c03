"""Time for a text: proportional to its length, regardless of its content, with a limit on the length."""

from __future__ import annotations

import sys
import time
from types import FrameType
from typing import Any

import pytest

from monai_pylon.labeler import ReportLabeler
from monai_pylon.labeler.grammar.phrases import parse_sentence
from monai_pylon.labeler.report_text import LONGEST_REPORT
from monai_pylon.labeler.text.sections import split_report

LABELER = ReportLabeler()
#: Units that are repeated to make adversarial texts.
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
    """Count the lines of the labeler that are executed; unlike time, this is the same on each machine."""
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
def test_steps_are_proportional_to_the_length(name: str) -> None:
    LABELER.label(repeated(UNITS[name], 400))  # fill the cache of words
    few, many = (steps(LABELER.label, repeated(UNITS[name], length)) for length in (1_000, 4_000))
    assert many < 6 * few


@pytest.mark.parametrize("name", UNITS)
def test_steps_of_one_sentence_are_far_from_quadratic(name: str) -> None:
    """A sentence has at most 1000 characters. Four times the length must take far less than sixteen times the steps."""
    few, many = (steps(LABELER.label, repeated(UNITS[name], length)) for length in (240, 960))
    assert many < 8 * few


def test_the_count_shows_quadratic_growth() -> None:
    def square(text: str) -> None:
        parse_sentence(text)
        for _ in text:
            parse_sentence(text)

    few, many = (steps(square, repeated("nodule ", length)) for length in (20, 80))
    assert many > 10 * few


def test_many_stops_take_linear_time() -> None:
    """The search is one call, so its time is measured; in quadratic time it would take minutes."""
    start = time.process_time()
    split_report("." * (LONGEST_REPORT - 1) + "a")
    assert time.process_time() - start < 20


def test_the_length_is_limited() -> None:
    assert LABELER.label("a" * LONGEST_REPORT) == []
    with pytest.raises(ValueError, match="text has 200,001 characters, but a report may have at most 200,000"):
        LABELER.label("a" * (LONGEST_REPORT + 1))


@pytest.mark.parametrize(
    "unit", ["\n", ". ", "?no ", "<a ", "|a|b|\n", "a:", "[**", "= 2", "OBX|1|TX|||left effusion\r"]
)
def test_a_long_text_without_sentences_takes_bounded_time(unit: str) -> None:
    """Some searches are one call, so the time is measured; quadratic time would be minutes."""
    start = time.process_time()
    LABELER.label(repeated(unit, LONGEST_REPORT - 1) + "a")
    assert time.process_time() - start < 20
