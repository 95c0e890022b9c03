"""Positions of the cells of a map in the image, from the strides, padding and kernels of the network's layers."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn
from torch._subclasses.fake_tensor import (
    DataDependentOutputException,
    DynamicOutputShapeException,
    FakeTensorMode,
    UnsupportedOperatorException,
)

from monai_pylon.utils import check, check_type
from monai_pylon.utils.resize import interpolate_linear
from monai_pylon.visualize.axis_factors import BATCH, Axes, Factor
from monai_pylon.visualize.axis_tracking import AxisTracker
from monai_pylon.visualize.pass_conditions import evaluating
from monai_pylon.visualize.recording import bare_network, find_layer

__all__ = ["MapGeometry", "map_geometry", "map_on_image"]

#: Errors of a network that needs values and not only shapes.
_NEEDS_VALUES = (DataDependentOutputException, DynamicOutputShapeException, UnsupportedOperatorException)
#: Pixels, beside one cell, by which a layer may look beyond the image, as a wide padding makes it.
_SLACK = 3


class MapGeometry(NamedTuple):
    """Positions of the cells of a map, for each spatial axis of the image.

    Attributes:
        origin: Where the center of the map's cell 0 looks, in pixels or voxels. 0 is the center of the first pixel.
        spacing: How far apart neighboring cells look, in pixels or voxels.

    Example:
        >>> MapGeometry((128.0, 128.0, 1.0), (32.0, 32.0, 3.0)).affine @ [5, 5, 9, 1]
        array([288., 288.,  28.,   1.])
    """

    origin: tuple[float, ...]
    spacing: tuple[float, ...]

    def resized(self, old: Sequence[int], new: Sequence[int]) -> MapGeometry:
        """Return the geometry in pixels of the image at another size, for an image that was resized for the network.

        Args:
            old: Size of the image for which the geometry holds, a number for each axis.
            new: Other size.

        Returns:
            The geometry. The edges of the first and last pixel stay in place, not their centers.
        """
        scale = [after / before for before, after in zip(old, new, strict=True)]
        origin = tuple((at + 0.5) * factor - 0.5 for at, factor in zip(self.origin, scale, strict=True))
        return MapGeometry(origin, tuple(step * factor for step, factor in zip(self.spacing, scale, strict=True)))

    @property
    def affine(self) -> np.ndarray:
        """Matrix (D + 1, D + 1) from cells of the map to pixels of the image, for D spatial axes."""
        matrix = np.diag([*self.spacing, 1.0])
        matrix[:-1, -1] = self.origin
        return matrix


def map_geometry(
    network: nn.Module, target_layer: str | nn.Module | None, image_size: Sequence[int], in_channels: int | None = None
) -> MapGeometry:
    """Compute where the cells of a layer's map look in the image.

    A convolution or pooling looks at the center of its window, so strides set the spacing, and kernels and padding the
    first position. Unpadded convolutions drop cells at the border: the 6 x 6 cells of AxialNet at 420 voxels look at
    128, 160, ..., 288 and not at 35, 105, ..., 385, as an even stretch over the image assumes. Where branches of
    different resolution meet, as in PYLON, the finest one gives the position. The network runs once, on shapes without
    values.

    Args:
        network: Module that takes images (N, C, *spatial).
        target_layer: Name of the layer or the layer itself, as for :class:`HiResCAM`; None for a network with
            ``explain``, whose attention is meant. Of a layer that is called several times, the last call counts.
        image_size: Size of the image, a number for each spatial axis.
        in_channels: Channels C of the image. None: those of the network's first convolution, 1 or 3, whichever it
            accepts.

    Returns:
        Origin and spacing for each spatial axis of the image, in its order.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If the network has no such layer, does not accept the image, or the layer has no cells along one of
            the image's axes (after global pooling, for example), has them in another order (transposed), or has cells
            that look beyond the image by more than a cell and 3 pixels (rolled, or padded).

    Example:
        >>> from monai_pylon.networks.nets import AxialNet
        >>> map_geometry(AxialNet(num_classes=4, encoder="resnet18"), None, (420, 420, 30))
        MapGeometry(origin=(128.0, 128.0, 1.0), spacing=(32.0, 32.0, 3.0))
    """
    check_type(image_size, (tuple, list, torch.Size), "image_size")
    size = [int(n) for n in image_size]
    check(len(size) > 0 and min(size) > 0, "image_size", "positive numbers, one for each spatial axis", image_size)
    bare = bare_network(network)
    if target_layer is None:
        remedy = "Name a layer of a network without the method explain."
        check(callable(getattr(bare, "explain", None)), "target_layer", "the name of a layer", None, remedy)
    layer = None if target_layer is None else find_layer(bare, target_layer)
    # A single group of slices would be an axis of size 1, which a regrouped tensor does not tell from others.
    size[-1] = max(size[-1], 2 * getattr(bare, "slices_per_group", 0))
    axes = _traced(bare, layer, size, in_channels)
    check(len(axes) > 0, "target_layer", "a layer that the network calls", target_layer)
    factors = [_cells(axes, axis) for axis in range(len(size))]
    for axis, factor in enumerate(factors):
        requirement = f"a layer with cells along axis {axis} of the image"
        remedy = (
            f"Its output keeps no position there: it is pooled, mixed by a matrix, or one cell, because {size[axis]} "
            "pixels or voxels are too few. Enlarge the image, or name an earlier layer."
        )
        check(factor is not None, "target_layer", requirement, target_layer, remedy)
    order = _order(axes)
    remedy = "Transpose the image before the network and not in it."
    check(order == sorted(order), "target_layer", "a layer with the axes of the image in its order", order, remedy)
    places = [factor for factor in factors if factor]
    for axis, (place, pixels) in enumerate(zip(places, size, strict=True)):
        ends = sorted((place.at(0), place.at(place.size - 1)))
        slack = abs(place.spacing) + _SLACK
        inside = ends[0] >= -slack and ends[1] <= pixels - 1 + slack
        requirement = f"a layer whose cells look at the image along axis {axis}, from 0 to {pixels - 1}"
        remedy = "Do not roll the image in the network, nor pad it by more than a few pixels."
        check(inside, "target_layer", requirement, f"cells from {ends[0]:g} to {ends[1]:g}", remedy)
    return MapGeometry(tuple(place.origin for place in places), tuple(place.spacing for place in places))


class GeometryCache:
    """Function from the size of an image to :func:`map_geometry`, computed once for each size.

    Args:
        network: Module that takes images (N, C, *spatial).
        target_layer: The layer, as for :func:`map_geometry`.

    Example:
        >>> geometry_of = GeometryCache(nn.Sequential(nn.Conv1d(1, 1, 3, stride=3)), "0")
        >>> geometry_of((9,)) is geometry_of((9,))
        True
    """

    def __init__(self, network: nn.Module, target_layer: str | nn.Module | None = None) -> None:
        self.network, self.target_layer = network, target_layer
        self._found: dict[tuple[int, ...], MapGeometry] = {}

    def __call__(self, image_size: Sequence[int]) -> MapGeometry:
        """Return the geometry of maps of images of a size (*spatial)."""
        size = tuple(image_size)
        if size not in self._found:
            self._found[size] = map_geometry(self.network, self.target_layer, size)
        return self._found[size]


def map_on_image(
    maps: torch.Tensor, geometry: MapGeometry, image_size: Sequence[int], extend: bool = False
) -> torch.Tensor:
    """Enlarge maps to the grid of the image, each cell drawn where it looks.

    Values are interpolated linearly between the centers of the cells and constant up to half a cell beyond the
    outermost ones. Pixels farther out belong to no cell and are 0: the map says nothing about them.

    Args:
        maps: Signed maps ``(..., *grid)``.
        geometry: Geometry from :func:`map_geometry`.
        image_size: Size of the image, a number for each axis of the grid.
        extend: Whether pixels farther out get the value of the nearest cell instead of 0.

    Returns:
        ``(..., *image_size)``, at least float32, differentiable.

    Raises:
        TypeError: If maps is no tensor.
        ValueError: If geometry, image size and maps have different numbers of axes.

    Example:
        >>> map_on_image(torch.tensor([1.0, 3.0]), MapGeometry((2.0,), (2.0,)), (8,))
        tensor([0., 1., 1., 2., 3., 3., 0., 0.])
    """
    check_type(maps, torch.Tensor, "maps")
    axes = len(geometry.origin)
    check(len(image_size) == axes, "image_size", f"{axes} numbers, as the geometry has axes", image_size)
    check(maps.ndim >= axes, "maps", f"of at least {axes} axes, as the geometry has", maps)
    result = maps if maps.dtype in (torch.float32, torch.float64) else maps.float()
    for axis, (origin, spacing, size) in enumerate(zip(*geometry, image_size, strict=True)):
        positions = (torch.arange(int(size), dtype=torch.float64) - origin) / spacing
        cells = result.shape[axis - axes]
        result = interpolate_linear(result, axis - axes, positions.clamp(0, cells - 1) if extend else positions)
    return result


def _cells(axes: Axes, spatial_axis: int) -> Factor | None:
    """Return the factor that runs along an axis of the image, or None if none or several do, or their place is lost."""
    factors = [part for axis in axes for factor in axis for part in (factor, *factor.parts)]
    found = [factor for factor in factors if factor.role == str(spatial_axis) and not factor.part]
    return found[0] if len(found) == 1 and math.isfinite(found[0].origin) else None


def _order(axes: Axes) -> list[int]:
    """Return the image's axes in the order of a map's axes, which has flattened ones in order; [] for folded slices."""
    batch = [axis for axis in axes if any(factor.role == BATCH for factor in axis)]
    if any(factor.spatial for axis in batch for factor in axis):
        return []  # the caller unfolds the map, and knows its axes
    return [role for axis in axes for role in sorted(int(f.role) for f in axis if f.spatial and not f.part)]


def _traced(network: nn.Module, layer: nn.Module | None, size: list[int], in_channels: int | None) -> Axes:
    """Run the network on shapes and return the axes of the layer's output or of the attention."""
    channels = _channels(network) if in_channels is None else [in_channels]
    errors: list[str] = []
    with evaluating(network), _whole_volumes(network), torch.no_grad():
        for number in channels:
            shape = (1, number, *size)
            try:
                try:
                    with FakeTensorMode(allow_non_fake_inputs=True):
                        return _axes_of(network, layer, shape)
                except _NEEDS_VALUES:
                    return _axes_of(network, layer, shape)
            except (RuntimeError, TypeError, ValueError) as error:
                errors.append(f"The network does not accept an image of shape {shape}: {error}")
    raise ValueError(f"{errors[0]} Pass image_size and in_channels that it accepts.")


def _axes_of(network: nn.Module, layer: nn.Module | None, shape: Sequence[int]) -> Axes:
    """Run the network on an image and return the axes of the layer's last output (empty: not called), or attention."""
    weight = next((p for p in network.parameters() if p.is_floating_point()), torch.zeros(0))
    image = torch.zeros(*shape, dtype=weight.dtype, device=weight.device)
    if layer is None:
        with AxisTracker(image) as tracker:
            return tracker.places_of(network.explain(image).attention)  # type: ignore[operator]
    found: list[Axes] = []

    def keep(module: nn.Module, inputs: Any, output: Any) -> None:
        found.append(tracker.places_of(output if isinstance(output, torch.Tensor) else output[0]))

    handle = layer.register_forward_hook(keep)
    try:
        with AxisTracker(image) as tracker:
            network(image)
    finally:
        handle.remove()
    return found[-1] if found else ()


def _channels(network: nn.Module) -> list[int]:
    """Return the numbers of channels to try: those of the first convolution, 1 and 3."""
    convolutions = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
    first = [m.in_channels for m in network.modules() if isinstance(m, convolutions)][:1]
    return list(dict.fromkeys([*first, 1, 3]))


@contextlib.contextmanager
def _whole_volumes(network: nn.Module) -> Iterator[None]:
    """Let a network process all slices at once: chunks only save memory, and shapes need none."""
    chunked = [m for m in network.modules() if isinstance(getattr(m, "chunk_size", None), int)]
    sizes = [m.chunk_size for m in chunked]
    try:
        for module in chunked:
            module.chunk_size = None  # type: ignore[assignment]
        yield
    finally:
        for module, size in zip(chunked, sizes, strict=True):
            module.chunk_size = size
