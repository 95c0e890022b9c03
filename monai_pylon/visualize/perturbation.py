"""Do the places that a map shows move the score? Deletion and insertion curves, in any dimension.

After Petsiuk et al., "RISE" (2018).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import nn

from monai_pylon.utils import check, check_choice, check_type, resize_linear
from monai_pylon.visualize.recording import bare_network, evaluating, scores_of
from monai_pylon.visualize.sanity import generator_of, with_progress

__all__ = ["PerturbationCurve", "perturbation_curve"]


class PerturbationCurve(NamedTuple):
    """Scores while an image is taken away, or put in, place by place.

    Attributes:
        fractions: (S + 1,), how much of the image was replaced, 0 to 1.
        scores: (N, S + 1), of the label asked for.
        area: (N,), the mean score over the fractions, by trapezoids.

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
    class_idx: int | Sequence[int],
    mode: str = "deletion",
    steps: int = 20,
    baseline: float | torch.Tensor = 0.0,
    seed: int | torch.Generator = 0,
    progress: bool = False,
) -> PerturbationCurve:
    """Take the image away where a map is highest first (deletion), or put it into an empty one (insertion).

    If the map shows what the score is made of, the score soon falls by deletion and soon rises by insertion. Compare
    with the curve of a random map: what is deleted also makes an image that the network never saw.

    Args:
        network: any module that gives scores (N, M).
        x: (N, C, *spatial).
        maps: (N, *grid), a map for each sample, enlarged linearly where its grid is coarser than the image.
        class_idx: the label whose score to follow, one for all samples or one for each.
        mode: "deletion" or "insertion".
        steps: S, in how many equal steps.
        baseline: what stands where nothing is: a number, or an image (a blurred one) that fits x.
        seed: a number, or a generator; it decides which of several places of one value comes first.
        progress: whether to show a progress bar.

    Returns:
        fractions, scores and their mean.

    Raises:
        ValueError: where shapes do not fit, or a setting is unknown.

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
    check(maps.ndim == x.ndim - 1 and len(maps) == len(x), "maps", f"(N, *grid) with {x.ndim - 2} axes of grid", maps)
    image, plain = x.detach(), bare_network(network)
    empty = torch.as_tensor(baseline, dtype=image.dtype, device=image.device).expand_as(image)
    order = _highest_first(resize_linear(maps.detach(), tuple(x.shape[2:])).flatten(1), generator_of(seed)).to(x.device)
    cells = order.shape[1]
    labels = torch.as_tensor(class_idx, device=x.device).expand(len(x))
    begin, end = (image, empty) if mode == "deletion" else (empty, image)
    scores = []
    with evaluating(plain), torch.no_grad():
        for step in with_progress(range(steps + 1), progress, mode):
            replaced = torch.zeros_like(order, dtype=torch.bool)
            replaced.scatter_(1, order[:, : round(step * cells / steps)], True)
            mixed = torch.where(replaced.reshape(len(x), 1, *x.shape[2:]), end, begin)
            logits = scores_of(plain(mixed))
            inside = bool(((labels >= 0) & (labels < logits.shape[1])).all())
            check(inside, "class_idx", f"between 0 and {logits.shape[1] - 1}", class_idx)
            scores.append(logits[torch.arange(len(x)), labels])
    fractions = torch.arange(steps + 1) / steps
    curve = torch.stack(scores, 1)
    return PerturbationCurve(fractions, curve, torch.trapezoid(curve, fractions.to(curve), dim=1))


def _highest_first(values: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """For each row of values (N, cells) its places from the highest to the lowest, equal ones in random order."""
    shuffled = torch.stack([torch.randperm(values.shape[1], generator=generator) for _ in values]).to(values.device)
    ranks = values.gather(1, shuffled).argsort(dim=1, descending=True, stable=True)
    return shuffled.gather(1, ranks)
