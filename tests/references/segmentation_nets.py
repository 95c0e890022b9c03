"""DeepLabV3+, FPN, PAN and Li 2018's pooling, written from their papers in plain functions on a state dict.

Each takes the encoder's maps, shallow to deep, and gives the decoded map. Two dimensions, batch norm in eval mode.
"""

from __future__ import annotations

import torch
from torch.nn import functional as F  # noqa: N812

State = dict[str, torch.Tensor]
Maps = list[torch.Tensor]


def conv(x: torch.Tensor, state: State, at: str, rate: int = 1, relu: bool = True) -> torch.Tensor:
    """Convolution, batch norm (or 32 groups, where the state counts no batches), ReLU."""
    weight = state[f"{at}.conv.weight"]
    x = F.conv2d(x, weight, state.get(f"{at}.conv.bias"), padding=rate * (weight.shape[-1] // 2), dilation=rate)
    scale, shift = (state[f"{at}.adn.N.{name}"][:, None, None] for name in ("weight", "bias"))
    if f"{at}.adn.N.running_mean" in state:
        mean, var = (state[f"{at}.adn.N.running_{name}"][:, None, None] for name in ("mean", "var"))
    else:
        groups = x.reshape(len(x), 32, -1)
        mean = groups.mean(2).repeat_interleave(x.shape[1] // 32, 1)[..., None, None]
        var = groups.var(2, correction=0).repeat_interleave(x.shape[1] // 32, 1)[..., None, None]
    x = (x - mean) / torch.sqrt(var + 1e-5) * scale + shift
    return F.relu(x) if relu else x


def separable(x: torch.Tensor, state: State, at: str, rate: int = 1) -> torch.Tensor:
    """One channel at a time, 3x3 with holes; then across channels."""
    planes = [
        F.conv2d(x[:, i : i + 1], state[f"{at}.0.weight"][i : i + 1], padding=rate, dilation=rate)
        for i in range(x.shape[1])
    ]
    return conv(torch.cat(planes, 1), state, f"{at}.1")


def enlarge(x: torch.Tensor, size: torch.Size) -> torch.Tensor:
    """Bilinear, corners aligned, as a weighted sum over all cells: two matrices of hat functions."""
    hats = []
    for few, many in zip(x.shape[2:], size, strict=True):
        places = torch.linspace(0, few - 1, many, dtype=x.dtype) if many > 1 else torch.zeros(1, dtype=x.dtype)
        hats.append((1 - (places[:, None] - torch.arange(few, dtype=x.dtype)).abs()).clamp_min(0))
    return torch.einsum("ih,jw,nchw->ncij", *hats, x)


def deeplab(
    state: State, maps: Maps, rates: tuple[int, ...] = (12, 24, 36), image_pooling: bool = True
) -> torch.Tensor:
    """Chen et al. 2018, figure 2: context at several rates, enlarged, joined with the low-level map, refined."""
    x = maps[-1]
    found = [conv(x, state, "context.0.branches.0")]
    found += [separable(x, state, f"context.0.branches.{i}", rate) for i, rate in enumerate(rates, start=1)]
    if image_pooling:
        pooled = conv(x.mean((2, 3), keepdim=True), state, "context.0.pooling.conv")
        found.append(pooled * torch.ones_like(found[0]))
    context = separable(conv(torch.cat(found, 1), state, "context.0.project.0"), state, "context.1")
    low = conv(maps[1], state, "low_level")
    return separable(torch.cat([enlarge(context, low.shape[2:]), low], 1), state, "join")


def fpn(state: State, maps: Maps) -> torch.Tensor:
    """Kirillov et al. 2019, figure 3: stride 32 three times convolved and enlarged, 16 twice, 8 once, 4 convolved."""
    top_down, total = None, 0.0
    for level, stride in enumerate((32, 16, 8, 4)):
        x = maps[4 - level]
        x = F.conv2d(x, state[f"lateral.{level}.weight"], state[f"lateral.{level}.bias"])
        if top_down is not None:  # nearest: each finer cell takes the coarse cell that it lies in
            rows, columns = (torch.arange(n) * m // n for n, m in zip(x.shape[2:], top_down.shape[2:], strict=True))
            x = x + top_down[:, :, rows][:, :, :, columns]
        top_down = x
        for step in range(max(1, 3 - level)):
            x = conv(x, state, f"segment.{level}.{step}")
            if stride > 4:
                x = enlarge(x, maps[4 - level - step - 1].shape[2:])
        total = total + x
    return total


def pan(state: State, maps: Maps, image_pooling: bool = True) -> torch.Tensor:
    """Li et al. 2018, figures 3 and 4: feature pyramid attention, then global attention upsampling three times."""
    x = maps[-1]
    levels = [x]
    for i in range(3):
        levels.append(conv(F.max_pool2d(levels[-1], 2, ceil_mode=True), state, f"attention.down.{i}"))
    attention = enlarge(conv(levels[3], state, "attention.up.2"), levels[2].shape[2:])
    attention = enlarge(attention + conv(levels[2], state, "attention.up.1"), levels[1].shape[2:])
    attention = enlarge(attention + conv(levels[1], state, "attention.up.0"), x.shape[2:])
    y = conv(x, state, "mid") * attention
    if image_pooling:
        y = y + conv(x.mean((2, 3), keepdim=True), state, "pooling.conv")
    for i in range(3):
        fine = conv(maps[3 - i], state, f"up.{i}.layers.0")
        if image_pooling:
            fine = fine * torch.sigmoid(conv(y.mean((2, 3), keepdim=True), state, f"up.{i}.gate.conv", relu=False))
        y = enlarge(y, fine.shape[2:]) + fine
    return y


def noisy_or(x: torch.Tensor, minimum: float) -> torch.Tensor:
    """p = 1 - prod(minimum + (1 - minimum) (1 - sigmoid(x))) over the cells, as it stands."""
    return 1 - (minimum + (1 - minimum) * (1 - torch.sigmoid(x))).flatten(2).prod(2)
