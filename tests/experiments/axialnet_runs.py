"""One run of the AxialNet experiment: training with one seed, with or without the mask loss, and evaluation."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from monai_pylon.losses import MaskLoss
from monai_pylon.metrics import OrganIoUMetric, resample_attention
from monai_pylon.metrics.auroc import auroc_per_class
from monai_pylon.networks import Explained
from monai_pylon.networks.blocks.slice_encoder import group_slices
from monai_pylon.networks.nets import AxialNet, BodyCAM, BodyConv, Conv3DNet, CTNet
from monai_pylon.networks.plain_encoder import PlainPyramid
from monai_pylon.visualize import HiResCAM, LayerGradCAM
from monai_pylon.workflows.chest_ct.explainer import maps_on_axes
from tests.experiments.axialnet_cohort import LABELS, SEEN, SEEN_GRID, Section

#: Number of patients per part whose maps are saved for figures.
PICTURED = 12
METHODS: dict[str, Any] = {"Grad-CAM": LayerGradCAM, "HiResCAM": HiResCAM}


class Settings(NamedTuple):
    """Settings of all runs, chosen by the validation AUROC of AxialNet without the mask loss only."""

    epochs: int = 5
    batch: int = 2
    rate: float = 1e-3
    first_epochs: int = 8
    first_rate: float = 3e-3
    widths: tuple[int, ...] = (12, 24, 48)
    reduction: tuple[int, ...] = (16,)
    dropout: float = 0.1
    #: The paper's 1/3, scaled to the same strength relative to the classification loss. The mask loss is a mean over
    #: grid cells, of which the paper has 6 x 6 in a slice and these networks 14 x 14.
    mask_weight: float = (14 * 14) / (6 * 6) / 3


def _axialnet(s: Settings, **ablation: Any) -> AxialNet:
    options = {"reduction_channels": s.reduction, "reduction_padding": 1} | ablation
    return AxialNet(len(LABELS), PlainPyramid("conv5", 2, 3, s.widths), in_plane_size=SEEN[:2], **options)


#: Constructor and layer of the maps by name; None if a map has no positions (CTNet) or only one (Conv3DNet).
NETWORKS: dict[str, tuple[Callable[[Settings], nn.Module], str | None]] = {
    "AxialNet": (_axialnet, "reduction"),
    "MaxPool": (lambda s: _axialnet(s, slice_pooling="max"), "reduction"),
    "sigmoid mean": (lambda s: _axialnet(s, slice_pooling="sigmoid_mean"), "reduction"),
    "NoCustomConv": (lambda s: _axialnet(s, reduction_channels=()), "reduction"),
    "BodyCAM": (
        lambda s: BodyCAM(len(LABELS), PlainPyramid("conv5", 2, 3, s.widths), 3, s.reduction, 1),
        "reduction",
    ),
    "BodyConv": (
        lambda s: BodyConv(len(LABELS), PlainPyramid("conv5", 2, 3, s.widths), volume_size=SEEN, dropout=s.dropout),
        "convolutions",
    ),
    "3DConv": (lambda s: Conv3DNet(len(LABELS), volume_size=SEEN, dropout=s.dropout), None),
    "CTNet": (
        lambda s: CTNet(len(LABELS), PlainPyramid("conv5", 2, 3, s.widths), volume_size=SEEN, dropout=s.dropout),
        None,
    ),
    "RandInitEncoder": (_axialnet, "reduction"),
}
#: Rows of Table 1 without pretrained encoder, as the paper's RandInitResNet.
FROM_SCRATCH = ("RandInitEncoder",)


def normalized(images: torch.Tensor) -> torch.Tensor:
    """Scale bytes (N, 1, X, Y, Z) as the authors do: to 0 to 1, minus the mean of ImageNet."""
    return images.float() / 255 - 0.449


def first_encoder(images: torch.Tensor, tissues: torch.Tensor, s: Settings) -> dict[str, torch.Tensor]:
    """Return the weights that all encoders start from, as the paper's start from those of ImageNet.

    The encoder is trained on other patients to recognize the tissues in each grid cell, without labels. Fluid, air and
    the substance of nodules and masses are among the tissues; consolidation, fibrosis and calcification are not.

    Args:
        images: Volumes (N, 1, X, Y, Z), uint8.
        tissues: Tissues (N, T, *SEEN_GRID), bool.
        s: Settings.
    """
    torch.manual_seed(0)
    encoder = PlainPyramid("conv5", 2, 3, s.widths)
    network = nn.Sequential(encoder, nn.Conv2d(s.widths[-1], tissues.shape[1], 1)).to(memory_format=torch.channels_last)
    steps = s.first_epochs * (len(images) // s.batch)
    optimizer = torch.optim.Adam(network.parameters(), lr=s.first_rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=s.first_rate, total_steps=steps)
    order = [torch.randperm(len(images))[: steps // s.first_epochs * s.batch] for _ in range(s.first_epochs)]
    for chosen in torch.cat(order).split(s.batch):
        x = group_slices(normalized(images[chosen]), 3).flatten(0, 1)
        target = tissues[chosen].permute(0, 4, 1, 3, 2).flatten(0, 1).float()
        with torch.autocast("cpu", torch.bfloat16):
            found = network[1](encoder(x)[-1])
        loss = functional.binary_cross_entropy_with_logits(found.float(), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return encoder.state_dict()


def train(network: nn.Module, data: Section, s: Settings, mask: float, seed: int) -> list[float]:
    """Train with Adam, a one-cycle learning rate and random mirroring of volumes and allowed regions.

    ``mask`` is a factor of the weight of the mask loss, 0 for none. Returns the mean loss of each epoch.
    """
    random = torch.Generator().manual_seed(seed)
    getattr(network, "encoder", nn.Identity()).to(memory_format=torch.channels_last)
    student = Explained(network) if mask else network
    steps = s.epochs * (len(data) // s.batch)
    optimizer = torch.optim.Adam(student.parameters(), lr=s.rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=s.rate, total_steps=steps)
    penalty, losses = MaskLoss(mask * s.mask_weight), []
    student.train()
    for _ in range(s.epochs):
        order, sum_ = torch.randperm(len(data), generator=random), 0.0
        for chosen in order.split(s.batch)[: len(data) // s.batch]:
            x, labels, allowed = normalized(data.images[chosen]), data.labels[chosen], data.allowed[chosen]
            if torch.rand(1, generator=random) < 0.5:
                x, allowed = x.flip(2), allowed.flip(2)
            with torch.autocast("cpu", torch.bfloat16):  # logits and maps stay float32
                found = student(x)
            found = found if mask else found.float()
            bce = functional.binary_cross_entropy_with_logits
            loss = penalty(found, labels, allowed) if mask else bce(found, labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            sum_ += float(loss.detach())
        losses.append(sum_ / (len(data) // s.batch))
    return losses


def maps_of(network: nn.Module, layer: str, method: str, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the maps (N, M, *SEEN_GRID) of all labels, interpolated from other grids, and the scores (N, M)."""
    explain = METHODS[method](network, layer).explain
    each = [explain(normalized(part), "all") for part in images.split(4)]
    maps, scores = torch.cat([some.maps for some in each]), torch.cat([some.logits for some in each])
    if layer == "reduction":  # slices folded into the batch: (groups, rows, columns)
        return maps_on_axes(maps, layer), scores
    return torch.stack([resample_attention(some, SEEN_GRID) for some in maps]), scores


def peaks_on_lesions(maps: torch.Tensor, data: Section) -> torch.Tensor:
    """Return whether the peak of each map (N, M) is in a grid cell with a lesion or beside one.

    The value is 0 if the map is nowhere positive and NaN if the label is absent.
    """
    near = functional.max_pool3d((data.lesions > 0).float(), 3, 1, 1).flatten(2)
    highest, place = maps.flatten(2).max(2, keepdim=True)
    hit = torch.where(highest > 0, near.gather(2, place), 0.0)[..., 0]
    return torch.where(data.labels == 1, hit, torch.nan)


def judge(network: nn.Module, layer: str | None, parts: dict[str, Section]) -> dict[str, np.ndarray]:
    """Evaluate a network on each part; thresholds of OrganIoU are tuned on the first part.

    Returns:
        "scores/PART" (N, M); "OrganIoU METHOD/PART" (N, M), NaN for absent labels; "peak METHOD/PART" (N, M) from
        :func:`peaks_on_lesions`; "slices/PART" (N, M, S); "maps/PART", HiResCAM of the first patients; "thresholds
        METHOD" (M,).
    """
    found: dict[str, np.ndarray] = {}
    network.eval()
    for part, data in parts.items():
        with torch.no_grad():
            if isinstance(network, AxialNet) and "plain" in part:
                each = [network.explain(normalized(x)).slice_scores for x in data.images.split(4)]
                found[f"slices/{part}"] = torch.cat(each).numpy()  # type: ignore[arg-type]
            if layer is None:
                found[f"scores/{part}"] = torch.cat([network(normalized(x)) for x in data.images.split(4)]).numpy()
    relative = isinstance(network, BodyConv)  # its maps have another grid
    for method in METHODS if layer else ():
        metric = OrganIoUMetric(relative=relative)
        for part, data in parts.items():
            maps, scores = maps_of(network, layer, method, data.images)  # type: ignore[arg-type]
            found[f"scores/{part}"] = scores.numpy()
            if metric.tries:  # the first part is for validation
                metric(maps, (data.labels, data.allowed))
                found[f"thresholds {method}"] = metric.tune_thresholds().numpy()
                metric = OrganIoUMetric(metric.thresholds, relative=relative)
            found[f"OrganIoU {method}/{part}"] = metric(maps, (data.labels, data.allowed)).numpy()
            found[f"peak {method}/{part}"] = peaks_on_lesions(maps, data).numpy()
            if method == "HiResCAM":
                found[f"maps/{part}"] = maps[:PICTURED].numpy().astype(np.float16)
    return found


def run(
    name: str, mask: float, seed: int, parts: dict[str, Section], s: Settings, encoder: dict[str, torch.Tensor]
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Train a network, usually from the pretrained encoder, and evaluate it; return its row and arrays."""
    make, layer = NETWORKS[name]
    torch.manual_seed(seed)
    network = make(s)
    if hasattr(network, "encoder") and name not in FROM_SCRATCH:
        network.encoder.load_state_dict(encoder)  # type: ignore[union-attr,operator]
    start = time.process_time()
    losses = train(network, parts["training"], s, mask, seed)
    seconds = time.process_time() - start
    arrays = judge(network, layer, {key: part for key, part in parts.items() if key != "training"})
    areas = {
        key: auroc_per_class(torch.from_numpy(arrays[f"scores/{key}"]), parts[key].labels).tolist()
        for key in parts
        if key != "training"
    }
    count = sum(p.numel() for p in network.parameters())
    row = {"network": name, "mask loss": mask, "seed": seed, "parameters": count, "training CPU s": round(seconds, 1)}
    return row | {"losses": losses, "AUROC": areas}, arrays


def save_run(folder: Path, key: str, arrays: dict[str, np.ndarray]) -> None:
    """Save the arrays of a run atomically."""
    part = folder / f"{key}.part.npz"
    np.savez_compressed(part, **arrays)  # type: ignore[arg-type]
    part.rename(folder / f"{key}.npz")
