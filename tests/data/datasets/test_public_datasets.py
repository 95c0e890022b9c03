"""Tests of the choice of the reader by the tables in a folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from monai_pylon.data.datasets.public_datasets import find_dataset
from tests.data.datasets import files


@pytest.mark.parametrize(
    ("write", "kind", "name"),
    [
        (files.write_vindr, "radiograph", "VinDr-CXR"),
        (files.write_ms_cxr, "radiograph", "MS-CXR"),
        (files.write_chexlocalize, "radiograph", "CheXlocalize"),
        (files.write_luna, "ct", "LUNA16"),
        (files.write_ct_rate, "ct", "CT-RATE"),
    ],
)
def test_each_dataset_is_found_and_read(tmp_path: Path, write: Callable[[Path], Path], kind: str, name: str) -> None:
    found = find_dataset(write(tmp_path / "data"), kind)
    assert found is not None
    assert found.name == name
    items = found.items(tmp_path / "data", "test", "error")
    assert all(len(item["label"]) == len(found.labels) for item in items)
    assert find_dataset(tmp_path / "data", "ct" if kind == "radiograph" else "radiograph") is None
    assert find_dataset(tmp_path, kind) is None


def test_two_datasets_in_a_folder_are_refused(tmp_path: Path) -> None:
    files.write_ms_cxr(tmp_path)
    files.write_vindr(tmp_path)
    with pytest.raises(ValueError, match=r"has the tables of VinDr-CXR and MS-CXR. Put each dataset into a folder"):
        find_dataset(tmp_path, "radiograph")
