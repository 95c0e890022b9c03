"""The same network for inference alone: fewer operations, in the order that processors like, with the same outputs."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.fusion import fuse_conv_bn_eval

from monai_pylon.networks.blocks.channel_attention import ChannelGate
from monai_pylon.networks.blocks.convolution import upsample_to
from monai_pylon.networks.blocks.slice_encoder import group_slices
from monai_pylon.networks.blocks.upsampling_module import PyramidDecoder
from monai_pylon.networks.explanation import Explained
from monai_pylon.networks.nets.conv3d import Conv3DNet
from monai_pylon.networks.nets.heatmap import LEAST_SIZE, HeatmapNetwork
from monai_pylon.networks.nets.slice_network import SliceNetwork
from monai_pylon.utils import check, check_type

__all__ = ["fold_batch_norms", "optimize_for_inference"]

_CHANNELS_LAST = {4: torch.channels_last, 5: torch.channels_last_3d}
#: Slice groups at a time: few enough that a layer's output is still in the processor's cache for the next.
_GROUPS_AT_A_TIME = 4


@torch.no_grad()
def fold_batch_norms(net: nn.Module, example: torch.Tensor) -> nn.Module:
    """Fold each batch norm into the convolution whose output goes straight into it, in place.

    Which these are is seen by running the network once, so that neither names nor the order of modules matter. A batch
    norm that normalises by the batch even now, or after a convolution that runs more than once, stays.

    Args:
        net: in eval mode.
        example: an image (N, C, *spatial) to run it on; its content does not matter.

    Returns:
        the same network, with nothing in the place of these batch norms.

    Raises:
        ValueError: where the network is in training mode.

    Example:
        >>> net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU()).eval()
        >>> fold_batch_norms(net, torch.zeros(1, 1, 3, 3))[1]
        Identity()
    """
    check(not net.training, "net", "in eval mode", "in training mode", "Call net.eval() first.")
    made: list[tuple[Any, torch.Tensor]] = []
    pairs: list[tuple[Any, Any]] = []

    def after_convolution(module: nn.Module, args: tuple, output: torch.Tensor) -> None:
        made.append((module, output))

    def before_norm(module: nn.Module, args: tuple) -> None:
        pairs.extend((conv, module) for conv, output in made if output is args[0])

    hooks: list[Any] = []
    for module in net.modules():
        if isinstance(module, nn.Conv1d | nn.Conv2d | nn.Conv3d):
            hooks.append(module.register_forward_hook(after_convolution))
        elif isinstance(module, _BatchNorm) and module.running_mean is not None:
            hooks.append(module.register_forward_pre_hook(before_norm))
    try:
        net(example)
    finally:
        for hook in hooks:
            hook.remove()
    runs = [id(module) for module, _ in made]
    folded = {}
    for conv, norm in pairs:
        if runs.count(id(conv)) == 1:  # one that runs twice may be needed without the norm too
            fused = fuse_conv_bn_eval(conv, norm)
            conv.weight, conv.bias = fused.weight, fused.bias
            folded[id(norm)] = nn.Identity()
    for parent in list(net.modules()):
        for name, child in parent.named_children():
            if id(child) in folded:
                setattr(parent, name, folded[id(child)])
    return net


class HeadFirst(nn.Module):
    """A pyramid decoder and a 1x1 head in one, the head before each enlargement.

    Enlarging interpolates with weights that sum to one, place by place; the head mixes channels, channel by channel.
    So they commute, and it is 14 channels that are enlarged, not 128.
    """

    def __init__(self, decoder: PyramidDecoder, head: nn.Module) -> None:
        super().__init__()
        self.decoder, self.head, self.head_without_bias = decoder, head, copy.deepcopy(head)
        self.head_without_bias.register_parameter("bias", None)

    def forward(self, maps: Sequence[torch.Tensor]) -> torch.Tensor:
        """From the encoder's maps (N, C, *grid), shallow to deep, to the heatmap (N, M, *grid)."""
        heatmap = self.head(self.decoder.deepest(maps[-1]))
        ups: Any = self.decoder.up
        for up, fine in zip(ups, reversed(maps[:-1]), strict=False):
            detail = self.head_without_bias(up.layers(fine))
            heatmap = upsample_to(heatmap, fine.shape[2:], up.align_corners) + detail
        return heatmap


class PointwiseConvolution(nn.Conv2d):
    """A 1x1 convolution that goes to oneDNN on one thread too.

    PyTorch gives such a one to its matrix product where there is one thread and a small batch, which takes more than
    twice the time, and in channels_last a pass of its own for the bias. While tracing or exporting it is a plain one.
    """

    def _conv_forward(self, input: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
        known = input.dtype == weight.dtype == torch.float32 and input.device.type == "cpu"
        taken_apart = torch.compiler.is_compiling() or torch.jit.is_tracing() or torch.is_autocast_enabled("cpu")
        if not known or taken_apart or not torch.backends.mkldnn.is_available():
            return super()._conv_forward(input, weight, bias)
        return torch.mkldnn_convolution(input, weight, bias, (0, 0), (1, 1), (1, 1), self.groups)


def _speed_up_pointwise(net: nn.Module) -> None:
    """Make the network's 1x1 convolutions :class:`PointwiseConvolution`, in place."""
    for module in net.modules():
        if type(module) is nn.Conv2d and module.kernel_size == module.stride == (1, 1) and module.padding == (0, 0):
            module.__class__ = PointwiseConvolution


class Converted(nn.Module):
    """A network in another precision that takes images of any: (N, C, *spatial)."""

    def __init__(self, encoder: nn.Module, dtype: torch.dtype) -> None:
        super().__init__()
        self.encoder, self.dtype = encoder, dtype

    def forward(self, x: torch.Tensor) -> Sequence[torch.Tensor]:
        """The maps of an image (N, C, *spatial)."""
        return self.encoder(x.to(self.dtype))


class ConvertedSlices(nn.Module):
    """An encoder in another precision whose deepest map alone is given, in the precision of the rest of the network."""

    def __init__(self, encoder: nn.Module, dtype: torch.dtype, rest: torch.dtype) -> None:
        super().__init__()
        self.encoder, self.dtype, self.rest = encoder, dtype, rest
        self.channels, self.strides = encoder.channels, encoder.strides

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """The deepest map of images (G, S, H, W)."""
        return [self.encoder(x.to(self.dtype))[-1].to(self.rest)]


def _optimize_slices(net: Any, dtype: torch.dtype | None, example: torch.Tensor | None) -> nn.Module:
    """The same for a network over slices, in place: its encoder takes nearly all the time."""
    weight = next(net.encoder.parameters())
    if example is None:
        image = weight.new_zeros(1, net.slices_per_group, LEAST_SIZE, LEAST_SIZE)
    else:
        image = group_slices(example, net.slices_per_group)[0, :1]
    fold_batch_norms(net.encoder, image)
    if dtype is not None:
        net.encoder = ConvertedSlices(net.encoder.to(dtype), dtype, weight.dtype)
    net.chunk_size = _GROUPS_AT_A_TIME
    flat: list[Any] = [module for module in net.modules() if isinstance(module, nn.Conv2d)]  # Conv3d has another format
    for convolution in flat:
        convolution.to(memory_format=torch.channels_last)
    return net.requires_grad_(False)


def _can_put_head_first(net: nn.Module) -> bool:
    """Whether decoder and head commute: a 1x1 head, and no gate that needs the deeper map in all its channels."""
    decoder, head = getattr(net, "decoder", None), getattr(net, "head", None)
    return (
        isinstance(decoder, PyramidDecoder)
        and not any(isinstance(module, ChannelGate) for module in decoder.modules())
        and isinstance(head, nn.Conv2d | nn.Conv3d)
        and set(head.kernel_size) == {1}
    )


def optimize_for_inference(
    net: nn.Module, dtype: torch.dtype | None = None, example: torch.Tensor | None = None
) -> nn.Module:
    """A copy of a network that computes the same faster: for inference, not for training and not for checkpoints.

    Batch norms are folded into their convolutions, channels come last in memory, a PYLON's 1x1 head goes before each
    enlargement, and the slices of a volume go through the encoder a few at a time. Logits and maps differ from the
    network's by rounding alone: by 1e-12 of the largest value in float64, in float32 by some millionths, as the
    network's own do on another number of threads; they were up to three times as far from the exact result.

    Args:
        net: a network of ours, or :class:`Explained` around one; any other module with an example.
        dtype: torch.bfloat16 to compute in half the precision, which is faster where the processor knows it; the maps
            are float32 still, but their values are then good to two or three digits. For networks of ours.
        example: an image (N, C, *spatial) to find the batch norms with; made up for networks of ours.

    Returns:
        the copy, in eval mode, its parameters frozen.

    Raises:
        TypeError: where net is no module.
        ValueError: where an example is missing, or the dtype is none for networks.

    Example:
        >>> from monai_pylon.networks.nets import PYLON
        >>> net, x = PYLON(encoder="resnet18").eval(), torch.rand(1, 1, 64, 64)
        >>> torch.allclose(optimize_for_inference(net)(x), net(x), atol=1e-5)
        True
    """
    check_type(net, nn.Module, "net")
    if isinstance(net, Explained):
        return Explained(optimize_for_inference(net.net, dtype, example))
    ours = isinstance(net, HeatmapNetwork | SliceNetwork)
    kinds = (None, torch.float16, torch.bfloat16, torch.float32, torch.float64)
    check(dtype in kinds, "dtype", "a floating point type", dtype)
    check(ours or dtype is None, "dtype", "None for a network that is not of this package", dtype)
    fast: Any = copy.deepcopy(net).eval().requires_grad_(False)
    if isinstance(net, SliceNetwork):
        return _optimize_slices(fast, dtype, example)
    if isinstance(net, Conv3DNet):  # no batch norms, and one input channel
        return fast
    if example is None:
        remedy = "Give an image that it takes: its content does not matter."
        check(ours, "example", "given for a network that is not of this package", example, remedy)
        weight = next(fast.parameters())
        size = (1, fast.in_channels, *(LEAST_SIZE,) * fast.spatial_dims)
        example = torch.zeros(size, dtype=weight.dtype, device=weight.device)
    fold_batch_norms(fast, example)
    if _can_put_head_first(fast):
        fast.decoder, fast.head = HeadFirst(fast.decoder, fast.head), nn.Identity()
    _speed_up_pointwise(fast)
    if dtype is not None:
        fast.encoder = Converted(fast.to(dtype).encoder, dtype)
    if example.ndim in _CHANNELS_LAST:
        fast.to(memory_format=_CHANNELS_LAST[example.ndim])
    return fast.requires_grad_(False)  # folding made new parameters
