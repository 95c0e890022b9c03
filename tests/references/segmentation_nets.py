"""Reference implementations of DeepLabV3+, FPN, PAN, PYLON's decoder and Li 2018's pooling as plain functions.

They follow the papers and read a state dict. Each decoder takes the encoder's maps, shallow to deep, and returns the
decoded map. They are two-dimensional, with batch norm in eval mode.
"""

from __future__ import annotations

import torch
from torch.nn import functional as F  # noqa: N812

State = dict[str, torch.Tensor]
Maps = list[torch.Tensor]


def conv(x: torch.Tensor, state: State, at: str, rate: int = 1, relu: bool = True) -> torch.Tensor:
    """Compute convolution, batch norm (or group norm with 32 groups, if the state has no statistics) and ReLU."""
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
    """Compute a dilated 3x3 convolution of each channel, then a 1x1 convolution across channels."""
    planes = [
        F.conv2d(x[:, i : i + 1], state[f"{at}.0.weight"][i : i + 1], padding=rate, dilation=rate)
        for i in range(x.shape[1])
    ]
    return conv(torch.cat(planes, 1), state, f"{at}.1")


def enlarge(x: torch.Tensor, size: torch.Size) -> torch.Tensor:
    """Upsample bilinearly with aligned corners, by two matrices of hat functions."""
    hats = []
    for few, many in zip(x.shape[2:], size, strict=True):
        positions = torch.linspace(0, few - 1, many, dtype=x.dtype) if many > 1 else torch.zeros(1, dtype=x.dtype)
        hats.append((1 - (positions[:, None] - torch.arange(few, dtype=x.dtype)).abs()).clamp_min(0))
    return torch.einsum("ih,jw,nchw->ncij", *hats, x)


def spatial_pyramid(state: State, x: torch.Tensor, at: str, rates: tuple[int, ...], pooling: bool) -> torch.Tensor:
    """Compute DeepLab's ASPP: a 1x1 convolution, dilated convolutions and the global average, joined."""
    branches = [conv(x, state, f"{at}branches.0")]
    branches += [separable(x, state, f"{at}branches.{i}", rate) for i, rate in enumerate(rates, start=1)]
    if pooling:
        pooled = conv(x.mean((2, 3), keepdim=True), state, f"{at}pooling.conv")
        branches.append(pooled * torch.ones_like(branches[0]))
    return conv(torch.cat(branches, 1), state, f"{at}project.0")


def deeplab(
    state: State, maps: Maps, rates: tuple[int, ...] = (12, 24, 36), image_pooling: bool = True
) -> torch.Tensor:
    """Compute figure 2 of Chen et al. 2018: context at several rates, joined with the low-level map and refined."""
    pyramid = spatial_pyramid(state, maps[-1], "context.0.", rates, image_pooling)
    context = separable(pyramid, state, "context.1")
    low = conv(maps[1], state, "low_level")
    return separable(torch.cat([enlarge(context, low.shape[2:]), low], 1), state, "join")


def fpn(state: State, maps: Maps) -> torch.Tensor:
    """Compute figure 3 of Kirillov et al. 2019: stride 32 is upsampled three times, 16 twice, 8 once, 4 not at all."""
    top_down, total = None, 0.0
    for level, stride in enumerate((32, 16, 8, 4)):
        x = maps[4 - level]
        x = F.conv2d(x, state[f"lateral.{level}.weight"], state[f"lateral.{level}.bias"])
        if top_down is not None:  # nearest neighbor: each fine cell takes the value of its coarse cell
            rows, columns = (torch.arange(n) * m // n for n, m in zip(x.shape[2:], top_down.shape[2:], strict=True))
            x = x + top_down[:, :, rows][:, :, :, columns]
        top_down = x
        for step in range(max(1, 3 - level)):
            x = conv(x, state, f"segment.{level}.{step}")
            if stride > 4:
                x = enlarge(x, maps[4 - level - step - 1].shape[2:])
        total = total + x
    return total


def pyramid_attention(state: State, x: torch.Tensor, at: str) -> torch.Tensor:
    """Compute feature pyramid attention (figure 3 of Li et al. 2018) without its global average."""
    levels = [x]
    for i in range(3):
        levels.append(conv(F.max_pool2d(levels[-1], 2, ceil_mode=True), state, f"{at}down.{i}"))
    attention = enlarge(conv(levels[3], state, f"{at}up.2"), levels[2].shape[2:])
    attention = enlarge(attention + conv(levels[2], state, f"{at}up.1"), levels[1].shape[2:])
    return enlarge(attention + conv(levels[1], state, f"{at}up.0"), x.shape[2:])


def pyramid_decoder(state: State, maps: Maps) -> torch.Tensor:
    """Compute the decoder of PAN (figures 3 and 4 of Li et al. 2018) or PYLON, with the parts that the state names."""
    x = maps[-1]
    y = conv(x, state, "mid")
    if any(key.startswith("attention.") for key in state):
        y = y * pyramid_attention(state, x, "attention.")
    if any(key.startswith("pooling.") for key in state):
        y = y + conv(x.mean((2, 3), keepdim=True), state, "pooling.conv")
    step = 0
    while f"up.{step}.layers.0.conv.weight" in state:
        fine, layer = maps[3 - step], 0
        while f"up.{step}.layers.{layer}.conv.weight" in state:
            fine, layer = conv(fine, state, f"up.{step}.layers.{layer}"), layer + 1
        if f"up.{step}.gate.conv.conv.weight" in state:
            gate = conv(y.mean((2, 3), keepdim=True), state, f"up.{step}.gate.conv", relu=False)
            fine = fine * torch.sigmoid(gate)
        y, step = enlarge(y, fine.shape[2:]) + fine, step + 1
    return y


def noisy_or(x: torch.Tensor, minimum: float) -> torch.Tensor:
    """Compute p = 1 - prod(minimum + (1 - minimum) (1 - sigmoid(x))) over the cells, without logarithms."""
    return 1 - (minimum + (1 - minimum) * (1 - torch.sigmoid(x))).flatten(2).prod(2)
