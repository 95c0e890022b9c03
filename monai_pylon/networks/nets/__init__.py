"""The networks, one file each."""

from monai_pylon.networks.nets.axialnet import AxialNet
from monai_pylon.networks.nets.backbone import MaxPoolBackbone
from monai_pylon.networks.nets.bodycam import BodyCAM
from monai_pylon.networks.nets.bodyconv import BodyConv
from monai_pylon.networks.nets.conv3d import Conv3DNet
from monai_pylon.networks.nets.ctnet import CTNet
from monai_pylon.networks.nets.deeplab import DeepLabV3Plus
from monai_pylon.networks.nets.fpn import FPN
from monai_pylon.networks.nets.li2018 import Li2018
from monai_pylon.networks.nets.pan import PAN
from monai_pylon.networks.nets.pylon import PYLON

__all__ = [
    "AxialNet",
    "BodyCAM",
    "BodyConv",
    "CTNet",
    "Conv3DNet",
    "DeepLabV3Plus",
    "FPN",
    "Li2018",
    "MaxPoolBackbone",
    "PAN",
    "PYLON",
]
