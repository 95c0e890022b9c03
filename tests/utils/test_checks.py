"""Tests of the argument checks: argument, requirement, value received, remedy."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from monai_pylon.utils import check, check_choice, check_type, describe, nearest_name


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (7, "7"),
        ("left", "'left'"),
        (None, "None"),
        (np.zeros((2, 3), dtype=np.uint8), "ndarray of shape (2, 3), uint8"),
        (np.float32(2.5), "float32 of shape (), float32"),
        (torch.zeros(0, 5), "Tensor of shape (0, 5), float32"),
        (torch.zeros(4, dtype=torch.bool), "Tensor of shape (4,), bool"),
        (np.ndarray, "<class 'numpy.ndarray'>"),
    ],
)
def test_describe_names_type_shape_and_dtype(value: object, text: str) -> None:
    assert describe(value) == text


def test_describe_keeps_long_texts_short() -> None:
    assert describe("x" * 118) == repr("x" * 118)
    assert describe("x" * 119) == repr("x" * 119)[:100] + "… (str)"
    text = describe(list(range(1000)))
    assert text.startswith("[0, 1, 2, ")
    assert text.endswith("… (list)")
    assert len(text) < 120


def test_check_passes_if_the_condition_is_true() -> None:
    assert check(True, "threshold", "between 0 and 1", 0.5) is None


def test_check_names_argument_requirement_value_and_remedy() -> None:
    with pytest.raises(ValueError, match=r"^threshold must be between 0 and 1, but is 7\. Divide by 255 first\.$"):
        check(False, "threshold", "between 0 and 1", 7, "Divide by 255 first.")


def test_check_without_a_remedy_ends_with_the_value() -> None:
    with pytest.raises(ValueError, match=r"^threshold must be between 0 and 1, but is 7\.$"):
        check(False, "threshold", "between 0 and 1", 7)


@pytest.mark.parametrize(
    ("value", "types"), [(3, int), (3, (float, int)), (True, bool), (True, (int, bool)), ("a", str)]
)
def test_check_type_passes_for_the_type(value: object, types: type | tuple[type, ...]) -> None:
    assert check_type(value, types, "seed") is None


@pytest.mark.parametrize("value", ["3", 3.0, None, True])
def test_check_type_raises_for_another_type(value: object) -> None:
    with pytest.raises(TypeError, match=r"^seed must be of type int, but is .+\. Give a whole number\.$"):
        check_type(value, int, "seed", "Give a whole number.")


def test_check_type_names_every_type_allowed() -> None:
    with pytest.raises(TypeError, match="of type int or float, but is True"):
        check_type(True, (int, float), "level")


@pytest.mark.parametrize(
    ("name", "nearest"), [("roboust", "robust"), ("papr", "paper"), ("robust", "robust"), ("zzz", None), (3, None)]
)
def test_nearest_name(name: object, nearest: str | None) -> None:
    assert nearest_name(name, ["robust", "paper"]) == nearest  # type: ignore[arg-type]


def test_check_choice_passes_for_a_choice() -> None:
    assert check_choice("paper", iter(["robust", "paper"]), "method") is None


def test_check_choice_names_the_choices_and_the_most_similar() -> None:
    with pytest.raises(
        ValueError, match=r"^method must be one of 'robust', 'paper', but is 'papre'\. Did you mean 'paper'\?$"
    ):
        check_choice("papre", iter(["robust", "paper"]), "method")


def test_check_choice_names_no_choice_if_none_is_similar() -> None:
    with pytest.raises(ValueError, match=r"but is 'zzz'\.$"):
        check_choice("zzz", ["robust", "paper"], "method")
