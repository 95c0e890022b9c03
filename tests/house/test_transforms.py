"""Conventions of the transforms, as in MONAI: an array class X, a dictionary class Xd, and its names XD and XDict."""

from __future__ import annotations

import inspect

import pytest
from monai.transforms import InvertibleTransform, LazyTransform, MapTransform, Randomizable, Transform
from monai.utils import TransformBackends

from tests.house.inventory import is_class, modules, public_objects

#: The classes that the modules of `transforms` list, whether or not the subpackage makes them public.
CLASSES = {
    name: c
    for module_name, module in modules().items()
    if module_name.startswith("monai_pylon.transforms")
    for name in module.__all__
    if is_class(c := getattr(module, name))
}
#: Dictionary transforms without an array class, because they work on whole items.
WHOLE_ITEMS = {"CacheToDiskd"}
DICTIONARY = {c.__name__: c for c in CLASSES.values() if issubclass(c, MapTransform)}
ARRAY = {
    c.__name__: c
    for c in CLASSES.values()
    if issubclass(c, Transform) and c.__name__ not in set(DICTIONARY) | WHOLE_ITEMS
}


def arguments(thing: type) -> dict[str, inspect.Parameter]:
    """Return the constructor's arguments by name."""
    return {name: p for name, p in inspect.signature(thing.__init__).parameters.items() if name != "self"}


def test_dictionary_transforms_have_their_aliases() -> None:
    assert DICTIONARY
    for name, thing in DICTIONARY.items():
        assert name.endswith("d")
        assert CLASSES.get(f"{name[:-1]}D") is thing, name
        assert CLASSES.get(f"{name[:-1]}Dict") is thing, name


def test_array_and_dictionary_transforms_come_in_pairs() -> None:
    assert {f"{name}d" for name in ARRAY} == set(DICTIONARY)


def test_dictionary_transforms_take_keys_first_and_allow_missing_keys_last() -> None:
    for name, thing in DICTIONARY.items():
        names = [argument for argument in arguments(thing) if argument != "lazy"]
        assert names[0] == "keys", name
        assert names[-1] == "allow_missing_keys", name
        assert arguments(thing)["allow_missing_keys"].default is False, name


def test_dictionary_transforms_take_the_arguments_of_the_array_transform() -> None:
    for name, thing in ARRAY.items():
        of_dictionary = arguments(DICTIONARY[f"{name}d"])
        for argument, parameter in arguments(thing).items():
            assert argument in of_dictionary, f"{name}d lacks {argument}"
            assert of_dictionary[argument].default == parameter.default, f"{name}d: {argument}"


def test_random_transforms_are_random_in_both_forms() -> None:
    for name, thing in ARRAY.items():
        random = name.startswith("Rand")
        assert issubclass(thing, Randomizable) == random, name
        assert issubclass(DICTIONARY[f"{name}d"], Randomizable) == random, name


def test_spatial_transforms_are_invertible_and_lazy_where_they_can_be() -> None:
    """`Compose.inverse` skips a transform that is not invertible without a word; see test_transforms_in_monai.py."""
    spatial = {"CropToExtent", "RandResizedCrop"}
    for name, thing in CLASSES.items():
        plain = name.removesuffix("Dict").removesuffix("D").removesuffix("d")
        assert issubclass(thing, InvertibleTransform) == (plain in spatial | {"FollowBoxes"}), name
        assert issubclass(thing, LazyTransform) == (plain in spatial), name


def test_every_transform_names_its_backend() -> None:
    """The transforms of all modules, those of the workflows too."""
    own = [c for c in public_objects().values() if inspect.isclass(c) and issubclass(c, Transform)]
    assert len(own) > 20
    for thing in own:
        assert thing.backend, thing
        assert set(thing.backend) <= set(TransformBackends), thing


def test_missing_keys_raise_an_error_that_names_the_key_unless_allowed() -> None:
    needed = {"OrgansFromLabelMapd": {}, "CropToExtentd": {"extent": (1, 1, 1)}}
    for name, thing in DICTIONARY.items():
        settings = needed.get(name, {})
        item = {"other": 1}
        assert thing("key", allow_missing_keys=True, **settings)(item) == item, name
        with pytest.raises(KeyError, match="key"):
            thing("key", **settings)(item)
