"""Tests of the report of missing files."""

from __future__ import annotations

import logging

import pytest

from monai_pylon.data.missing_files import finish_datalist, report_missing_files


@pytest.mark.parametrize(("names", "start"), [(["a"], "a must"), (["a", "b", "c"], "a and 2 more must")])
def test_error_names_the_first_and_counts_the_others(names: list[str], start: str) -> None:
    with pytest.raises(FileNotFoundError, match=rf"^{start} be in or below here as PNG, .* \(--missing skip\) leaves"):
        report_missing_files(names, "here", "PNG", "error")


def test_skipping_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        report_missing_files(["a", "b"], "here", "PNG", "skip")
    assert caplog.messages == ["a and 1 more of the table are not in or below here. They are left out."]


@pytest.mark.parametrize("missing", ["error", "skip"])
def test_without_missing_files_nothing_happens(missing: str, caplog: pytest.LogCaptureFixture) -> None:
    report_missing_files([], "here", "PNG", missing)
    assert not caplog.messages


def test_a_data_list_ends_with_its_items_after_the_report_of_missing_files() -> None:
    with pytest.raises(FileNotFoundError, match="a must be in or below here as PNG"):
        finish_datalist([], ["a"], "here", "test", "PNG", "error", "radiograph")
    with pytest.raises(ValueError, match=r"^here has no radiograph for test\.$"):
        finish_datalist([], ["a"], "here", "test", "PNG", "skip", "radiograph")
    assert finish_datalist([{"name": "b"}], ["a"], "here", "test", "PNG", "skip", "radiograph") == [{"name": "b"}]
