"""Rules for how the operations of a network change the roles and places of the axes.

A network consists of few kinds of operations below PyTorch's autograd. Convolutions, pooling and interpolation change
position and distance of the cells; reshaping and transposing move them to other axes. An operation without a rule of
its own is a reduction, if it has fewer axes and names them, or elementwise. Otherwise its result is unknown, never
guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from monai_pylon.visualize.axis_factors import (
    CHANNEL,
    FEATURE,
    Axes,
    Axis,
    Factor,
    concatenated,
    is_spatial,
    merged,
    per_axis,
    product,
    resampled,
    reshaped,
    resized,
    scaled,
    sliced,
    unknown,
    windowed,
    with_features,
)

__all__: list[str] = []

Known = list[tuple[tuple[int, ...], Axes | None]]


class Call(NamedTuple):
    """Call of an operation.

    Attributes:
        named: Its arguments by name.
        known: Shape and axes of each tensor among the arguments; None for one that does not come from the input.
        shape: Shape of a result.
        number: Number of the result, from 0.
    """

    named: dict[str, Any]
    known: Known
    shape: tuple[int, ...]
    number: int = 0

    @property
    def axes(self) -> Axes:
        """Axes of the first argument."""
        axes = self.known[0][1]
        if axes is None:
            raise ValueError("the first argument has no known axes")
        return axes

    def dim(self) -> int:
        """Return the axis that the operation names, from 0; 0 if it names none."""
        return int(self.named.get("dim", 0)) % len(self.axes)


Rule = Callable[[Call], Axes | None]


def derived(name: str, call: Call) -> Axes | None:
    """Return the axes of a result of an operation, None if they are unknown."""
    if all(axes is None for _, axes in call.known):
        return None
    try:
        return _RULES.get(name.removesuffix("_copy"), _other)(call)
    except (IndexError, KeyError, TypeError, ValueError):  # a form of the operation that is not known here
        return None


def _with(axes: Axes, dim: int, axis: Axis) -> Axes:
    return (*axes[:dim], axis, *axes[dim + 1 :])


def _reshape(call: Call) -> Axes:
    return reshaped(call.axes, call.shape)


def _unsqueeze(call: Call) -> Axes:
    dim = call.named["dim"] % len(call.shape)
    return (*call.axes[:dim], (), *call.axes[dim:])


def _permute(call: Call) -> Axes:
    return tuple(call.axes[dim] for dim in call.named["dims"])


def _transpose(call: Call) -> Axes:
    axes = list(call.axes)
    a, b = call.named.get("dim0", 0), call.named.get("dim1", -1)
    axes[a], axes[b] = axes[b], axes[a]
    return tuple(axes)


def _select(call: Call) -> Axes:
    return tuple(axis for i, axis in enumerate(call.axes) if i != call.dim())


def _slice(call: Call) -> Axes:
    dim, start = call.dim(), call.named.get("start") or 0
    size = call.known[0][0][dim]
    start = max(0, start + size if start < 0 else min(start, size))
    return _with(call.axes, dim, sliced(call.axes[dim], start, call.shape[dim], call.named.get("step", 1)))


def _split(call: Call) -> Axes:
    dim, sizes = call.dim(), call.named["split_sizes" if "split_sizes" in call.named else "split_size"]
    start = sum(sizes[: call.number]) if isinstance(sizes, list | tuple) else call.number * int(sizes)
    return _with(call.axes, dim, sliced(call.axes[dim], start, call.shape[dim]))


def _unfold(call: Call) -> Axes:
    """Return the axes of windows along an axis (`Tensor.unfold`): their centers, and the cells within at the end."""
    dim, size = int(call.named["dimension"]) % len(call.axes), int(call.named["size"])
    axis = call.axes[dim]
    windows = resampled(axis, call.shape[dim], (size - 1) / 2, call.named["step"])
    cells = (axis[0].within(size),) if len(axis) == 1 and axis[0].spatial else unknown(size)
    return (*_with(call.axes, dim, windows), cells)


def _cat(call: Call) -> Axes:
    known = [(shape, axes) for shape, axes in call.known if len(shape) == len(call.shape)]
    dim = int(call.named.get("dim", 0)) % len(call.shape)
    along = concatenated([None if axes is None else axes[dim] for _, axes in known], [shape[dim] for shape, _ in known])
    others = [(_without(shape, dim), None if axes is None else _without(axes, dim)) for shape, axes in known]
    rest = _aligned(others, _without(call.shape, dim)) or ()
    return (*rest[:dim], along, *rest[dim:])


def _without(values: tuple[Any, ...], dim: int) -> tuple[Any, ...]:
    return (*values[:dim], *values[dim + 1 :])


def _stack(call: Call) -> Axes:
    dim = int(call.named.get("dim", 0)) % len(call.shape)
    rest = _aligned(call.known, _without(call.shape, dim)) or ()
    return (*rest[:dim], unknown(call.shape[dim]), *rest[dim:])


def _roll(call: Call) -> Axes:
    axes = call.axes
    # Without dims PyTorch rolls the flattened tensor: an error here, so that the result is unknown.
    for shift, dim in zip(call.named["shifts"], call.named["dims"], strict=True):
        axes = _with(axes, dim % len(axes), resampled(axes[dim], call.shape[dim], -shift, 1))
    return axes


def _flip(call: Call) -> Axes:
    axes = call.axes
    for dim in call.named["dims"]:
        axes = _with(axes, dim % len(axes), resampled(axes[dim], call.shape[dim], call.shape[dim] - 1, -1))
    return axes


def _reordered(call: Call) -> Axes | None:
    """Return the axes after an operation that may reorder values: the cells of spatial axes are no longer known."""
    if len(call.axes) != len(call.shape):
        return None
    pairs = zip(call.axes, call.shape, strict=True)
    return tuple(unknown(size) if is_spatial(axis) else resized(axis, size) for axis, size in pairs)


def _convolution(call: Call) -> Axes:
    named, kernel, shape = call.named, list(call.named["weight"].shape[2:]), call.shape[2:]
    spatial = tuple(axis if is_spatial(axis) else unknown(n) for axis, n in zip(call.axes[2:], shape, strict=True))
    stride, padding, dilation = named["stride"], named["padding"], named["dilation"]
    if not named.get("transposed", False):
        return (
            call.axes[0],
            (Factor(call.shape[1], FEATURE),),
            *windowed(spatial, shape, kernel, stride, padding, dilation),
        )
    count = len(kernel)
    reach = [(kernel[i] - 1) * per_axis(dilation, count)[i] / 2 - per_axis(padding, count)[i] for i in range(count)]
    steps = per_axis(stride, count)
    enlarged = (resampled(spatial[i], shape[i], -reach[i] / steps[i], 1 / steps[i]) for i in range(count))
    return (call.axes[0], (Factor(call.shape[1], FEATURE),), *enlarged)


def _pool(call: Call) -> Axes:
    named, lead = call.named, len(call.axes) - len(call.named["kernel_size"])
    window = (named["kernel_size"], named.get("stride", []), named.get("padding", 0), named.get("dilation", 1))
    return (*call.axes[:lead], *windowed(call.axes[lead:], call.shape[lead:], *window))


def _interpolate(call: Call) -> Axes:
    return scaled(call.axes, call.shape, bool(call.named.get("align_corners", False)))


def _pad(call: Call) -> Axes:
    axes, pads = call.axes, call.named["pad" if "pad" in call.named else "padding"]
    for i in range(len(pads) // 2):
        dim = len(axes) - 1 - i
        axes = _with(axes, dim, resampled(axes[dim], call.shape[dim], -pads[2 * i], 1))
    return axes


def _product(call: Call) -> Axes | None:
    """Return the axes of (..., m, k) x (..., k, n). None if only the term that is added comes from the input."""
    (_, first), (_, second) = call.known[-2:]
    return product(first, second, call.shape) if first or second else None


def _attention(call: Call) -> Axes | None:
    """Return the axes of fused attention: each token of the first result stands where its query stood."""
    (_, query), _, (_, value) = call.known[:3]
    if query is None or call.number:
        return None
    return query if value is None else (*query[:-1], value[-1])


def _linear(call: Call) -> Axes | None:
    """Return the axes after a linear or recurrent layer, which computes features on the last axis."""
    kept = _aligned(call.known, call.shape)
    return None if kept is None else with_features(kept, len(call.shape) - 1, call.shape[-1])


def _layer_norm(call: Call) -> Axes | None:
    """Return the axes after a layer norm. One over the last axis of a sequence shows that it holds the features."""
    axes = call.axes
    if len(call.named["normalized_shape"]) == 1 and any(axis and axis[0].role == CHANNEL for axis in axes[:-1]):
        return with_features(axes, len(axes) - 1, call.shape[-1])
    return _other(call)


def _other(call: Call) -> Axes | None:
    """Return the axes after a reduction or an elementwise operation; the rule of operations that have no other."""
    axes = next(axes for _, axes in call.known if axes is not None)
    dims = call.named.get("dim")
    if dims is not None and len(call.shape) < len(axes):
        removed = {dim % len(axes) for dim in (dims if isinstance(dims, list | tuple) else [dims])}
        return tuple(axis for i, axis in enumerate(axes) if i not in removed)
    return _aligned(call.known, call.shape)


def _aligned(known: Known, shape: Sequence[int]) -> Axes | None:
    """Return the axes of an elementwise result, or of one with the same number of axes and other sizes.

    None if the number of axes changes: the operation is then unknown.
    """
    found = [(sizes, axes) for sizes, axes in known if axes is not None]
    if max(len(sizes) for sizes, _ in found) != len(shape):
        return None
    first_sizes, first = found[0]
    found.sort(key=lambda pair: pair[0] != tuple(shape))
    result = []
    for i, size in enumerate(shape):
        back = len(shape) - i
        fitting = [axes[-back] for sizes, axes in found if back <= len(sizes) and sizes[-back] == size]
        if fitting:
            result.append(merged(fitting))
        else:
            enlarged = len(first_sizes) == len(shape) and first_sizes[i] != 1
            result.append(resized(first[i], size) if enlarged else unknown(size))
    return tuple(result)


_NAMES: dict[Rule, str] = {
    _reshape: "view _unsafe_view reshape _reshape _reshape_alias squeeze squeeze_ flatten unflatten",
    _unsqueeze: "unsqueeze unsqueeze_",
    _permute: "permute",
    _transpose: "transpose transpose_ t t_ numpy_T swapaxes swapdims",
    _select: "select unbind",
    _slice: "slice narrow",
    _split: "split split_with_sizes",
    _unfold: "unfold",
    _cat: "cat concat",
    _stack: "stack",
    _roll: "roll",
    _flip: "flip",
    _reordered: "index index_select gather sort topk take index_put scatter unique kthvalue embedding as_strided "
    "im2col col2im channel_shuffle renorm",
    _convolution: "convolution _convolution convolution_overrideable mkldnn_convolution cudnn_convolution "
    "miopen_convolution mps_convolution",
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
    "_scaled_dot_product_efficient_attention _scaled_dot_product_cudnn_attention "
    "_scaled_dot_product_attention_math scaled_dot_product_attention _native_multi_head_attention",
    _linear: "linear mkldnn_rnn_layer lstm gru rnn_tanh rnn_relu _cudnn_rnn miopen_rnn",
    _layer_norm: "native_layer_norm",
}
_RULES = {name: rule for rule, names in _NAMES.items() for name in names.split()}
