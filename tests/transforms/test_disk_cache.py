"""Results kept by content: computed once, again where anything that counts is another, and never read half."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from monai.data import MetaTensor

from monai_pylon.transforms import CacheToDiskd
from monai_pylon.utils import content_hash


class Double:
    """Counts how often it is called."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, item: Any) -> dict[str, Any]:
        self.calls += 1
        return {**item, "b": MetaTensor(2 * torch.as_tensor(item["a"])), "aside": "not kept"}


def keep(folder: Path | None, how: Double, **settings: Any) -> CacheToDiskd:
    return CacheToDiskd("b", ["a", "more"], how, folder, settings)


def test_the_same_content_is_computed_once(tmp_path: Path) -> None:
    how = Double()
    first = keep(tmp_path, how)({"a": torch.ones(3), "other": 1})
    again = keep(tmp_path, how)({"a": torch.ones(3), "other": 2})
    assert how.calls == 1
    torch.testing.assert_close(again["b"], first["b"])
    assert type(again["b"]) is torch.Tensor, "the same type, from disk or not"
    assert type(first["b"]) is torch.Tensor
    assert again["other"] == 2
    assert "aside" not in first


@pytest.mark.parametrize(
    "item",
    [
        {"a": torch.zeros(3)},
        {"a": torch.ones(4)},
        {"a": torch.ones(3, dtype=torch.float64)},
        {"a": torch.ones(3), "more": True},
    ],
)
def test_other_content_is_computed_anew(item: dict, tmp_path: Path) -> None:
    how = Double()
    keep(tmp_path, how)({"a": torch.ones(3)})
    keep(tmp_path, how)(item)
    assert how.calls == 2


def test_other_settings_are_computed_anew(tmp_path: Path) -> None:
    how = Double()
    for settings in ({"mode": "nearest"}, {"mode": "area"}, {"mode": "nearest"}):
        keep(tmp_path, how, **settings)({"a": torch.ones(3)})
    assert how.calls == 2


def test_the_affine_counts(tmp_path: Path) -> None:
    how = Double()
    for scale in (1.0, 2.0):
        keep(tmp_path, how)({"a": MetaTensor(torch.ones(1, 2, 2, 2), affine=scale * torch.eye(4))})
    assert how.calls == 2


def test_files_count_by_their_bytes_not_their_place(tmp_path: Path) -> None:
    for name, content in (("x.bin", b"one"), ("y.bin", b"one"), ("z.bin", b"two")):
        (tmp_path / name).write_bytes(content)
    marks = [content_hash({"a": str(tmp_path / name)}) for name in ("x.bin", "y.bin", "z.bin")]
    assert marks[0] == marks[1] != marks[2]
    folder = tmp_path / "dicom"
    folder.mkdir()
    (folder / "1").write_bytes(b"one")
    before = content_hash({"a": folder})
    (folder / "2").write_bytes(b"two")
    assert content_hash({"a": folder}) != before
    assert content_hash({"a": "no such file"}) == content_hash({"a": "no such file"})


def test_where_an_array_lies_in_memory_does_not_count() -> None:
    array = np.arange(24.0).reshape(2, 3, 4)
    assert content_hash({"a": array}) == content_hash({"a": np.asfortranarray(array)})
    assert content_hash({"a": array}) == content_hash({"a": torch.from_numpy(array)})
    assert content_hash({"a": 1, "b": 2}) != content_hash({"a": 2, "b": 1})


@pytest.mark.parametrize("broken", [b"", b"junk", "half", {"c": torch.zeros(1)}, [1]])
def test_a_broken_entry_is_computed_again_and_replaced(
    broken: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    how = Double()
    keep(tmp_path, how)({"a": torch.ones(3)})
    (entry,) = tmp_path.iterdir()
    if isinstance(broken, bytes | str):
        entry.write_bytes(entry.read_bytes()[:200] if broken == "half" else broken)
    else:
        torch.save(broken, entry)
    with caplog.at_level(logging.WARNING):
        item = keep(tmp_path, how)({"a": torch.ones(3)})
    assert how.calls == 2
    assert item["b"].tolist() == [2, 2, 2]
    assert "computed again" in caplog.text
    keep(tmp_path, how)({"a": torch.ones(3)})
    assert how.calls == 2, "the entry is whole again"


def test_regions_take_a_bit_a_cell_and_come_back(tmp_path: Path) -> None:
    regions = torch.rand(80, 6, 6, 135) < 0.3
    for _ in range(2):
        kept = CacheToDiskd("allowed", "a", lambda item: {"allowed": regions}, tmp_path)({"a": 1})
        assert kept["allowed"].dtype == torch.bool
        torch.testing.assert_close(kept["allowed"], regions)
    (entry,) = tmp_path.iterdir()
    assert entry.stat().st_size < 60_000


def test_a_failure_keeps_nothing(tmp_path: Path) -> None:
    def fail(item: Any) -> Any:
        raise ValueError("no lungs")

    with pytest.raises(ValueError, match="no lungs"):
        CacheToDiskd("b", "a", fail, tmp_path)({"a": 1})
    assert not list(tmp_path.iterdir())


def test_without_a_folder_nothing_is_kept() -> None:
    how = Double()
    for _ in range(2):
        keep(None, how)({"a": torch.ones(3)})
    assert how.calls == 2


def test_what_is_no_tensor_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="b must be of type Tensor"):
        CacheToDiskd("b", "a", lambda item: {"b": 3}, tmp_path)({"a": 1})
