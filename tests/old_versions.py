"""Marks of tests that need more than the oldest releases that setup.cfg declares."""

from __future__ import annotations

import monai
import pytest
import torch

needs_torch_2_5 = pytest.mark.skipif(
    tuple(int(part) for part in torch.__version__.split(".")[:2]) < (2, 5), reason="needs PyTorch 2.5 or newer"
)
needs_monai_1_6 = pytest.mark.skipif(
    tuple(int(part) for part in monai.__version__.split(".")[:2]) < (1, 6), reason="needs MONAI 1.6 or newer"
)
