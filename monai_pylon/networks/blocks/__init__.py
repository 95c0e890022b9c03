"""The parts that the decoders are built of."""

from monai_pylon.networks.blocks.channel_attention import ChannelGate
from monai_pylon.networks.blocks.multi_instance_pool import NoisyOrPool, noisy_or_logit
from monai_pylon.networks.blocks.pyramid_attention import PyramidAttention
from monai_pylon.networks.blocks.spatial_pyramid import AtrousSpatialPyramid, ImagePooling
from monai_pylon.networks.blocks.upsampling_module import PyramidDecoder, UpsamplingModule

__all__ = [
    "AtrousSpatialPyramid",
    "ChannelGate",
    "ImagePooling",
    "NoisyOrPool",
    "PyramidAttention",
    "PyramidDecoder",
    "UpsamplingModule",
    "noisy_or_logit",
]
