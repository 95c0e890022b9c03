"""Sanity checks of explanations (Adebayo et al., "Sanity checks for saliency maps", 2018), in any dimension.

The checks test whether maps depend on the learned parameters. An explanation is a MONAI inferer: a function of x and a
network that returns maps (N, K, *grid), such as :class:`ActivationMapInferer`.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from monai.utils import optional_import
from scipy.stats import rankdata
from torch import nn

from monai_pylon.utils import check, check_type
from monai_pylon.utils.arrays import as_float64
from monai_pylon.visualize.module_trace import traced
from monai_pylon.visualize.pass_conditions import evaluating
from monai_pylon.visualize.recording import bare_network, find_layer

__all__ = [
    "RandomizationCurve",
    "label_randomization",
    "parameter_randomization",
    "rank_correlation",
]

tqdm, has_tqdm = optional_import("tqdm", name="tqdm")

Explain = Callable[[torch.Tensor, nn.Module], torch.Tensor]


class RandomizationCurve(NamedTuple):
    """Similarity of the maps to the original ones while more and more layers are randomized.

    Attributes:
        layers: Names of the L layers in the order of randomization, from the output backwards.
        similarity: Rank correlation with the original maps (L, N, K). NaN for a constant map.

    Example:
        >>> RandomizationCurve(("fc",), torch.zeros(1, 1, 1)).layers
        ('fc',)
    """

    layers: tuple[str, ...]
    similarity: torch.Tensor


def rank_correlation(maps: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
    """Compute Spearman's rank correlation of two sets of maps, map by map.

    Args:
        maps: First maps (N, K, *grid).
        others: Second maps (N, K, *grid).

    Returns:
        Correlations (N, K), float64, −1 to 1. NaN if one of the two maps is constant or contains NaN.

    Raises:
        ValueError: If the shapes differ.

    Example:
        >>> rank_correlation(torch.tensor([[[1.0, 2.0, 9.0]]]), torch.tensor([[[0.1, 0.5, 0.6]]]))
        tensor([[1.]], dtype=torch.float64)
    """
    check(maps.ndim >= 3, "maps", "of shape (N, K, *grid)", maps)
    check(maps.shape == others.shape, "others", f"of the maps' shape {tuple(maps.shape)}", others)
    flat = [as_float64(part).flatten(2).numpy() for part in (maps, others)]
    ranks = [rankdata(part, axis=-1, nan_policy="propagate") for part in flat]
    first, second = (part - part.mean(-1, keepdims=True) for part in ranks)
    norm = np.sqrt((first**2).sum(-1) * (second**2).sum(-1))
    inner = (first * second).sum(-1)
    return torch.from_numpy(np.divide(inner, norm, out=np.full(norm.shape, np.nan), where=norm > 0))


def parameter_randomization(
    network: nn.Module,
    explain: Explain,
    x: torch.Tensor,
    layers: Sequence[str] | None = None,
    seed: int | torch.Generator = 0,
    progress: bool = False,
) -> RandomizationCurve:
    """Shuffle the parameters layer by layer, from the output backwards, and compare the maps with the original ones.

    Maps that stay the same after the parameters are shuffled do not explain the network. Each parameter tensor is
    shuffled among its own values, which keeps their distribution. A constant tensor (a bias of zeros) does not change.
    The shuffling is done on a copy of the network.

    Args:
        network: Any module.
        explain: Function of x and a network that returns maps (N, K, *grid). Use fixed labels: the label with the
            highest score changes when the network is randomized.
        x: Input of the network (N, ...).
        layers: Names of layers with parameters, in the order of shuffling. None: all layers, the last first.
        seed: Seed, or a generator.
        progress: Whether to show a progress bar.

    Returns:
        The layers, and the similarity after each of them.

    Raises:
        ValueError: If there is no such layer, or it has no parameters of its own.

    Example:
        >>> from monai.networks.nets import resnet10
        >>> from monai_pylon.visualize import ActivationMapInferer
        >>> network = resnet10(spatial_dims=2, n_input_channels=1, num_classes=3)
        >>> explain = ActivationMapInferer("layer4", class_idx=[0, 2])
        >>> parameter_randomization(network, explain, torch.rand(1, 1, 64, 64), layers=["fc"]).similarity.shape
        torch.Size([1, 1, 2])
    """
    randomized = copy.deepcopy(bare_network(network))
    names = _layers_from_the_output(randomized, x) if layers is None else list(layers)
    chosen = [find_layer(randomized, name) for name in names]
    for name, layer in zip(names, chosen, strict=True):
        has = next(layer.parameters(recurse=False), None) is not None
        check(has, "layers", "names of layers with parameters of their own", name, "For a block, name its layers.")
    original, generator, similarity = explain(x, network), generator_of(seed), []
    for layer in with_progress(chosen, progress, "randomized layers"):
        with torch.no_grad():
            for parameter in layer.parameters(recurse=False):
                order = torch.randperm(parameter.numel(), generator=generator).to(parameter.device)
                parameter.copy_(parameter.flatten()[order].reshape(parameter.shape))
        similarity.append(rank_correlation(original, explain(x, randomized)))
    return RandomizationCurve(tuple(names), torch.stack(similarity))


def label_randomization(network: nn.Module, shuffled: nn.Module, explain: Explain, x: torch.Tensor) -> torch.Tensor:
    """Compare the maps of a network with those of the same architecture trained on shuffled labels.

    The second network learned nothing about the labels. If its maps look the same, they show the image and do not
    explain the first network.

    Args:
        network: Trained network.
        shuffled: Network of the same architecture, trained on the same images with permuted labels.
        explain: Function of x and a network that returns maps (N, K, *grid), for fixed labels.
        x: Input of both networks (N, ...).

    Returns:
        Rank correlations (N, K), float64. NaN for a constant map.

    Example:
        >>> from monai_pylon.visualize import ActivationMapInferer
        >>> make = lambda: nn.Sequential(nn.Conv2d(1, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
        >>> label_randomization(make(), make(), ActivationMapInferer("0"), torch.rand(3, 1, 8, 8)).shape
        torch.Size([3, 2])
    """
    return rank_correlation(explain(x, network), explain(x, shuffled))


def _layers_from_the_output(network: nn.Module, x: torch.Tensor) -> list[str]:
    """Name the called layers with parameters of their own, the last first."""
    with evaluating(network), torch.no_grad(), traced(network) as steps:
        network(x)
    own = [s.name for s in steps if next(network.get_submodule(s.name).parameters(recurse=False), None) is not None]
    return list(dict.fromkeys(reversed(own)))


def generator_of(seed: int | torch.Generator) -> torch.Generator:
    """Return the given generator, or create one from a seed."""
    if isinstance(seed, torch.Generator):
        return seed
    check_type(seed, int, "seed")
    return torch.Generator().manual_seed(seed)


def with_progress(items: Iterable[Any], progress: bool, description: str) -> Iterable[Any]:
    """Iterate over items, with a progress bar if requested."""
    check(not progress or has_tqdm, "progress", "False without tqdm", progress, "Install tqdm.")
    return tqdm(items, desc=description) if progress else items
