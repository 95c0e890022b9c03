"""Tests of the precision: lower precision becomes float32, the rest stays without a copy."""

from __future__ import annotations

import pytest
import torch

from monai_pylon.utils.precision import at_least_float32


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (torch.bfloat16, torch.float32),
        (torch.float16, torch.float32),
        (torch.float32, torch.float32),
        (torch.float64, torch.float64),
    ],
)
def test_result_is_at_least_float32(given: torch.dtype, expected: torch.dtype) -> None:
    tensor = torch.tensor([0.5, -3.0], dtype=given)
    widened = at_least_float32(tensor)
    assert widened.dtype == expected
    assert widened.tolist() == [0.5, -3.0]
    assert (widened is tensor) == (given == expected)
