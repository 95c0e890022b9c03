"""Follow the image axes through the operations of a network, to know where the cells of its inner tensors look.

Convolutions, pooling and interpolation change position and distance of the cells; reshaping and transposing move them
to other axes of the tensor. An operation without a rule of its own counts as elementwise: the places of its inputs are
those of its outputs if the shapes agree, and lost if not.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.weak import WeakTensorKeyDictionary

from monai_pylon.visualize.grid_factors import (
    AxisFactor,
    Grid,
    broadcast,
    image_grid,
    per_axis,
    plain,
    regrouped,
    scaled,
    single,
    windowed,
)

__all__: list[str] = []

aten = torch.ops.aten


class GridTracer(TorchDispatchMode):
    """Context in which every tensor computed from an image keeps where its cells look.

    Example:
        >>> image = torch.zeros(1, 1, 32)
        >>> with torch.no_grad(), GridTracer(image) as tracer:
        ...     result = torch.nn.functional.avg_pool1d(image, 4)
        >>> [(factor.size, factor.origin, factor.spacing) for factor in tracer.grid(result)[2]]
        [(8, 1.5, 4.0)]
    """

    def __init__(self, image: torch.Tensor) -> None:
        super().__init__()
        self._grids: Any = WeakTensorKeyDictionary()
        self._grids[image] = image_grid(image.shape)

    def grid(self, tensor: torch.Tensor) -> Grid:
        """Return the factors of each axis of a tensor; plain ones if it does not come from the image."""
        return self._grids.get(tensor) or plain(tensor.shape)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operation, then compute the grid of its results."""
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        tensors = [t for t in _flat([*args, *kwargs.values()]) if t in self._grids]
        if tensors:
            rule = _RULES.get(func.overloadpacket, _elementwise)
            named = {a.name: v for a, v in zip(func._schema.arguments, args, strict=False)} | kwargs
            outputs = list(_flat([result]))
            for i, output in enumerate(outputs):
                self._grids[output] = rule(self, named, output, i)
        return result


def _flat(values: Any) -> Any:
    """Iterate over the tensors in nested lists."""
    for value in values:
        if isinstance(value, torch.Tensor):
            yield value
        elif isinstance(value, list | tuple):
            yield from _flat(value)


Rule = Callable[[GridTracer, dict[str, Any], torch.Tensor, int], Grid]


def _elementwise(tracer: GridTracer, named: dict[str, Any], output: torch.Tensor, number: int) -> Grid:
    """Return the merged grid of all tensors that were given; the rule of every operation that has no other."""
    return broadcast([tracer.grid(t) for t in _flat(named.values())], output.shape)


def _reshape(tracer: GridTracer, named: dict[str, Any], output: torch.Tensor, number: int) -> Grid:
    return regrouped(tracer.grid(named["self"]), output.shape)


def _permute(tracer: GridTracer, named: dict[str, Any], output: torch.Tensor, number: int) -> Grid:
    grid = tracer.grid(named["self"])
    return tuple(grid[d] for d in named["dims"])


def _transpose(tracer: GridTracer, named: dict[str, Any], output: torch.Tensor, number: int) -> Grid:
    axes = list(tracer.grid(named["self"]))
    a, b = named.get("dim0", 0), named.get("dim1", 1)
    axes[a], axes[b] = axes[b], axes[a]
    return tuple(axes)


def _unsqueeze(tracer: GridTracer, named: dict[str, Any], output: torch.Tensor, number: int) -> Grid:
    axes, dim = list(tracer.grid(named["self"])), named["dim"]
    axes.insert(dim % output.ndim, (AxisFactor(1),))
    return tuple(axes)


def _removed(tracer: GridTracer, named: dict[str, Any], output: torch.Tensor, number: int) -> Grid:
    """Return the grid without the axes over which an operation reduced or from which it selected."""
    grid = tracer.grid(named["self"])
    dims = named.get("dim")
    removed = range(len(grid)) if dims is None or dims == [] else dims if isinstance(dims, list | tuple) else [dims]
    gone = {d % max(len(grid), 1) for d in removed}
    if output.ndim == len(grid):
        return tuple((AxisFactor(1),) if i in gone else axis for i, axis in enumerate(grid))
    kept = tuple(axis for i, axis in enumerate(grid) if i not in gone)
    return kept if len(kept) == output.ndim else regrouped(grid, output.shape)


def _slice(tracer: GridTracer, named: dict[str, Any], output: torch.Tensor, number: int) -> Grid:
    axes, dim = list(tracer.grid(named["self"])), named.get("dim", 0)
    size, length = int(output.shape[dim]), math.prod(f.size for f in axes[dim])
    start = named.get("start") or 0
    start = max(0, start + length if start < 0 else min(start, length))
    factor = single(axes[dim])
    if factor.tokens and start == factor.before and size == math.prod(f.size for f in factor.tokens):
        axes[dim] = factor.tokens
    elif size != length:
        axes[dim] = (factor.resampled(size, start, named.get("step", 1)),)
    return tuple(axes)


def _split(tracer: GridTracer, named: dict[str, Any], output: torch.Tensor, number: int) -> Grid:
    axes, dim = list(tracer.grid(named["self"])), named.get("dim", 0)
    sizes = named.get("split_sizes", named.get("split_size"))
    start = sum(sizes[:number]) if isinstance(sizes, list | tuple) else number * int(sizes)  # type: ignore[arg-type]
    axes[dim] = (single(axes[dim]).resampled(int(output.shape[dim]), start, 1),)
    return tuple(axes)


def _cat(tracer: GridTracer, named: dict[str, Any], output: torch.Tensor, number: int) -> Grid:
    """Return the merged grid; along the joined axis the longest part gives the place, as where copies fill a volume."""
    tensors, dim = [t for t in named["tensors"] if t.numel()], named.get("dim", 0) % output.ndim
    axes = list(broadcast([tracer.grid(t) for t in tensors], output.shape))
    longest = max(range(len(tensors)), key=lambda i: tensors[i].shape[dim])
    before = sum(int(t.shape[dim]) for t in tensors[:longest])
    size, axis = int(output.shape[dim]), tracer.grid(tensors[longest])[dim]
    tokens = len(axis) > 1 and len(tensors) > 1
    axes[dim] = (AxisFactor(size, tokens=axis, before=before) if tokens else single(axis).resampled(size, -before, 1),)
    return tuple(axes)


def _roll(tracer: GridTracer, named: dict[str, Any], output: torch.Tensor, number: int) -> Grid:
    axes = list(tracer.grid(named["self"]))
    for shift, dim in zip(named["shifts"], named.get("dims") or [0], strict=False):
        factor = single(axes[dim])
        axes[dim] = (factor.resampled(factor.size, -shift, 1),)
    return tuple(axes)


def _flip(tracer: GridTracer, named: dict[str, Any], output: torch.Tensor, number: int) -> Grid:
    axes = list(tracer.grid(named["self"]))
    for dim in named["dims"]:
        factor = single(axes[dim])
        axes[dim] = (factor.resampled(factor.size, factor.size - 1, -1),)
    return tuple(axes)


def _convolution(tracer: GridTracer, named: dict[str, Any], output: torch.Tensor, number: int) -> Grid:
    grid = tracer.grid(named["input"])
    kernel, stride, padding, dilation = named["weight"].shape[2:], named["stride"], named["padding"], named["dilation"]
    axes = len(kernel)
    lead: Grid = (*grid[:-axes][:-1], (AxisFactor(int(output.shape[-axes - 1])),))
    if not named.get("transposed", False):
        return (*lead, *windowed(grid[-axes:], output.shape[-axes:], list(kernel), stride, padding, dilation))
    spatial = []
    for i in range(axes):
        step = per_axis(stride, axes)[i]
        reach = (kernel[i] - 1) * per_axis(dilation, axes)[i] / 2 - per_axis(padding, axes)[i]
        spatial.append((single(grid[i - axes]).resampled(int(output.shape[i - axes]), -reach / step, 1 / step),))
    return (*lead, *spatial)


def _pool(tracer: GridTracer, named: dict[str, Any], output: torch.Tensor, number: int) -> Grid:
    grid = tracer.grid(named["self"])
    axes = len(named["kernel_size"])
    window = (named["kernel_size"], named.get("stride", []), named.get("padding", 0), named.get("dilation", 1))
    return (*grid[:-axes], *windowed(grid[-axes:], output.shape[-axes:], *window))


def _interpolate(tracer: GridTracer, named: dict[str, Any], output: torch.Tensor, number: int) -> Grid:
    grid = tracer.grid(named["self"] if "self" in named else named["input"])
    return scaled(grid, output.shape, bool(named.get("align_corners", False)))


def _pad(tracer: GridTracer, named: dict[str, Any], output: torch.Tensor, number: int) -> Grid:
    axes, pads = list(tracer.grid(named["self"])), named["pad" if "pad" in named else "padding"]
    for i in range(len(pads) // 2):
        dim = len(axes) - 1 - i
        if pads[2 * i] or pads[2 * i + 1]:
            axes[dim] = (single(axes[dim]).resampled(int(output.shape[dim]), -pads[2 * i], 1),)
    return tuple(axes)


def _product(tracer: GridTracer, named: dict[str, Any], output: torch.Tensor, number: int) -> Grid:
    """Return the grid of a matrix product (..., m, k) x (..., k, n)."""
    left, right = (tracer.grid(t) for t in list(_flat(named.values()))[-2:])
    lead = broadcast([left[:-2], right[:-2]], output.shape[:-2])
    return (*lead, left[-2], right[-1]) if output.ndim >= 2 else plain(output.shape)


def _attention(tracer: GridTracer, named: dict[str, Any], output: torch.Tensor, number: int) -> Grid:
    """Return the grid of the queries: each token of the result stands where its query stood."""
    return broadcast([tracer.grid(named["query"])], output.shape)


def _table() -> dict[Any, Rule]:
    """Return the rules by operation; an operation that this PyTorch lacks is left out."""
    names: dict[Rule, str] = {
        _reshape: "view _unsafe_view reshape _reshape_alias squeeze unfold",
        _permute: "permute",
        _transpose: "transpose t numpy_T",
        _unsqueeze: "unsqueeze",
        _removed: "sum mean amax amin max min prod std var logsumexp select any all argmax norm linalg_vector_norm",
        _slice: "slice",
        _split: "split split_with_sizes",
        _cat: "cat",
        _roll: "roll",
        _flip: "flip",
        _convolution: "convolution _convolution mkldnn_convolution cudnn_convolution",
        _pool: "max_pool1d max_pool2d max_pool3d max_pool2d_with_indices max_pool3d_with_indices avg_pool1d avg_pool2d "
        "avg_pool3d mkldnn_max_pool2d mkldnn_max_pool3d",
        _interpolate: "upsample_nearest1d upsample_nearest2d upsample_nearest3d upsample_linear1d upsample_bilinear2d "
        "upsample_trilinear3d upsample_bicubic2d _upsample_bilinear2d_aa _upsample_bicubic2d_aa "
        "_upsample_nearest_exact1d _upsample_nearest_exact2d _upsample_nearest_exact3d _adaptive_avg_pool2d "
        "_adaptive_avg_pool3d adaptive_avg_pool1d adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d",
        _pad: "constant_pad_nd reflection_pad1d reflection_pad2d reflection_pad3d replication_pad1d replication_pad2d "
        "replication_pad3d pad",
        _product: "mm bmm addmm baddbmm",
        _attention: "_scaled_dot_product_flash_attention_for_cpu _scaled_dot_product_flash_attention "
        "_scaled_dot_product_efficient_attention _scaled_dot_product_attention_math scaled_dot_product_attention",
    }
    return {getattr(aten, name): rule for rule, all_ in names.items() for name in all_.split() if hasattr(aten, name)}


_RULES = _table()
