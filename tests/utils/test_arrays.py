"""Conversion of arrays and tensors of any origin to NumPy and to double precision."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from scipy import ndimage

from monai_pylon.utils.arrays import as_array, as_float64, bounding_box
from tests.references.pretend_device import PretendDevice

VALUES = {
    "array": np.array([1.0, 2.0]),
    "list": [1.0, 2.0],
    "tuple of tensors": (torch.tensor(1.0), torch.tensor(2.0)),
    "tensor with gradients": torch.tensor([1.0, 2.0], requires_grad=True),
    "bfloat16": torch.tensor([1.0, 2.0], dtype=torch.bfloat16),
    "float16": torch.tensor([1.0, 2.0], dtype=torch.float16),
    "integers": torch.tensor([1, 2]),
    "MetaTensor": MetaTensor(torch.tensor([1.0, 2.0])),
    "inference tensor": torch.tensor([1.0, 2.0]),
}


@pytest.mark.parametrize("name", VALUES)
def test_converts_numbers_of_any_origin(name: str) -> None:
    array, exact = as_array(VALUES[name]), as_float64(VALUES[name])
    assert type(array) is np.ndarray
    assert type(exact) is torch.Tensor
    assert exact.dtype == torch.float64
    assert not exact.requires_grad
    assert array.tolist() == exact.tolist() == [1.0, 2.0]


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("kind", ["cuda", "mps"])
def test_fetches_numbers_from_a_device(kind: str) -> None:
    with PretendDevice(kind) as device:
        tensor = torch.tensor([1.0, 2.0], requires_grad=True).to(device)
        assert as_array(tensor).tolist() == as_float64(tensor).tolist() == [1.0, 2.0]
        assert as_array([tensor[0], tensor[1]]).tolist() == [1.0, 2.0]


def test_shares_the_memory_of_arrays_and_tensors_on_the_cpu() -> None:
    array, tensor = np.zeros(2), torch.zeros(2)
    assert as_array(array) is array
    as_array(tensor)[0] = 5
    assert tensor.tolist() == [5, 0]


def test_bounding_boxes_equal_those_of_scipy() -> None:
    for seed in range(5):
        labels = (np.random.default_rng(seed).random((12, 13, 14)) < 0.003).astype(np.int16) * 7
        found = ndimage.find_objects((labels > 0).astype(np.uint8))
        assert bounding_box(labels) == bounding_box(labels > 0) == (found[0] if found else None)
    assert bounding_box(np.zeros((2, 0, 3))) is None
    assert bounding_box(np.zeros(3)) is None
