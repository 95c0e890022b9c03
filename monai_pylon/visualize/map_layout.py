"""Layout of a layer's output: which of its values are features, and where its grid cells lie.

Class activation maps are computed in the layout (R, C, *grid). A layer may have another: channels last (R, *grid, C),
as the norms of ConvNeXt and Swin, or tokens (R, T, C), as a transformer. A layout only moves values, or leaves out
those of no grid cell, such as a class token.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import nn

from monai_pylon.utils import check, check_type
from monai_pylon.visualize.axis_factors import BATCH, CHANNEL, FEATURE, TOKENS, Axes, Axis, Factor

__all__: list[str] = []

Arrange = Callable[[torch.Tensor], torch.Tensor]
ToGrid = Sequence[int] | Arrange | None
#: PyTorch's layers that always have their features on axis 1 of (N, C, *grid).
_FEATURES_FIRST = tuple(
    getattr(nn, f"{kind}{dims}d")
    for kind in ("Conv", "ConvTranspose", "BatchNorm", "InstanceNorm", "MaxPool", "AvgPool")
    for dims in (1, 2, 3)
)
REMEDY = (
    "Pass feature_axis=-1 if the features are on the last axis (feature_axis=1 if on axis 1), or to_grid=(rows, ...) "
    "for tokens (N, T, C), or as to_grid a function from the layer's output to (N, C, *grid)."
)


class Layout(NamedTuple):
    """Arrangement of a layer's output as (R, C, *grid).

    Attributes:
        arrange: Function from the layer's output to (R, C, *grid), None if it has this layout already.
        complete: Whether every value of the output is in the result. Class tokens are left out.
        memory: Shape and strides of the output for which it was found.
    """

    arrange: Arrange | None = None
    complete: bool = True
    memory: tuple[Any, ...] = ()

    def __call__(self, output: torch.Tensor) -> torch.Tensor:
        """Arrange a layer's output as (R, C, *grid)."""
        return output if self.arrange is None else self.arrange(output)

    def of_each(self, gradients: torch.Tensor) -> torch.Tensor:
        """Arrange K gradients (K, *shape of the layer's output) as (K, R, C, *grid)."""
        return gradients if self.arrange is None else torch.stack([self.arrange(one) for one in gradients])


def check_arrangement(feature_axis: int | None, to_grid: Any) -> None:
    """Check the arguments `feature_axis` and `to_grid` before a pass."""
    if feature_axis is not None:
        check_type(feature_axis, int, "feature_axis")
        check(feature_axis != 0, "feature_axis", "another axis than the batch axis", feature_axis)
    if to_grid is None or callable(to_grid):
        remedy = "A function already returns the features on axis 1."
        check(
            to_grid is None or feature_axis is None,
            "feature_axis",
            "None if to_grid is a function",
            feature_axis,
            remedy,
        )
        return
    check_type(to_grid, (list, tuple, torch.Size), "to_grid", "Pass the numbers of rows and columns, or a function.")
    valid = len(to_grid) > 0 and all(isinstance(size, int) and size > 0 for size in to_grid)
    check(valid, "to_grid", "one positive integer for each grid axis, or a function", to_grid)


def layout_of(
    layer: nn.Module, output: torch.Tensor, axes: Axes | None, feature_axis: int | None, to_grid: ToGrid
) -> Layout:
    """Return the layout of a layer's output, from the arguments or from the roles of its axes.

    Raises:
        ValueError: If the arguments do not fit the output, or the roles are not clear.
    """
    if callable(to_grid):
        return _custom(to_grid, output)
    if feature_axis is not None:
        inside = 0 < abs(feature_axis) < output.ndim
        requirement = f"an axis of the layer's output {tuple(output.shape)}, not its first"
        check(inside, "feature_axis", requirement, feature_axis)
    if to_grid is not None:
        return _tokens(output, tuple(to_grid), feature_axis, axes)
    if feature_axis is not None:
        axis = feature_axis % output.ndim
        return Layout() if axis == 1 else Layout(lambda t: t.movedim(axis, 1))
    if type(layer) in _FEATURES_FIRST and output.ndim == int(type(layer).__name__[-2]) + 2:
        return Layout()
    check(axes is not None, "target_layer", "a layer whose feature axis is known", output, REMEDY)
    return _from_roles(axes or (), output)


def _custom(to_grid: Arrange, output: torch.Tensor) -> Layout:
    """Return the layout of a user's function, after a check that it only moves values or leaves some out."""
    index = torch.arange(output.numel(), device=output.device).reshape(output.shape)
    requirement = "a function that moves the values of the layer's output to (N, C, *grid), without arithmetic"
    remedy = "For example lambda t: t[:, 1:].transpose(1, 2).unflatten(2, (14, 14))."
    try:
        moved = to_grid(index)
    except (RuntimeError, IndexError, TypeError, ValueError) as error:
        raise ValueError(f"to_grid must be {requirement}, but raises: {error}. {remedy}") from error
    check_type(moved, torch.Tensor, "to_grid(output)")
    once = moved.dtype == index.dtype and moved.unique().numel() == moved.numel()
    inside = once and bool(((moved >= 0) & (moved < index.numel())).all()) and moved.numel() > 0
    check(inside and moved.ndim >= 3, "to_grid", requirement, moved, remedy)
    return Layout(to_grid, moved.numel() == output.numel())


def _tokens(output: torch.Tensor, grid: tuple[int, ...], feature_axis: int | None, axes: Axes | None) -> Layout:
    """Return the layout of tokens, whose grid cells are in row-major order.

    The features are on the last axis and the class tokens first, unless the roles of the axes show something else.
    """
    check(output.ndim == 3, "to_grid", "a function if the layer's output is not (N, T, C)", output)
    features = [i for i in (1, 2) if axes and {f.role for f in axes[i]} == {FEATURE}]
    axis = features[0] if feature_axis is None and len(features) == 1 else (feature_axis or -1) % 3
    tokens, cells = output.shape[3 - axis], math.prod(grid)
    check(cells <= tokens, "to_grid", f"of at most {tokens} grid cells, the layer's tokens", grid)
    before = tokens - cells
    known = axes[3 - axis] if axes else ()
    if len(known) == 1 and known[0].parts and math.prod(f.size for f in known[0].parts) == cells:
        before = known[0].before
    return Layout(lambda t: t.movedim(axis, 1).narrow(2, before, cells).unflatten(2, grid), tokens == cells)


def _from_roles(axes: Axes, output: torch.Tensor) -> Layout:
    """Return the layout that the roles of the axes give."""
    found = [{f.role for f in axis if f.size > 1} or {f.role for f in axis} for axis in axes]
    batch = [i for i, axis in enumerate(axes) if any(f.role == BATCH for f in axis)][:1]
    rest = [i for i in range(len(axes)) if i not in batch]
    features = [i for i in rest if found[i] and found[i] <= {FEATURE}]
    features = features or [i for i in rest if found[i] and found[i] <= {CHANNEL}]
    features = features or [i for i in rest if not found[i]][:1]  # a single feature, whose axis was reshaped
    grid = [i for i in rest if i not in features]
    mixed = any(found[i] & {FEATURE, CHANNEL, BATCH} for i in grid)
    shown = f"of the axes {', '.join('x'.join(sorted(roles)) or '1' for roles in found)}"
    clear = bool(batch) and bool(features) and bool(grid) and not mixed
    check(clear, "target_layer", "a layer whose batch, feature and grid axes are known", shown, REMEDY)
    rows = [f for f in axes[batch[0]] if f.size > 1]
    windows = len({f.role for f in rows} - {BATCH}) > 1
    remedy = "Choose a layer outside of the windows, or pass to_grid as a function."
    check(not windows, "target_layer", "a layer whose rows are samples or slices", "of rows for windows", remedy)
    order = [*batch, *features, *grid]
    if (
        order == list(range(len(axes)))
        and len(features) == 1
        and not any(f.role == TOKENS for i in grid for f in axes[i])
    ):
        return Layout()
    spatial = [f.role for i in grid for f in _places(axes[i]) if f.spatial]
    twice = len(set(spatial)) < len(spatial)
    check(not twice, "target_layer", "a layer with one axis for each grid axis", "of windows or attention", REMEDY)
    return _arranged(order, [axes[i] for i in grid], len(features))


def _places(axis: Axis) -> Sequence[Factor]:
    """Return the factors of an axis that are grid axes; none for an axis of unknown role, which is one grid axis."""
    if len(axis) == 1 and axis[0].parts:
        return axis[0].parts
    return axis if all(f.spatial for f in axis) else ()


def _arranged(order: list[int], grid: Sequence[Axis], features: int) -> Layout:
    """Return the layout with axes in an order (batch, features, grid), and tokens split into the axes of the image."""

    def arrange(output: torch.Tensor) -> torch.Tensor:
        found = output.permute(order).flatten(1, features)
        for i in reversed(range(len(grid))):  # from the last, because splitting moves later axes
            places = _places(grid[i])
            if len(grid[i]) == 1 and grid[i][0].parts:
                found = found.narrow(2 + i, grid[i][0].before, math.prod(place.size for place in places))
            if len(places) > 1:
                found = found.unflatten(2 + i, [place.size for place in places])
                image_order = sorted(range(len(places)), key=lambda j: places[j].role)
                found = found.movedim([2 + i + j for j in image_order], [2 + i + j for j in range(len(places))])
        return found

    return Layout(arrange, not any(axis and axis[0].parts for axis in grid))
