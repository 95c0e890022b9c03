"""Building blocks of the networks."""

from monai_pylon.networks.blocks.channel_attention import ChannelGate
from monai_pylon.networks.blocks.multi_instance_pool import NoisyOrPool, mean_probability_logit, noisy_or_logit
from monai_pylon.networks.blocks.pyramid_attention import PyramidAttention
from monai_pylon.networks.blocks.slice_encoder import encode_slices, group_slices
from monai_pylon.networks.blocks.slice_head import MappedLinear, slice_reduction
from monai_pylon.networks.blocks.spatial_pyramid import AtrousSpatialPyramid, ImagePooling
from monai_pylon.networks.blocks.upsampling_module import PyramidDecoder, UpsamplingModule

__all__ = [
    "AtrousSpatialPyramid",
    "ChannelGate",
    "ImagePooling",
    "MappedLinear",
    "NoisyOrPool",
    "PyramidAttention",
    "PyramidDecoder",
    "UpsamplingModule",
    "encode_slices",
    "group_slices",
    "mean_probability_logit",
    "noisy_or_logit",
    "slice_reduction",
]
