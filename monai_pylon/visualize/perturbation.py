"""Deletion and insertion curves (Petsiuk et al., "RISE", 2018), in any dimension.

The curves test whether the regions that a map shows change the score.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import nn

from monai_pylon.utils import check, check_choice, check_type
from monai_pylon.utils.resize import resize_linear
from monai_pylon.visualize.label_choice import ClassIndex, checked_labels, labels_per_sample
from monai_pylon.visualize.pass_conditions import evaluating
from monai_pylon.visualize.recording import bare_network, scores_of
from monai_pylon.visualize.sanity import generator_of, with_progress

__all__ = ["PerturbationCurve", "perturbation_curve"]


class PerturbationCurve(NamedTuple):
    """Scores while an image is deleted or inserted step by step.

    Attributes:
        fractions: Replaced fraction of the image (S + 1,), 0 to 1.
        scores: Scores of the selected label (N, S + 1), or of K labels (N, K, S + 1).
        area: Mean score over the fractions (N,) or (N, K), by the trapezoidal rule.

    Example:
        >>> PerturbationCurve(torch.tensor([0.0, 1.0]), torch.tensor([[4.0, 0.0]]), torch.tensor([2.0])).area.tolist()
        [2.0]
    """

    fractions: torch.Tensor
    scores: torch.Tensor
    area: torch.Tensor


def perturbation_curve(
    network: nn.Module,
    x: torch.Tensor,
    maps: torch.Tensor,
    class_idx: ClassIndex,
    mode: str = "deletion",
    steps: int = 20,
    baseline: float | torch.Tensor = 0.0,
    seed: int | torch.Generator = 0,
    progress: bool = False,
) -> PerturbationCurve:
    """Delete the image in order of a map, highest values first, or insert it into an empty image.

    If the map shows the evidence for the score, deletion lowers the score quickly and insertion raises it quickly.
    Compare with the curve of a random map, because the network has never seen images with deleted parts.

    Args:
        network: Module that returns scores (N, M).
        x: Images (N, C, *spatial).
        maps: One map per sample (N, *grid), or K maps (N, K, *grid), as :class:`HiResCAM` returns them. A coarse map is
            enlarged linearly to the image.
        class_idx: Labels of the maps, as in :class:`HiResCAM`: a number or K numbers for all samples, (N, K) for each
            sample, "all", or None for each sample's highest score.
        mode: "deletion" or "insertion".
        steps: Number of equal steps S.
        baseline: Value of deleted pixels: a number, or an image (such as a blurred one) that fits x.
        seed: Seed, or a generator. It determines the order of pixels with equal values.
        progress: Whether to show a progress bar.

    Returns:
        Fractions, scores and the area under the curve, on the scores' device. Maps (N, *grid) give scores (N, S + 1),
        and maps (N, K, *grid) give (N, K, S + 1).

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If the shapes do not fit, a map is not finite, there is not one map for each label, or an option is
            invalid.

    Example:
        >>> network = nn.Sequential(nn.Flatten(), nn.Linear(4, 1, bias=False))
        >>> _ = nn.init.constant_(network[1].weight, 1.0)
        >>> x = torch.tensor([[[4.0, 3.0, 2.0, 1.0]]])  # the score is their sum
        >>> perturbation_curve(network, x, x[:, 0], class_idx=0, steps=4).scores
        tensor([[10.,  6.,  3.,  1.,  0.]])
    """
    check_choice(mode, ("deletion", "insertion"), "mode")
    check_type(steps, int, "steps")
    check(steps > 0, "steps", "positive", steps)
    check_type(x, torch.Tensor, "x")
    check_type(maps, torch.Tensor, "maps")
    wanted, plain, image = checked_labels(class_idx), bare_network(network), x.detach()
    fits = maps.ndim in (x.ndim - 1, x.ndim) and len(maps) == len(x)
    check(fits, "maps", f"of shape ({len(x)}, *grid) or ({len(x)}, K, *grid) with {x.ndim - 2} grid axes", maps)
    check(bool(maps.isfinite().all()), "maps", "finite", maps, "Check the training of the network.")
    empty = torch.as_tensor(baseline, dtype=image.dtype, device=image.device).expand_as(image)
    generator, single = generator_of(seed), maps.ndim == x.ndim - 1
    many = (maps[:, None] if single else maps).detach()
    with evaluating(plain), torch.no_grad():
        labels = labels_per_sample(wanted, scores_of(plain(image)))
        remedy = "A list names labels for every sample, as in HiResCAM; [[0], [1]] names one for each of two samples."
        one_each = many.shape[1] == labels.shape[1]
        check(one_each, "maps", f"one for each of the {labels.shape[1]} labels of class_idx", maps, remedy)
        start, end = (image, empty) if mode == "deletion" else (empty, image)
        curves = []
        for column in range(many.shape[1]):
            fine = resize_linear(many[:, column], tuple(x.shape[2:])).flatten(1)
            order = _highest_first(fine, generator).to(x.device)
            bar = with_progress(range(steps + 1), progress, mode)
            curves.append(_curve(plain, start, end, order, labels[:, column], bar, steps))
    curve = curves[0] if single else torch.stack(curves, 1)
    fractions = (torch.arange(steps + 1) / steps).to(curve.device)
    return PerturbationCurve(fractions, curve, torch.trapezoid(curve, fractions.to(curve.dtype), dim=-1))


def _curve(
    network: nn.Module,
    start: torch.Tensor,
    end: torch.Tensor,
    order: torch.Tensor,
    labels: torch.Tensor,
    numbers: Iterable[int],
    steps: int,
) -> torch.Tensor:
    """Replace pixels of start by those of end (N, C, *spatial) in order (N, P); return scores (N, S + 1)."""
    scores, pixels = [], order.shape[1]
    for step in numbers:
        replaced = torch.zeros_like(order, dtype=torch.bool)
        replaced.scatter_(1, order[:, : round(step * pixels / steps)], True)
        mixed = torch.where(replaced.reshape(len(start), 1, *start.shape[2:]), end, start)
        scores.append(scores_of(network(mixed)).gather(1, labels[:, None])[:, 0])
    return torch.stack(scores, 1)


def _highest_first(values: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Return the indices of each row of values (N, P) from the highest to the lowest, equal values in random order."""
    shuffled = torch.stack([torch.randperm(values.shape[1], generator=generator) for _ in values]).to(values.device)
    ranks = values.gather(1, shuffled).argsort(dim=1, descending=True, stable=True)
    return shuffled.gather(1, ranks)
