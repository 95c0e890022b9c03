"""The networks, one file each."""

from monai_pylon.networks.nets.backbone import MaxPoolBackbone
from monai_pylon.networks.nets.pylon import PYLON

__all__ = ["MaxPoolBackbone", "PYLON"]
