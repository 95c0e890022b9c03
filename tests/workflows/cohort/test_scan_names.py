"""Names of scans for their results."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest

from monai_pylon.workflows.cohort.report_matching import scan_key
from monai_pylon.workflows.cohort.scan_names import safe_name, unique_names

ENDINGS = (".nii", ".nii.gz")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("a b,c;d'e\"f\ng\th", "a_b_c_d_e_f_g_h"),
        (os.fsdecode(b"M\xfcller"), "M_ller"),
        ("Müller-1.2+3", "Müller-1.2+3"),
        ("../../etc", "etc"),
        ("..", ""),
        ("???", ""),
        ("a\0b", "a_b"),
    ],
)
def test_safe_names_hold_letters_digits_and_few_signs(text: str, name: str) -> None:
    assert safe_name(text) == name


@pytest.mark.parametrize("letter", ["x", "é", "漢", "😀a"])
def test_long_names_are_cut_but_stay_different(letter: str) -> None:
    one, other = safe_name(letter * 240), safe_name(letter * 240 + "b")
    assert one != other
    assert one.startswith(safe_name(letter * 20))
    assert len(one.encode()) <= 180
    assert safe_name("x" * 180) == "x" * 180
    assert safe_name("x" * 181).startswith("x" * 167 + "_"), "12 digits of a hash"


def test_names_differ_where_case_and_accents_do_not_count() -> None:
    """A result would otherwise replace that of another scan on such file systems."""
    paths = [Path("in/A.nii"), Path("in/a.nii"), Path("in/e\u0301.nii"), Path("in/\u00e9.nii"), Path("in/a/b.nii")]
    names = unique_names(paths, Path("in"), ENDINGS)
    assert len({unicodedata.normalize("NFC", name).casefold() for name in names}) == 5


def test_the_same_stem_in_two_folders_gives_two_names() -> None:
    paths = [Path("in/p1/ct.nii"), Path("in/p2/ct.nii"), Path("in/p1__ct.nii"), Path("elsewhere/ct.nii")]
    assert unique_names(paths, Path("in"), ENDINGS) == ["p1__ct_nii", "p2__ct", "p1__ct_nii_2", "ct"]


def test_equal_names_are_numbered() -> None:
    paths = [Path("a/x!.nii"), Path("b/x?.nii"), Path("c/x*.nii"), Path("x_nii_2.nii")]
    assert unique_names(paths, Path("in"), ENDINGS) == ["x_nii", "x_nii_2", "x_nii_3", "x_nii_2_2"]


def test_no_scan_is_named_like_a_table_of_the_cohort() -> None:
    """Its folder would take the place of the table."""
    paths = [Path("in", f"{name}.nii") for name in ("quality.csv", "Cohort.SQLite", "manifest.csv", "a")]
    assert unique_names(paths, Path("in"), ENDINGS) == ["quality.csv_2", "Cohort.SQLite_2", "manifest.csv_2", "a"]


def test_identifiers_of_long_paths_match() -> None:
    path = Path("w" * 100, "x" * 150 + ".nii.gz")
    assert [scan_key(str(path))] == unique_names([Path("in") / path], Path("in"), ENDINGS)
