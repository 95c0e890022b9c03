"""Sanity checks of explanations: do the maps depend on what the network has learned?

After Adebayo et al., "Sanity checks for saliency maps" (2018), in any dimension. An explanation is here what MONAI
calls an inferer: a function of x and a network that gives maps (N, K, *grid), such as :class:`ActivationMapInferer`.
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
from monai_pylon.visualize.module_trace import traced
from monai_pylon.visualize.recording import bare_network, evaluating, find_layer

__all__ = [
    "RandomizationCurve",
    "label_randomization",
    "parameter_randomization",
    "rank_correlation",
]

tqdm, has_tqdm = optional_import("tqdm", name="tqdm")

Explain = Callable[[torch.Tensor, nn.Module], torch.Tensor]


class RandomizationCurve(NamedTuple):
    """How like the true maps are those of a network with more and more of its parameters randomized.

    Attributes:
        layers: the L layers in the order in which they were randomized, from the output back.
        similarity: (L, N, K), rank correlation with the true maps; NaN where a map is constant.

    Example:
        >>> RandomizationCurve(("fc",), torch.zeros(1, 1, 1)).layers
        ('fc',)
    """

    layers: tuple[str, ...]
    similarity: torch.Tensor


def rank_correlation(maps: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
    """Spearman's rank correlation of two sets of maps, map by map.

    Args:
        maps: (N, K, *grid).
        others: (N, K, *grid).

    Returns:
        float64 (N, K), −1 to 1; NaN where one of the two maps is constant or holds a NaN.

    Raises:
        ValueError: where the shapes differ.

    Example:
        >>> rank_correlation(torch.tensor([[[1.0, 2.0, 9.0]]]), torch.tensor([[[0.1, 0.5, 0.6]]]))
        tensor([[1.]], dtype=torch.float64)
    """
    check(maps.ndim >= 3, "maps", "of shape (N, K, *grid)", maps)
    check(maps.shape == others.shape, "others", f"of the maps' shape {tuple(maps.shape)}", others)
    flat = [part.detach().double().cpu().flatten(2).numpy() for part in (maps, others)]
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
    """Shuffle the parameters of layer after layer, from the output back, and compare the maps with the true ones.

    Maps that stay the same though the network has forgotten what it learned do not explain it. A layer's parameters are
    shuffled each among its own values, which keeps their size; those that are all alike (biases of zero) stay. The
    work is done on a copy.

    Args:
        network: any module.
        explain: gives maps (N, K, *grid) from x and a network. Let it ask for given labels: the label with the highest
            score is another one once the network is randomized.
        x: (N, ...), the network's input.
        layers: names of layers with parameters, in the order in which to shuffle them; None for all, last first.
        seed: a number, or a generator.
        progress: whether to show a progress bar.

    Returns:
        the layers and the similarity after each of them.

    Raises:
        ValueError: where there is no such layer, or it has no parameters of its own.

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
        check(has, "layers", "names of layers with parameters of their own", name, "Name the parts of a block.")
    true, generator, similarity = explain(x, network), generator_of(seed), []
    for layer in with_progress(chosen, progress, "randomized layers"):
        with torch.no_grad():
            for parameter in layer.parameters(recurse=False):
                order = torch.randperm(parameter.numel(), generator=generator).to(parameter.device)
                parameter.copy_(parameter.flatten()[order].reshape(parameter.shape))
        similarity.append(rank_correlation(true, explain(x, randomized)))
    return RandomizationCurve(tuple(names), torch.stack(similarity))


def label_randomization(network: nn.Module, shuffled: nn.Module, explain: Explain, x: torch.Tensor) -> torch.Tensor:
    """Compare the maps of a network with those of its twin that was trained on shuffled labels.

    Maps that look the same for a network that learned nothing true show the image rather than the network's reasons.

    Args:
        network: the network as trained.
        shuffled: the same architecture, trained on the same images with their labels permuted.
        explain: gives maps (N, K, *grid) from x and a network; for given labels.
        x: (N, ...), the networks' input.

    Returns:
        float64 (N, K), rank correlations; NaN where a map is constant.

    Example:
        >>> from monai_pylon.visualize import ActivationMapInferer
        >>> make = lambda: nn.Sequential(nn.Conv2d(1, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
        >>> label_randomization(make(), make(), ActivationMapInferer("0"), torch.rand(3, 1, 8, 8)).shape
        torch.Size([3, 2])
    """
    return rank_correlation(explain(x, network), explain(x, shuffled))


def _layers_from_the_output(network: nn.Module, x: torch.Tensor) -> list[str]:
    """The layers with parameters of their own that x runs through, the last first."""
    with evaluating(network), torch.no_grad(), traced(network) as steps:
        network(x)
    own = [s.name for s in steps if next(network.get_submodule(s.name).parameters(recurse=False), None) is not None]
    return list(dict.fromkeys(reversed(own)))


def generator_of(seed: int | torch.Generator) -> torch.Generator:
    """A generator as it is, or one from a number."""
    if isinstance(seed, torch.Generator):
        return seed
    check_type(seed, int, "seed")
    return torch.Generator().manual_seed(seed)


def with_progress(things: Iterable[Any], progress: bool, what: str) -> Iterable[Any]:
    """The things, with a progress bar where one is wanted."""
    check(not progress or has_tqdm, "progress", "False where tqdm is missing", progress, "Install tqdm.")
    return tqdm(things, desc=what) if progress else things
