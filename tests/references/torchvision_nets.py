"""Reference implementations of ResNet and DenseNet as plain functions on torchvision's key names.

They use neither MONAI nor this package, so they check the meaning of a checkpoint's weights independently.
"""

from __future__ import annotations

import torch
from torch.nn import functional as F  # noqa: N812

State = dict[str, torch.Tensor]


def batch_norm(x: torch.Tensor, state: State, name: str) -> torch.Tensor:
    """Compute (x - mean) / sqrt(var + 1e-5) * weight + bias for each channel."""
    mean, var = state[f"{name}.running_mean"], state[f"{name}.running_var"]
    scale = state[f"{name}.weight"] / torch.sqrt(var + 1e-5)
    return x * scale[:, None, None] + (state[f"{name}.bias"] - mean * scale)[:, None, None]


def resnet_features(state: State, x: torch.Tensor) -> list[torch.Tensor]:
    """Compute the maps of strides 2 to 32 of the ResNet whose blocks the state names."""
    x = F.relu(batch_norm(F.conv2d(x, state["conv1.weight"], stride=2, padding=3), state, "bn1"))
    maps = [x]
    x = F.max_pool2d(x, 3, stride=2, padding=1)
    for layer in (1, 2, 3, 4):
        block = 0
        while f"layer{layer}.{block}.conv1.weight" in state:
            at = f"layer{layer}.{block}"
            stride = 2 if layer > 1 and block == 0 else 1
            bottleneck = f"{at}.conv3.weight" in state
            # torchvision has the stride in the first convolution of a basic block and in the second of a bottleneck
            steps = [1, stride, 1] if bottleneck else [stride, 1]
            y = x
            for i, step in enumerate(steps, start=1):
                weight = state[f"{at}.conv{i}.weight"]
                y = batch_norm(F.conv2d(y, weight, stride=step, padding=weight.shape[-1] // 2), state, f"{at}.bn{i}")
                y = F.relu(y) if i < len(steps) else y
            if f"{at}.downsample.0.weight" in state:
                x = F.conv2d(x, state[f"{at}.downsample.0.weight"], stride=stride)
                x = batch_norm(x, state, f"{at}.downsample.1")
            x = F.relu(x + y)
            block += 1
        maps.append(x)
    return maps


def densenet_features(state: State, x: torch.Tensor) -> list[torch.Tensor]:
    """Compute the maps of strides 2 to 32 of a DenseNet, each after the norm and ReLU that follow it."""
    x = F.conv2d(x, state["features.conv0.weight"], stride=2, padding=3)
    x = F.relu(batch_norm(x, state, "features.norm0"))
    maps = [x]
    x = F.max_pool2d(x, 3, stride=2, padding=1)
    for block in (1, 2, 3, 4):
        layer = 1
        while f"features.denseblock{block}.denselayer{layer}.conv1.weight" in state:
            at = f"features.denseblock{block}.denselayer{layer}"
            y = F.conv2d(F.relu(batch_norm(x, state, f"{at}.norm1")), state[f"{at}.conv1.weight"])
            y = F.conv2d(F.relu(batch_norm(y, state, f"{at}.norm2")), state[f"{at}.conv2.weight"], padding=1)
            x = torch.cat([x, y], dim=1)
            layer += 1
        norm = "features.norm5" if block == 4 else f"features.transition{block}.norm"
        x = F.relu(batch_norm(x, state, norm))
        maps.append(x)
        if block < 4:
            x = F.avg_pool2d(F.conv2d(x, state[f"features.transition{block}.conv.weight"]), 2)
    return maps
