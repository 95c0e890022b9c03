"""Networks of the experiment, allowed regions on their grids, and training on cached maps of a frozen encoder."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch

from monai_pylon.losses import MaskLoss
from monai_pylon.networks.blocks.organ_pooling import organ_shares
from monai_pylon.networks.nets import AxialNet
from monai_pylon.networks.plain_encoder import PlainPyramid
from monai_pylon.transforms import allowed_regions
from monai_pylon.visualize import map_geometry
from tests.experiments.axialnet_cohort import LABELS, SEEN
from tests.experiments.axialnet_runs import Settings, normalized
from tests.experiments.organ_regions.patients import ORGANS, Patients

#: Weight of the mask loss beside the paper's reduction: 6 x 6 cells, as in the paper.
PAPER_WEIGHT = 1 / 3


class Variant(NamedTuple):
    """How a network pools, and the allowed regions of the mask loss; ``mask`` is a factor of its weight."""

    mask: float = 0
    pooling: str = ""  # "", "organs", "organs, masked input" or "everywhere, masked input"
    paper_reduction: bool = False  # four unpadded convolutions: 14 x 14 cells become 6 x 6
    mode: str = "nearest"
    dilation: int = 0
    true_positions: bool = False
    whole_cells: bool = False  # a cell counts fully if its voxel of "nearest" is in the organ, else not at all


def _table_6(name: str, paper_reduction: bool) -> dict[str, Variant]:
    choices = [(mode, dilation) for mode in ("nearest", "trilinear", "area") for dilation in (0, 1)]
    return {
        f"{name}, {mode}{', dilated' * dilation}": Variant(1, "", paper_reduction, mode, dilation)
        for mode, dilation in choices
        if (mode, dilation) != ("nearest", 0)
    }


VARIANTS = {
    "AxialNet": Variant(),
    "mask loss": Variant(1),
    "mask loss x 10": Variant(10),
    "masked input": Variant(pooling="everywhere, masked input"),
    "pooling": Variant(pooling="organs"),
    "pooling, masked input": Variant(pooling="organs, masked input"),
    "pooling, masked input, mask loss": Variant(1, "organs, masked input"),
    "pooling, masked input, mask loss x 10": Variant(10, "organs, masked input"),
    "pooling, masked input, whole cells": Variant(0, "organs, masked input", whole_cells=True),
    "pooling, masked input, whole cells, mask loss x 10": Variant(10, "organs, masked input", whole_cells=True),
    **_table_6("mask loss", False),
    "6 x 6": Variant(paper_reduction=True),
    "6 x 6, mask loss, even": Variant(1, paper_reduction=True),
    "6 x 6, mask loss, true": Variant(1, paper_reduction=True, true_positions=True),
    **_table_6("6 x 6, mask loss, even", True),
}


def make_network(variant: Variant, s: Settings) -> AxialNet:
    """Make the network of a variant."""
    reduction = (16, 16, 16, 16) if variant.paper_reduction else s.reduction
    table = {"": None, "o": ORGANS, "e": np.ones_like(ORGANS)}[variant.pooling[:1]]
    return AxialNet(
        len(LABELS),
        PlainPyramid("conv5", 2, 3, s.widths),
        3,
        SEEN[:2],
        reduction,
        0 if variant.paper_reduction else 1,
        label_organs=table,
        mask_input="masked input" in variant.pooling,
    )


def regions(patients: Patients, network: AxialNet, v: Variant, places: np.ndarray | None = None) -> torch.Tensor:
    """Compute the allowed regions (N, M, x, y, groups) on the network's grid.

    ``places`` (M, 3) replaces the patients' own locations.
    """
    rows, columns = network.head.shape[1:]
    plain = AxialNet(1, network.encoder, 3, SEEN[:2], *_reduction(network))
    geometry = map_geometry(plain, None, SEEN) if v.true_positions else None
    grid = (columns, rows, SEEN[2] // 3)
    located = patients.locations if places is None else [places] * len(patients.labels)
    pairs = zip(patients.organs[:, 0].numpy(), located, strict=True)
    each = [allowed_regions(organs, own, grid, v.mode, v.dilation, geometry) for organs, own in pairs]
    return torch.from_numpy(np.stack(each))


def sides_of_regions(patients: Patients, network: AxialNet, v: Variant) -> list[torch.Tensor]:
    """Compute the allowed regions of volumes as they are and mirrored; "nearest" does not commute with mirroring."""
    turned = both_sides(patients)[1]._replace(locations=patients.locations[..., ::-1])
    return [regions(patients, network, v), regions(turned, network, v)]


def _reduction(network: AxialNet) -> tuple[list[int], int]:
    """Return channels and padding of a network's reduction."""
    convolutions = [part for part in network.reduction if hasattr(part, "padding")]
    return [part.out_channels for part in convolutions], int(convolutions[0].padding[0])


class Cached(NamedTuple):
    """What is computed once, also for mirrored volumes.

    Attributes:
        maps: The deepest maps (N, G, rows, columns, C) of the frozen encoder.
        shares: Share of each cell's voxels in the three organs (N, G, 3, rows, columns).
    """

    maps: list[torch.Tensor]
    shares: list[torch.Tensor]


def both_sides(patients: Patients) -> list[Patients]:
    """Return the patients as they are and mirrored along x, with the names of the lungs exchanged."""
    names = torch.tensor([0, 3, 2, 1], dtype=torch.uint8)
    organs = names[patients.organs.flip(2).long()]
    return [patients, patients._replace(images=patients.images.flip(2), organs=organs)]


@torch.no_grad()
def encoder_maps(patients: Patients, network: AxialNet) -> list[torch.Tensor]:
    """Compute the maps (N, G, rows, columns, C) of the frozen encoder, also of mirrored volumes."""
    network.eval()
    pooled, sides = network.organ_pooling is not None, []
    for part in both_sides(patients):
        found = []
        for image, organs in zip(part.images.split(1), part.organs.split(1), strict=True):
            x = torch.cat([normalized(image), organs.float()], 1)
            with torch.autocast("cpu", torch.bfloat16):
                found.append(network.features(x if pooled else x[:, :1]).permute(0, 1, 3, 4, 2).bfloat16())
        sides.append(torch.cat(found))
    return sides


def organ_cells(patients: Patients, network: AxialNet, whole: bool) -> list[torch.Tensor]:
    """Compute the share of cells in the three organs, or 1 in the cells of "nearest" and 0 elsewhere."""
    stride, found = network.encoder.strides[-1], []
    first = network.cells_lost // 2 * stride
    for part in both_sides(patients):
        if whole:
            found.append(regions(part, network, Variant(), np.eye(3)).permute(0, 4, 1, 3, 2).float())
            continue
        volumes = part.organs[:, 0].float().split(1)
        each = [organ_shares(one, network.slices_per_group, stride, first, network.head.shape[1:]) for one in volumes]
        found.append(torch.cat(each))
    return found


def train(
    network: AxialNet, data: Cached, labels: torch.Tensor, allowed: list[torch.Tensor], v: Variant, s: Settings
) -> None:
    """Train reduction and head with Adam and a one-cycle rate on cached maps, each mirrored half of the time."""
    parameters = [*network.reduction.parameters(), *network.head.parameters()]
    steps = s.epochs * (len(labels) // s.batch)
    optimizer = torch.optim.Adam(parameters, lr=s.rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=s.rate, total_steps=steps)
    penalty = MaskLoss(v.mask * (PAPER_WEIGHT if v.paper_reduction else s.mask_weight))
    for _ in range(s.epochs):
        for chosen in torch.randperm(len(labels)).split(s.batch)[: len(labels) // s.batch]:
            side = int(torch.rand(1) < 0.5)
            with torch.autocast("cpu", torch.bfloat16):
                z = network.reduced(data.maps[side][chosen].permute(0, 1, 4, 2, 3))
                found = network._explain(z.float(), weights_of(network, data, side, chosen))
            loss = penalty(found, labels[chosen], allowed[side][chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()


def weights_of(network: AxialNet, data: Cached, side: int, chosen: torch.Tensor | slice) -> torch.Tensor | None:
    """Return the weights (N, G, M, rows, columns) of the cells of some volumes, None for a network without pooling."""
    pooling = network.organ_pooling
    return None if pooling is None else pooling(data.shares[side][chosen])


@torch.no_grad()
def explained(network: AxialNet, data: Cached) -> tuple[torch.Tensor, torch.Tensor]:
    """Return scores (N, M) and attention (N, M, x, y, groups) from cached maps, not mirrored."""
    logits, attention = [], []
    for start in range(0, len(data.maps[0]), 4):
        chosen = slice(start, start + 4)
        z = network.reduced(data.maps[0][chosen].permute(0, 1, 4, 2, 3).float())
        one = network._explain(z, weights_of(network, data, 0, chosen))
        logits.append(one.logits)
        attention.append(one.attention)
    return torch.cat(logits), torch.cat(attention)
