"""Tests of the forms of ``class_idx``. tests/visualize/test_visualizers.py tests them in the visualizers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from monai_pylon.visualize.label_choice import checked_labels, labels_per_sample, score_weights

LOGITS = torch.tensor([[0.0, 2.0, 1.0], [5.0, 4.0, 3.0]])


@pytest.mark.parametrize(
    ("class_idx", "expected"),
    [
        (None, [[1], [0]]),
        ("all", [[0, 1, 2], [0, 1, 2]]),
        (2, [[2], [2]]),
        (np.int64(2), [[2], [2]]),
        (range(1, 3), [[1, 2], [1, 2]]),
        ([2, 0, 2], [[2, 0, 2], [2, 0, 2]]),
        ([[2, 0], [1, 1]], [[2, 0], [1, 1]]),
        (torch.tensor([1]), [[1], [1]]),
    ],
)
def test_labels_of_each_sample(class_idx: Any, expected: list[list[int]]) -> None:
    assert labels_per_sample(checked_labels(class_idx), LOGITS).tolist() == expected


@pytest.mark.parametrize("class_idx", [3, -1, [[0], [1], [2]]])
def test_labels_that_do_not_exist(class_idx: Any) -> None:
    with pytest.raises(ValueError, match="class_idx must be"):
        labels_per_sample(checked_labels(class_idx), LOGITS)


def test_weights_of_the_scores() -> None:
    weights = score_weights(torch.tensor([[2, 0], [1, 1]]), LOGITS)
    assert weights.tolist() == [[[0, 0, 1], [0, 1, 0]], [[1, 0, 0], [0, 1, 0]]]
    assert weights.dtype == LOGITS.dtype


@pytest.mark.parametrize(
    "class_idx",
    [
        [],
        np.zeros((2, 0), dtype=int),
        torch.tensor([1.0]),
        np.array([1.0, 2.0]),
        torch.tensor([True, False]),
        torch.tensor([1 + 0j]),
        torch.ones(1, 1, 1, dtype=torch.int64),
        [[0], [0, 1]],
        ["0"],
    ],
)
def test_what_is_no_list_of_labels(class_idx: Any) -> None:
    with pytest.raises(ValueError, match="class_idx must be one or more integers"):
        checked_labels(class_idx)


@pytest.mark.parametrize("class_idx", [1.0, True, object()])
def test_other_types_than_integers(class_idx: Any) -> None:
    with pytest.raises(TypeError, match="class_idx"):
        checked_labels(class_idx)
