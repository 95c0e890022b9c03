"""Tests of the base class that reads the paths of a dictionary."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import pytest
import torch
from monai.data import MetaTensor

from monai_pylon.data.path_transform import ReadPathd


class Length(ReadPathd):
    """Read a path as its number of characters, plus the item's offset."""

    def read(self, path: Any, item: Mapping[Hashable, Any]) -> MetaTensor:
        return MetaTensor(torch.tensor([float(len(path) + item["offset"])]))


def test_paths_are_replaced_and_the_rest_is_kept() -> None:
    item = {"a": "12", "b": "123", "offset": 10, "label": 1}
    found = Length(["a", "b"])(item)
    assert {key: float(value) for key, value in found.items()} == {"a": 12, "b": 13, "offset": 10, "label": 1}
    assert item["a"] == "12"


def test_missing_keys_are_errors_unless_allowed() -> None:
    assert Length("image", allow_missing_keys=True)({"offset": 0}) == {"offset": 0}
    with pytest.raises(KeyError, match="image"):
        Length("image")({"offset": 0})
