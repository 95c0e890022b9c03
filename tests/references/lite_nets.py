"""Reference implementation of EfficientNet-Lite as plain functions on the key names of its published weights.

It uses neither MONAI nor this package, so it checks the meaning of a checkpoint's weights independently. Strides follow
from the position of the blocks, everything else from the shapes of the weights.
"""

from __future__ import annotations

import torch
from torch.nn import functional as F  # noqa: N812

State = dict[str, torch.Tensor]


def same_conv(x: torch.Tensor, weight: torch.Tensor, stride: int = 1) -> torch.Tensor:
    """Convolve with TensorFlow's padding "same", in which the odd cell is added below and to the right."""
    groups = x.shape[1] // weight.shape[1]
    pads = []
    for edge in reversed(x.shape[2:]):
        total = max((-(-edge // stride) - 1) * stride + weight.shape[-1] - edge, 0)
        pads += [total // 2, total - total // 2]
    return F.conv2d(F.pad(x, pads), weight, stride=stride, groups=groups)


def norm(x: torch.Tensor, state: State, name: str) -> torch.Tensor:
    """Compute (x - mean) / sqrt(var + 1e-3) * weight + bias for each channel."""
    scale = state[f"{name}.weight"] / torch.sqrt(state[f"{name}.running_var"] + 1e-3)
    shift = state[f"{name}.bias"] - state[f"{name}.running_mean"] * scale
    return x * scale[:, None, None] + shift[:, None, None]


def lite_maps(state: State, x: torch.Tensor) -> list[torch.Tensor]:
    """Compute the last map of each stride from 2 to 32; that of stride 32 after the last convolution."""
    x = F.relu6(norm(same_conv(x, state["_conv_stem.weight"], 2), state, "_bn0"))
    maps: list[torch.Tensor] = []
    block, before = 0, 0
    while f"_blocks.{block}._project_conv.weight" in state:
        at = f"_blocks.{block}"
        depthwise, project = state[f"{at}._depthwise_conv.weight"], state[f"{at}._project_conv.weight"]
        # A new stack starts if the width changes. The stack of width about 112 and the first one keep
        # the stride, all others halve the grid.
        stack = project.shape[0] != before
        stride = 2 if stack and block > 0 and not (before in (80, 88) or before in (192, 208)) else 1
        before = project.shape[0]
        y = x
        if f"{at}._expand_conv.weight" in state:
            y = F.relu6(norm(same_conv(y, state[f"{at}._expand_conv.weight"]), state, f"{at}._bn0"))
        if stride == 2:
            maps.append(x)
        y = F.relu6(norm(same_conv(y, depthwise, stride), state, f"{at}._bn1"))
        y = norm(same_conv(y, project), state, f"{at}._bn2")
        x = x + y if not stack else y
        block += 1
    return [*maps, F.relu6(norm(same_conv(x, state["_conv_head.weight"]), state, "_bn1"))]


def lite_scores(state: State, x: torch.Tensor) -> torch.Tensor:
    """Compute the 1000 logits of ImageNet."""
    return F.linear(lite_maps(state, x)[-1].mean((2, 3)), state["_fc.weight"], state["_fc.bias"])
