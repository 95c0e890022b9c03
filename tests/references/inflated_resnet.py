"""The inflated 3D ResNet of Merlin and Astra, written down from the names of its weights with torch's functions."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch.nn import functional as F  # noqa: N812


def inflated_features(state: Mapping[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    """Return the deepest map (N, C, z, x, y) of scans (N, 1, X, Y, Z) in RAS, as the published program does."""
    state = {key: value.to(x.dtype) for key, value in state.items()}

    def norm(value: torch.Tensor, name: str) -> torch.Tensor:
        parts = (state[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias"))
        mean, var, weight, bias = (part[:, None, None, None] for part in parts)
        return (value - mean) / (var + 1e-5).sqrt() * weight + bias

    x = x.movedim(4, 2)
    x = torch.cat([x] * state["conv1.weight"].shape[1], dim=1)
    x = F.conv3d(F.pad(x, (3, 3, 3, 3, 1, 1)), state["conv1.weight"], stride=(1, 2, 2))
    x = F.max_pool3d(F.pad(norm(x, "bn1").clamp_min(0), (1,) * 6), 3, 2)  # zeros never exceed values after ReLU
    for layer in (1, 2, 3, 4):
        block = 0
        while f"layer{layer}.{block}.conv1.weight" in state:
            name, stride = f"layer{layer}.{block}", 2 if layer > 1 and block == 0 else 1
            out = norm(F.conv3d(x, state[f"{name}.conv1.weight"]), f"{name}.bn1").clamp_min(0)
            out = F.conv3d(F.pad(out, (1,) * 6), state[f"{name}.conv2.weight"], stride=stride)
            out = norm(out, f"{name}.bn2").clamp_min(0)
            out = norm(F.conv3d(out, state[f"{name}.conv3.weight"]), f"{name}.bn3")
            if f"{name}.downsample.0.weight" in state:
                x = norm(F.conv3d(x, state[f"{name}.downsample.0.weight"], stride=stride), f"{name}.downsample.1")
            x, block = (out + x).clamp_min(0), block + 1
    return x
