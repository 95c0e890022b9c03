"""Maps and boxes for the localization tests: random ones, and the golden ones of the authors' program."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor


def random_cases(num_images: int, num_classes: int, size: tuple[int, int]) -> tuple[Tensor, list[Tensor]]:
    """Make random maps (N, M, 8, 8) and up to three boxes (K, 5) per image. A third of the images has no box."""
    random = torch.Generator().manual_seed(3)
    maps = 4 * torch.randn(num_images, num_classes, 8, 8, generator=random)
    boxes = []
    for image in range(num_images):
        count = image % 3 + (image == 0)
        corner = torch.rand(count, 2, generator=random)
        extent = torch.tensor(size[::-1])
        first, last = corner * extent / 2, corner * extent / 2 + (0.3 + 0.2 * corner) * extent
        label = torch.randint(num_classes, (count, 1), generator=random)
        boxes.append(torch.cat([first, last, label], dim=1))
    return maps, boxes


def golden_cases(folder: Path, dtype: torch.dtype) -> tuple[Tensor, list[Tensor], int, dict[str, np.ndarray]]:
    """Load maps, boxes, image size and expected hits from `localization.npz`."""
    with np.load(folder / "localization.npz") as file:
        golden = dict(file)
    maps = torch.from_numpy(golden["heatmap_logits"])
    rows = torch.from_numpy(golden["boxes"])
    boxes = []
    for image in range(len(maps)):
        x, y, width, height, label = rows[rows[:, 0] == image, 1:].unbind(1)
        boxes.append(torch.stack([x, y, x + width, y + height, label], dim=1).to(dtype))
    return maps, boxes, int(golden["size"]), golden
