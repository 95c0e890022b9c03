"""Every transform comes as MONAI's do: an array class X, a dictionary class Xd, and its names XD and XDict."""

from __future__ import annotations

import inspect

import pytest
from monai.transforms import MapTransform, Transform

from monai_pylon import transforms

CLASSES = {name: c for name in getattr(transforms, "__all__", ()) if inspect.isclass(c := getattr(transforms, name))}
DICTIONARY = sorted({c.__name__ for c in CLASSES.values() if issubclass(c, MapTransform)})
#: Dictionary transforms without an array form: they work on whole items.
WHOLE_ITEMS = {"CacheToDiskd"}
ARRAY = sorted({c.__name__ for c in CLASSES.values() if issubclass(c, Transform)} - set(DICTIONARY) - WHOLE_ITEMS)


@pytest.mark.parametrize("name", DICTIONARY)
def test_a_dictionary_transform_has_its_other_names(name: str) -> None:
    assert name.endswith("d")
    assert CLASSES.get(f"{name[:-1]}D") is CLASSES[name]
    assert CLASSES.get(f"{name[:-1]}Dict") is CLASSES[name]


@pytest.mark.parametrize("name", DICTIONARY)
def test_a_dictionary_transform_has_an_array_transform(name: str) -> None:
    assert name[:-1] in ARRAY


@pytest.mark.parametrize("name", ARRAY)
def test_an_array_transform_has_a_dictionary_transform(name: str) -> None:
    assert f"{name}d" in DICTIONARY
