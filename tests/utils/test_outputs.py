"""Logits and attention of network outputs in every form, and labels that are 0, 1 or unknown."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from monai.data import MetaTensor

from monai_pylon.utils.outputs import attention_of, check_binary_labels, logits_of, stacked

LOGITS, ATTENTION = torch.rand(2, 3), torch.rand(2, 3, 4, 4)
FORMS: dict[str, Any] = {
    "pair": (LOGITS, ATTENTION),
    "list": [LOGITS, ATTENTION],
    "three parts": (LOGITS, ATTENTION, None),
    "samples": list(zip(LOGITS, ATTENTION, strict=True)),
    "metadata": (MetaTensor(LOGITS), MetaTensor(ATTENTION)),
}


@pytest.mark.parametrize("form", FORMS)
def test_parts_of_an_explanation(form: str) -> None:
    for found, expected in ((logits_of(FORMS[form]), LOGITS), (attention_of(FORMS[form]), ATTENTION)):
        assert type(found) is torch.Tensor
        assert torch.equal(found, expected)


def test_a_tensor_or_its_samples_are_themselves() -> None:
    for given, part, of in ((LOGITS, LOGITS, logits_of), (ATTENTION, ATTENTION, attention_of)):
        assert torch.equal(of(given), part)
        assert torch.equal(of(list(given)), part)
        assert torch.equal(of(tuple(given)), part)


def test_samples_are_not_mistaken_for_an_explanation() -> None:
    """Two samples of maps on a line, and logits beside maps of another number of labels."""
    line = torch.rand(2, 3, 5)
    assert torch.equal(attention_of(list(line)), line)
    with pytest.raises(ValueError, match="tensors of one shape"):
        logits_of((LOGITS, torch.rand(2, 4, 5, 5)))


def test_other_outputs_are_refused() -> None:
    for wrong in (None, {"logits": LOGITS}, LOGITS.numpy(), [1.0, 2.0], [np.zeros(3)]):
        with pytest.raises(TypeError, match="y_pred must be of type"):
            logits_of(wrong)
    with pytest.raises(ValueError, match="at least one sample"):
        stacked([], "y")
    with pytest.raises(ValueError, match=r"of shape \(N, M\)"):
        logits_of(LOGITS[0])
    with pytest.raises(ValueError, match=r"of shape \(N, M, \*grid\)"):
        attention_of(LOGITS)


def test_labels_are_0_1_or_unknown() -> None:
    check_binary_labels(torch.tensor([0.0, 1.0, torch.nan]), "y")
    check_binary_labels(torch.tensor([True, False]), "y", unknown=False)
    check_binary_labels(torch.tensor([0, 1], dtype=torch.uint8), "y")
    for wrong in (-1.0, 2.0, 0.5, float("inf")):
        with pytest.raises(ValueError, match=rf"y must be 0, 1 or NaN, but is \[{wrong}\]"):
            check_binary_labels(torch.tensor([1.0, wrong]), "y")
    with pytest.raises(ValueError, match="y must be 0 or 1"):
        check_binary_labels(torch.tensor([torch.nan]), "y", unknown=False)
