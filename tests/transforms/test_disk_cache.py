"""Disk cache: computed once for the same content, again for any other content, and never read in part."""

from __future__ import annotations

import logging
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from monai.data import MetaTensor

from monai_pylon.transforms.disk_cache import CacheToDiskd
from monai_pylon.utils import content_hash


class Double:
    """Transform that counts its calls."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, item: Any) -> dict[str, Any]:
        self.calls += 1
        return {**item, "b": MetaTensor(2 * torch.as_tensor(item["a"])), "aside": "not cached"}


def cached(folder: Path | None, transform: Double, **settings: Any) -> CacheToDiskd:
    return CacheToDiskd("b", ["a", "more"], transform, folder, settings)


def test_the_same_content_is_computed_once(tmp_path: Path) -> None:
    transform = Double()
    first = cached(tmp_path, transform)({"a": torch.ones(3), "other": 1})
    again = cached(tmp_path, transform)({"a": torch.ones(3), "other": 2})
    assert transform.calls == 1
    torch.testing.assert_close(again["b"], first["b"])
    assert type(again["b"]) is torch.Tensor, "the same type with and without the cache"
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
def test_other_content_is_computed_again(item: dict, tmp_path: Path) -> None:
    transform = Double()
    cached(tmp_path, transform)({"a": torch.ones(3)})
    cached(tmp_path, transform)(item)
    assert transform.calls == 2


def test_other_settings_are_computed_again(tmp_path: Path) -> None:
    transform = Double()
    for settings in ({"mode": "nearest"}, {"mode": "area"}, {"mode": "nearest"}):
        cached(tmp_path, transform, **settings)({"a": torch.ones(3)})
    assert transform.calls == 2


def test_another_affine_is_computed_again(tmp_path: Path) -> None:
    transform = Double()
    for scale in (1.0, 2.0):
        cached(tmp_path, transform)({"a": MetaTensor(torch.ones(1, 2, 2, 2), affine=scale * torch.eye(4))})
    assert transform.calls == 2


def test_files_are_compared_by_their_bytes_not_their_paths(tmp_path: Path) -> None:
    for name, content in (("x.bin", b"one"), ("y.bin", b"one"), ("z.bin", b"two")):
        (tmp_path / name).write_bytes(content)
    hashes = [content_hash({"a": str(tmp_path / name)}) for name in ("x.bin", "y.bin", "z.bin")]
    assert hashes[0] == hashes[1] != hashes[2]
    folder = tmp_path / "dicom"
    folder.mkdir()
    (folder / "1").write_bytes(b"one")
    before = content_hash({"a": folder})
    (folder / "2").write_bytes(b"two")
    assert content_hash({"a": folder}) != before
    assert content_hash({"a": "no such file"}) == content_hash({"a": "no such file"})


def test_the_memory_order_does_not_change_the_hash() -> None:
    array = np.arange(24.0).reshape(2, 3, 4)
    assert content_hash({"a": array}) == content_hash({"a": np.asfortranarray(array)})
    assert content_hash({"a": array}) == content_hash({"a": torch.from_numpy(array)})
    assert content_hash({"a": 1, "b": 2}) != content_hash({"a": 2, "b": 1})


#: The last but one has one result too many. The last holds an object that only an unsafe unpickler would load.
BROKEN = [
    *(b"", b"junk", "half", {"c": torch.zeros(1)}, [1]),
    {"b": (torch.zeros(3), []), "c": (torch.zeros(3), [])},
    {"b": (torch.zeros(3), Fraction(0))},
]


@pytest.mark.parametrize("broken", BROKEN)
def test_an_unreadable_entry_is_computed_again_and_replaced(
    broken: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    transform = Double()
    cached(tmp_path, transform)({"a": torch.ones(3)})
    (entry,) = tmp_path.iterdir()
    if isinstance(broken, bytes | str):
        entry.write_bytes(entry.read_bytes()[:200] if broken == "half" else broken)
    else:
        torch.save(broken, entry)
    with caplog.at_level(logging.WARNING):
        item = cached(tmp_path, transform)({"a": torch.ones(3)})
    assert transform.calls == 2
    assert item["b"].tolist() == [2, 2, 2]
    assert "computed again" in caplog.text
    cached(tmp_path, transform)({"a": torch.ones(3)})
    assert transform.calls == 2, "the entry is readable again"


def test_bool_tensors_are_stored_with_one_bit_per_value(tmp_path: Path) -> None:
    regions = torch.rand(80, 6, 6, 135) < 0.3
    for _ in range(2):
        item = CacheToDiskd("allowed", "a", lambda item: {"allowed": regions}, tmp_path)({"a": 1})
        assert item["allowed"].dtype == torch.bool
        torch.testing.assert_close(item["allowed"], regions)
    (entry,) = tmp_path.iterdir()
    assert entry.stat().st_size < 60_000


def test_an_error_caches_nothing(tmp_path: Path) -> None:
    def fail(item: Any) -> Any:
        raise ValueError("no lungs")

    with pytest.raises(ValueError, match="no lungs"):
        CacheToDiskd("b", "a", fail, tmp_path)({"a": 1})
    assert not list(tmp_path.iterdir())


def test_without_a_folder_nothing_is_cached() -> None:
    transform = Double()
    for _ in range(2):
        cached(None, transform)({"a": torch.ones(3)})
    assert transform.calls == 2


def test_only_tensors_can_be_cached(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="b must be of type Tensor"):
        CacheToDiskd("b", "a", lambda item: {"b": 3}, tmp_path)({"a": 1})


def test_entries_have_the_same_bytes_in_every_run(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        CacheToDiskd("b", "a", lambda item: {"b": item["a"] > 0}, tmp_path / folder)({"a": torch.ones(9)})
    (one,), (two,) = ((tmp_path / folder).iterdir() for folder in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()
