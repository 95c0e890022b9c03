"""Faster copies of networks for inference: fewer operations in a faster order, with the same outputs."""

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
from monai_pylon.networks.openvino_module import OpenVINOEncoder, OpenVINOModule, check_weights, import_openvino
from monai_pylon.networks.packed_convolution import pack_convolutions
from monai_pylon.networks.strides import copy_grid
from monai_pylon.utils import check, check_choice, check_type

__all__ = ["check_backend", "fold_batch_norms", "optimize_for_inference"]

_CHANNELS_LAST = {4: torch.channels_last, 5: torch.channels_last_3d}
#: Pixels of a chunk of slice groups: one group of 420 x 420, which takes 70 MB less than four, or 85 of 64 x 64.
_CHUNK_PIXELS = 350_000


@torch.no_grad()
def fold_batch_norms(net: nn.Module, example: torch.Tensor) -> nn.Module:
    """Fold each batch norm into the convolution whose output is its input, in place.

    The function runs the network once to find these pairs, so that neither names nor the order of modules matter. A
    batch norm stays if it has no running statistics or follows a convolution that runs more than once.

    Args:
        net: Network in eval mode.
        example: Image (N, C, *spatial) on which the network runs. Its content does not matter.

    Returns:
        The same network with an identity instead of each folded batch norm.

    Raises:
        ValueError: If the network is in training mode.

    Example:
        >>> net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU()).eval()
        >>> fold_batch_norms(net, torch.zeros(1, 1, 3, 3))[1]
        Identity()
    """
    check(not net.training, "net", "in eval mode", "in training mode", "Call net.eval() first.")
    outputs: list[tuple[Any, torch.Tensor]] = []
    pairs: list[tuple[Any, Any]] = []

    def after_convolution(module: nn.Module, args: tuple, output: torch.Tensor) -> None:
        outputs.append((module, output))

    def before_norm(module: nn.Module, args: tuple) -> None:
        pairs.extend((conv, module) for conv, output in outputs if output is args[0])

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
    runs = [id(module) for module, _ in outputs]
    folded = {}
    for conv, norm in pairs:
        if runs.count(id(conv)) == 1:  # a second run may need its output without the norm
            fused = fuse_conv_bn_eval(conv, norm)
            conv.weight, conv.bias = fused.weight, fused.bias
            folded[id(norm)] = nn.Identity()
    for parent in list(net.modules()):
        for name, child in parent.named_children():
            if id(child) in folded:
                setattr(parent, name, folded[id(child)])
    return net


class HeadFirst(nn.Module):
    """A pyramid decoder and a 1x1 head in one, with the head applied before each upsampling.

    Upsampling mixes the cells of a channel with weights that sum to one. The head mixes the channels of a cell. The two
    commute, so PYLON upsamples 14 channels instead of 128.

    Args:
        decoder: Decoder whose upsampling modules have no gate.
        head: 1x1 convolution.
    """

    def __init__(self, decoder: PyramidDecoder, head: nn.Module) -> None:
        super().__init__()
        self.decoder, self.head, self.head_without_bias = decoder, head, copy.deepcopy(head)
        self.head_without_bias.register_parameter("bias", None)

    def forward(self, maps: Sequence[torch.Tensor]) -> torch.Tensor:
        """Compute the heatmap (N, M, *grid) from the encoder's maps (N, C, *grid), shallow to deep."""
        heatmap = self.head(self.decoder.deepest(maps[-1]))
        ups: Any = self.decoder.up
        for up, fine in zip(ups, reversed(maps[:-1]), strict=False):
            detail = self.head_without_bias(up.layers(fine))
            heatmap = upsample_to(heatmap, fine.shape[2:], up.align_corners) + detail
        return heatmap


class Converted(nn.Module):
    """An encoder in another precision that converts its input.

    Args:
        encoder: Encoder whose weights have the type dtype.
        dtype: Type to which images are converted.
    """

    def __init__(self, encoder: nn.Module, dtype: torch.dtype) -> None:
        super().__init__()
        self.encoder, self.dtype = encoder, dtype

    def forward(self, x: torch.Tensor) -> Sequence[torch.Tensor]:
        """Compute the feature maps of an image (N, C, *spatial)."""
        return self.encoder(x.to(self.dtype))


class ConvertedSlices(nn.Module):
    """An encoder in another precision that returns only its deepest map, in the precision of the rest of the network.

    Args:
        encoder: Encoder whose weights have the type dtype.
        dtype: Type to which images are converted.
        rest: Type to which the deepest map is converted.
    """

    def __init__(self, encoder: nn.Module, dtype: torch.dtype, rest: torch.dtype) -> None:
        super().__init__()
        self.encoder, self.dtype, self.rest = encoder, dtype, rest
        copy_grid(encoder, self)

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Compute the deepest map of images (G, S, H, W), in a list."""
        return [self.encoder(x.to(self.dtype))[-1].to(self.rest)]


def _optimize_slices(net: Any, dtype: torch.dtype | None, example: torch.Tensor | None) -> nn.Module:
    """Optimize the encoder of a network over slices, which takes nearly all the time, in place."""
    weight = next(net.encoder.parameters())
    if example is None:
        image = weight.new_zeros(1, net.slices_per_group, LEAST_SIZE, LEAST_SIZE)
    else:
        image = group_slices(example, net.slices_per_group)[0, :1]
    fold_batch_norms(net.encoder, image)
    if dtype is not None:
        net.encoder = ConvertedSlices(net.encoder.to(dtype), dtype, weight.dtype)
    pack_convolutions(net)
    net.chunk_size, net.chunk_pixels = 1, _CHUNK_PIXELS
    convolutions: list[Any] = [module for module in net.modules() if isinstance(module, nn.Conv2d)]
    for convolution in convolutions:  # not Conv3d, which has another memory format
        convolution.to(memory_format=torch.channels_last)
    return net.requires_grad_(False)


def _can_put_head_first(net: nn.Module) -> bool:
    """Return whether decoder and head commute: the head is 1x1, and no gate needs all channels of the deep map."""
    decoder, head = getattr(net, "decoder", None), getattr(net, "head", None)
    return (
        isinstance(decoder, PyramidDecoder)
        and not any(isinstance(module, ChannelGate) for module in decoder.modules())
        and isinstance(head, nn.Conv2d | nn.Conv3d)
        and set(head.kernel_size) == {1}
    )


def check_backend(net: nn.Module, backend: str) -> None:
    """Raise an error if a backend is unknown, or is "openvino" and cannot run a network.

    Args:
        net: Network for images (N, C, *spatial).
        backend: "torch" or "openvino".

    Raises:
        ValueError: If there is no such backend, OpenVINO is not installed, or the network is not of this package, has
            no encoder, is not in float32 or not on the CPU.

    Example:
        >>> check_backend(nn.ReLU(), "torch")
    """
    check_choice(backend, ("torch", "openvino"), "backend")
    if backend == "openvino":
        remedy = "Use the backend torch."
        ours = isinstance(net, HeatmapNetwork | SliceNetwork)
        check(ours, "net", "a network of this package with an encoder, for OpenVINO", type(net).__name__, remedy)
        check_weights(net)
        import_openvino()


def _run_by_openvino(fast: Any, dtype: torch.dtype | None) -> nn.Module:
    """Let OpenVINO run the part of an optimized network that takes nearly all the time, in place.

    What follows it stays in PyTorch: the pooling of heatmaps, or a slice network's scores.
    """
    if isinstance(fast, SliceNetwork):
        fast.encoder = OpenVINOEncoder(fast.encoder, dtype)
        return fast
    fast.encoder = OpenVINOModule(nn.Sequential(fast.encoder, fast.decoder, fast.head).eval(), dtype)
    fast.decoder, fast.head, fast.frozen_stages = nn.Identity(), nn.Identity(), 0
    return fast.eval()


def optimize_for_inference(
    net: nn.Module,
    dtype: torch.dtype | None = None,
    example: torch.Tensor | None = None,
    backend: str = "torch",
) -> nn.Module:
    """Copy a network and optimize the copy for faster inference; use the original for training and checkpoints.

    The copy has its batch norms folded into convolutions and its channels last in memory. On a CPU, its convolutions in
    float32 and bfloat16 keep a second copy of their weights in the processor's own order, made at the first run.
    PYLON's 1x1 head is applied before each upsampling, and the slices of a volume pass the encoder in small chunks.
    Logits and maps differ from those of the network by rounding only: by 1e-12 of the largest value in float64, and by
    some millionths in float32, as the network itself differs with another number of threads. In float32 the copy's
    error was up to three times the network's.

    Args:
        net: Network of this package, or :class:`Explained` around one. Any other module needs an example.
        dtype: torch.bfloat16 to compute in half precision, which is faster if the processor supports it. The maps are
            still float32, but accurate to two or three digits. Only for networks of this package.
        example: Image (N, C, *spatial) used to find the batch norms. Networks of this package need none.
        backend: "torch", or "openvino" to let OpenVINO run the copy on CPUs, for networks of this package in float32
            (extra ``openvino``). It runs encoder, decoder and head of a network with heatmaps, and the encoder of a
            network over slices; logits and maps come from the same pass. A new size of image takes some seconds once.
            Where OpenVINO does not apply (gradients, other devices and types, images with NaN, tracing), PyTorch runs
            the copy. ``train()`` raises an error.

    Returns:
        Copy in eval mode with frozen parameters.

    Raises:
        TypeError: If net is not a module.
        ValueError: If an example is missing, the dtype is not a floating point type, or OpenVINO is asked for but is
            not installed or cannot run the network.

    Example:
        >>> from monai_pylon.networks.nets import PYLON
        >>> net, x = PYLON(encoder="resnet18").eval(), torch.rand(1, 1, 64, 64)
        >>> torch.allclose(optimize_for_inference(net)(x), net(x), atol=1e-5)
        True
    """
    check_type(net, nn.Module, "net")
    if isinstance(net, Explained):
        return Explained(optimize_for_inference(net.net, dtype, example, backend))
    check_backend(net, backend)
    ours = isinstance(net, HeatmapNetwork | SliceNetwork)
    kinds = (None, torch.float16, torch.bfloat16, torch.float32, torch.float64)
    check(dtype in kinds, "dtype", "a floating point type", dtype)
    check(ours or dtype is None, "dtype", "None for a network that is not of this package", dtype)
    if backend == "openvino":
        return _run_by_openvino(optimize_for_inference(net, None, example), dtype)
    fast: Any = copy.deepcopy(net).eval().requires_grad_(False)
    if isinstance(net, SliceNetwork):
        return _optimize_slices(fast, dtype, example)
    if isinstance(net, Conv3DNet):  # no batch norms, and one input channel
        return fast
    if example is None:
        remedy = "Give an image of a size that the network accepts. Its content does not matter."
        check(ours, "example", "given for a network that is not of this package", example, remedy)
        weight = next(fast.parameters())
        size = (1, fast.in_channels, *(LEAST_SIZE,) * fast.spatial_dims)
        example = torch.zeros(size, dtype=weight.dtype, device=weight.device)
    fold_batch_norms(fast, example)
    if _can_put_head_first(fast):
        fast.decoder, fast.head = HeadFirst(fast.decoder, fast.head), nn.Identity()
    pack_convolutions(fast)
    if dtype is not None:
        fast.encoder = Converted(fast.to(dtype).encoder, dtype)
    if example.ndim in _CHANNELS_LAST:
        fast.to(memory_format=_CHANNELS_LAST[example.ndim])
    return fast.requires_grad_(False)  # folding made new parameters
