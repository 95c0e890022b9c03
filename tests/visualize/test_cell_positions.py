"""Tests of where the cells of maps look: by hand, and against the centroid of the gradient."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from monai.networks.nets import DenseNet, EfficientNetBN, SEResNet50, resnet18
from torch import nn

from monai_pylon.networks.nets import PYLON, AxialNet, BodyConv, Conv3DNet, CTNet, Li2018, MaxPoolBackbone
from monai_pylon.visualize import MapGeometry, cell_positions, map_geometry, map_on_image


def test_axialnet_of_the_paper() -> None:
    """The authors' grid: 128, 160, ..., 288 voxels in plane, and the middle of each three slices."""
    geometry = map_geometry(AxialNet(num_classes=2, encoder="resnet18"), None, (420, 420, 405))
    assert geometry == MapGeometry((128.0, 128.0, 1.0), (32.0, 32.0, 3.0))


@pytest.mark.parametrize(("slices_per_group", "origin"), [(1, 0.0), (2, 0.5), (5, 2.0)])
def test_slice_groups(slices_per_group: int, origin: float) -> None:
    net = AxialNet(2, "resnet18", slices_per_group, (64, 96), reduction_padding=1)
    assert map_geometry(net, None, (64, 96, 11)) == MapGeometry((0.0, 0.0, origin), (32.0, 32.0, slices_per_group))


def test_chunks_change_nothing_and_are_restored() -> None:
    net = AxialNet(2, "resnet18", 3, (64, 64), reduction_padding=1, chunk_size=2).train()
    assert map_geometry(net, "reduction", (64, 64, 30)) == MapGeometry((0.0, 0.0, 1.0), (32.0, 32.0, 3.0))
    assert (net.chunk_size, net.training, net.head.weight.requires_grad) == (2, True, True)


def test_radiograph_networks_by_hand() -> None:
    """Strides start at pixel 0; Li2018 spreads 8 cells (0 to 224) over 20."""
    assert map_geometry(PYLON(encoder="resnet18"), None, (256, 192)) == MapGeometry((0.0, 0.0), (4.0, 4.0))
    assert map_geometry(MaxPoolBackbone(encoder="resnet18"), None, (64, 96)) == MapGeometry((0.0, 0.0), (32.0, 32.0))
    li = map_geometry(Li2018(encoder="resnet18"), None, (256, 256))
    np.testing.assert_allclose(li.spacing, 224 / 19)


def test_volume_networks_by_hand() -> None:
    """Kernels of three with stride three: 1, then 4, then 13 voxels before the first center."""
    assert map_geometry(Conv3DNet(num_classes=2), "convolutions", (420, 420, 405)).origin == (40.0,) * 3
    bodyconv = map_geometry(BodyConv(2, "resnet18"), "convolutions", (420, 420, 405))
    assert bodyconv == MapGeometry((80.0, 80.0, 40.0), (64.0, 64.0, 81.0))


def _centroid(network: nn.Module, layer: str | None, x: torch.Tensor) -> tuple[tuple[int, ...], list[float]]:
    """Return the middle cell of a layer and the centroid of its squared gradient."""
    kept: list[torch.Tensor] = []
    handle = None if layer is None else network.get_submodule(layer).register_forward_hook(lambda *a: kept.append(a[2]))
    x.requires_grad_()
    result = network.explain(x).attention if handle is None else (network(x), kept[-1])[1]  # type: ignore[operator]
    if handle is not None:
        handle.remove()
    middle = tuple(n // 2 for n in result.shape[2:])
    values = result[(slice(None), slice(None), *middle)]
    gradient = torch.autograd.grad((values * torch.randn_like(values)).sum(), x)[0]
    energy = gradient.square().sum((0, 1))
    axes = range(energy.ndim)
    along = [energy.sum([a for a in axes if a != axis]) for axis in axes]
    return middle, [float((e * torch.arange(len(e))).sum() / e.sum()) for e in along]


def densenet(dims: int, channels: int, labels: int) -> nn.Module:
    """Make a DenseNet with the blocks of DenseNet-121, but few layers in them, which change no position."""
    return DenseNet(dims, channels, labels, init_features=16, growth_rate=8, block_config=(2, 2, 2, 2))


NETWORKS = {
    "pylon": (lambda: PYLON(encoder="resnet18"), None, (1, 256, 192)),
    "densenet": (lambda: densenet(2, 1, 3), "features.denseblock2", (1, 128, 96)),
    "densenet 3d": (lambda: densenet(3, 1, 3), "features.denseblock1", (1, 32, 48, 32)),
    "resnet 3d": (lambda: resnet18(spatial_dims=3, n_input_channels=1, num_classes=2), "layer2", (1, 48, 32, 48)),
    "senet": (lambda: SEResNet50(spatial_dims=2, in_channels=1, num_classes=2), "layer2", (1, 128, 96)),
    "efficientnet": (
        lambda: EfficientNetBN("efficientnet-b0", pretrained=False, spatial_dims=2, in_channels=3, num_classes=2),
        "_blocks.3",
        (3, 128, 96),
    ),
    "axialnet": (lambda: AxialNet(2, "resnet18"), None, (1, 420, 420, 3)),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_cells_look_where_the_gradient_comes_from(name: str) -> None:
    """The centroid of the squared gradient lies within half a cell.

    PYLON's coarse branches, which align corners, would draw it towards their own grid: only the finest one is left.
    """
    build, layer, shape = NETWORKS[name]
    torch.manual_seed(0)
    network = build().eval()
    if name == "pylon":
        network.decoder.up[-1].register_forward_pre_hook(lambda up, maps: (maps[0], 0 * maps[1]))
    geometry = map_geometry(network, layer, shape[1:])
    samples = 3 if len(shape) == 3 else 1
    cell, centroid = _centroid(network, layer, torch.randn(samples, *shape))
    for index, origin, spacing, found in zip(cell, *geometry, centroid, strict=True):
        assert abs(origin + index * spacing - found) <= spacing / 2


def test_half_precision_and_channels() -> None:
    net = densenet(2, 3, 2).half()
    assert map_geometry(net, net.features, (64, 64)).spacing == (32.0, 32.0)
    assert map_geometry(net, "features", [64, 64], in_channels=3).origin == (14.0, 14.0)


def test_three_channels_are_tried_though_the_first_convolution_has_others() -> None:
    class Doubled(nn.Sequential):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(torch.cat((x, x), 1))

    assert map_geometry(Doubled(nn.Conv1d(6, 1, 3, stride=3)), "0", (9,)) == MapGeometry((1.0,), (3.0,))


def test_needs_values() -> None:
    """A network that looks at its values cannot run on shapes alone."""

    class Looking(nn.Sequential):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(x if x.sum().item() >= 0 else -x)

    net = Looking(nn.Conv1d(1, 1, 3, stride=3))
    assert map_geometry(net, "0", (9,)) == MapGeometry((1.0,), (3.0,))


def test_an_axis_of_one_pixel_has_a_place() -> None:
    net = nn.Sequential(nn.Conv2d(1, 1, (1, 3), stride=(1, 3)))
    assert map_geometry(net, "0", (1, 9)) == MapGeometry((0.0, 1.0), (1.0, 3.0))


def test_the_first_output_of_the_last_call_of_a_layer_counts() -> None:
    """The second output has other cells."""

    class Halved(nn.Module):
        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return x[..., ::2], x

    class Three(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.halved = Halved()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            for _ in range(3):
                x = self.halved(x)[0]
            return x.mean(2)

    assert map_geometry(Three(), "halved", (32,)) == MapGeometry((0.0,), (8.0,))


def test_refuses() -> None:
    net = densenet(2, 1, 2)
    with pytest.raises(ValueError, match="keeps no position there"):
        map_geometry(net, "class_layers.out", (64, 64))
    with pytest.raises(ValueError, match="target_layer must be the name of a layer"):
        map_geometry(net, None, (64, 64))
    with pytest.raises(ValueError, match=r"does not accept an image of shape \(1, 1, 64, 64, 64\)"):
        map_geometry(net, "features", (64, 64, 64))
    with pytest.raises(ValueError, match="axis 2"):
        map_geometry(CTNet(2, "resnet18"), "convolutions", (420, 420, 405))
    for size in ((0, 64), ()):
        with pytest.raises(ValueError, match="image_size must be positive"):
            map_geometry(net, "features", size)
    net.unused = nn.Conv2d(1, 1, 1)
    with pytest.raises(ValueError, match="a layer that the network calls"):
        map_geometry(net, "unused", (64, 64))


@pytest.mark.parametrize("move", [lambda x: x.transpose(2, 3), lambda x: x.rot90(1, (2, 3)), lambda x: x.mT.flip(3)])
def test_refuses_a_layer_whose_axes_are_exchanged(move: Callable[[torch.Tensor], torch.Tensor]) -> None:
    """The map of such a layer lies across the image, which no origin and spacing can say."""

    class Moved(nn.Sequential):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(move(x))

    net = Moved(nn.Conv2d(1, 2, 4, 4), nn.Flatten(2), nn.LayerNorm(32))
    with pytest.raises(ValueError, match=r"in its order, but is \[1, 0\]. Transpose|keeps no position there"):
        map_geometry(net, "0", (16, 32))


@pytest.mark.parametrize("shift", [8, -8])
def test_refuses_cells_that_wrap_around_the_image(shift: int) -> None:
    """Half of the cells of a rolled image look at its other end, which no origin and spacing can say."""

    class Rolled(nn.Sequential):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(x.roll(shift, 2))

    net = Rolled(nn.Conv2d(1, 2, 1), nn.ReLU())
    with pytest.raises(ValueError, match=r"look at the image along axis 0, from 0 to 15, .* Do not roll"):
        map_geometry(net, "1", (16, 32))


def test_a_padding_may_look_a_little_beyond_the_image() -> None:
    assert map_geometry(nn.Sequential(nn.Conv1d(1, 1, 3, padding=5)), "0", (9,)) == MapGeometry((-4.0,), (1.0,))
    with pytest.raises(ValueError, match="cells from -5 to 13"):
        map_geometry(nn.Sequential(nn.Conv1d(1, 1, 3, padding=6)), "0", (9,))


def test_a_map_of_one_cell_needs_a_larger_image() -> None:
    with pytest.raises(ValueError, match=r"one cell, because 257 pixels or voxels are too few. Enlarge the image"):
        map_geometry(AxialNet(num_classes=1, encoder="resnet18", in_plane_size=(257, 257)), None, (257, 257, 6))


def test_geometry_is_computed_once_for_each_size(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, ...]] = []
    monkeypatch.setattr(cell_positions, "map_geometry", lambda net, layer, size: (asked.append(size), layer, size)[1:])
    geometry_of = cell_positions.GeometryCache(nn.Identity(), "layer")
    assert geometry_of([4, 5]) == geometry_of(torch.Size([4, 5])) == ("layer", (4, 5))
    assert geometry_of((5, 4)) == ("layer", (5, 4))
    assert asked == [(4, 5), (5, 4)]


def test_map_on_image_by_hand() -> None:
    """Cells at 1 and 4: linear between, constant half a cell beyond (1.5), 0 farther out."""
    drawn = map_on_image(torch.tensor([[2.0, 5.0]]), MapGeometry((1.0,), (3.0,)), (8,))
    assert drawn.tolist() == [[2.0, 2.0, 3.0, 4.0, 5.0, 5.0, 0.0, 0.0]]


def test_map_on_image_puts_a_cell_where_it_looks() -> None:
    geometry, map = MapGeometry((128.0, 128.0, 1.0), (32.0, 32.0, 3.0)), torch.zeros(1, 6, 6, 4)
    map[0, 2, 5, 3] = 7.0
    drawn = map_on_image(map, geometry, (420, 420, 12))
    place = np.unravel_index(int(drawn[0].argmax()), drawn.shape[1:])
    assert place == (192, 288, 10)
    assert (geometry.affine @ [2, 5, 3, 1]).tolist() == [*place, 1]


@pytest.mark.parametrize(
    ("given", "result"),
    [(torch.float16, torch.float32), (torch.float32, torch.float32), (torch.float64, torch.float64)],
)
def test_map_on_image_computes_in_single_precision_or_better(given: torch.dtype, result: torch.dtype) -> None:
    drawn = map_on_image(torch.tensor([0.0, 1.0], dtype=given), MapGeometry((0.0,), (3.0,)), (3,))
    torch.testing.assert_close(drawn, torch.tensor([0.0, 1 / 3, 2 / 3], dtype=result))


def test_map_on_image_refuses() -> None:
    geometry = MapGeometry((0.0,), (1.0,))
    with pytest.raises(ValueError, match="image_size"):
        map_on_image(torch.zeros(3), geometry, (3, 3))
    with pytest.raises(ValueError, match="maps must be of at least 2 axes"):
        map_on_image(torch.zeros(3), MapGeometry((0.0, 0.0), (1.0, 1.0)), (3, 3))
    with pytest.raises(TypeError, match="maps"):
        map_on_image(np.zeros(3), geometry, (3,))  # type: ignore[arg-type]


def test_pixels_beyond_the_cells_get_the_nearest_one_if_wanted() -> None:
    drawn = map_on_image(torch.tensor([2.0, 5.0]), MapGeometry((3.0,), (2.0,)), (9,), extend=True)
    assert drawn.tolist() == [2.0, 2.0, 2.0, 2.0, 3.5, 5.0, 5.0, 5.0, 5.0]


def test_geometry_of_a_resized_image() -> None:
    """Cells at 0, 4, ... of 64 pixels: in 128 pixels they look between the pixels, at 0.5, 8.5, ..."""
    assert MapGeometry((0.0, 1.5), (4.0, 4.0)).resized((64, 32), (128, 16)) == MapGeometry((0.5, 0.5), (8.0, 2.0))
