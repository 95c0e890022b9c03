"""One training with an EfficientNet-Lite0 from ImageNet, on image-level labels, and its evaluation on a fold."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from monai_pylon.handlers.soft_maximum import soft_maximum_sharpness
from monai_pylon.losses import mask_loss
from monai_pylon.metrics import PerClassAUROCMetric, PointLocalizationMetric
from monai_pylon.metrics.baselines import highest_pixels
from monai_pylon.networks.blocks.soft_maximum import SoftMaximumPool
from monai_pylon.networks.prior_bias import set_prior_bias
from monai_pylon.workflows.bundle import make_network
from monai_pylon.workflows.radiographs.box_regions import box_regions
from tests.experiments.pylon_evidence.radiographs import (
    DEVIATION,
    Radiographs,
    normalize,
    random_views,
    view,
    viewed_boxes,
)
from tests.experiments.pylon_evidence.training import start_from_folded

#: Standard deviation of the EfficientNets' training images on the scale from 0 to 1: (x - 127) / 128 of 0..255.
ENCODER_DEVIATION = 128 / 255
#: The same of the ResNets.
RESNET_DEVIATION = 0.226
#: Radiographs on which the folded norms of a ResNet are unfolded.
NORM_IMAGES = 64


@dataclass(frozen=True)
class Recipe:
    """Settings of a training.

    Attributes:
        network: Network of the bundle's networks.json.
        pooling: "maximum" or "soft" (in training; tests use the maximum), or "own": that of the network, in both.
        encoder: Name of the encoder.
        size: Rows and columns of the input.
        epochs: Epochs over all training radiographs.
        batch: Radiographs per step.
        rate: Maximum learning rate of the encoder, in one cycle of Adam.
        decoder_rate: Maximum learning rate of decoder and head.
        rotation: Maximum rotation in degrees.
        frozen_stages: Frozen first stages of the encoder.
        sharpest: Last sharpness of the soft maximum, reached after `share` of the steps; then the maximum follows.
        share: Share of the steps with the soft maximum.
        mask_loss: Weight of the mask loss, which needs the boxes of the training's radiographs.
    """

    network: str
    pooling: str
    encoder: str = "efficientnet_lite0"
    size: int = 192
    epochs: int = 4
    batch: int = 8
    rate: float = 2e-4
    decoder_rate: float = 1e-3
    rotation: float = 15.0
    frozen_stages: int = 3
    sharpest: float = 16.0
    share: float = 0.8
    mask_loss: float = 0.0


def sharpness_at(progress: float, recipe: Recipe) -> float:
    """Return the sharpness at a share of the steps: from 1 to `sharpest` geometrically, then infinity."""
    if recipe.pooling != "soft":
        return math.inf
    return soft_maximum_sharpness(progress, recipe.sharpest, recipe.share)


def scaled(images: Tensor, encoder: str = "efficientnet_lite0") -> Tensor:
    """Return normalized radiographs on the scale on which the encoder was trained."""
    return images * (DEVIATION / (RESNET_DEVIATION if encoder.startswith("resnet") else ENCODER_DEVIATION))


def train(network: Any, radiographs: Radiographs, recipe: Recipe, seed: int, say: Callable[[str], None]) -> list[float]:
    """Train in place and return the mean loss of each epoch."""
    generator = torch.Generator().manual_seed(seed)
    if recipe.pooling != "own":
        network.pool = SoftMaximumPool(2)
        network.pool.sharpness = sharpness_at(0, recipe)
    some = torch.linspace(0, len(radiographs.images) - 1, 64).long()
    set_prior_bias(
        network, scaled(normalize(radiographs.images[some], recipe.size), recipe.encoder), radiographs.labels.mean(0)
    )
    network.train().to(memory_format=torch.channels_last)
    groups = [{"params": [p for p in network.encoder.parameters() if p.requires_grad]}]
    groups.append({"params": [*network.decoder.parameters(), *network.head.parameters()]})
    optimizer = torch.optim.Adam(groups, fused=True)
    steps = len(radiographs.images) // recipe.batch
    total = recipe.epochs * steps
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, [recipe.rate, recipe.decoder_rate], total_steps=total)
    losses = []
    for epoch in range(recipe.epochs):
        order, lost = torch.randperm(len(radiographs.images), generator=generator), 0.0
        for step in range(steps):
            if recipe.pooling != "own":
                network.pool.sharpness = sharpness_at((epoch * steps + step) / total, recipe)
            chosen = order[step * recipe.batch : (step + 1) * recipe.batch]
            views = random_views(len(chosen), recipe.rotation, generator)
            x = scaled(view(radiographs.images[chosen], recipe.size, views, generator), recipe.encoder)
            explanation = network.explain(x.contiguous(memory_format=torch.channels_last))
            loss = functional.binary_cross_entropy_with_logits(explanation[0], radiographs.labels[chosen])
            if recipe.mask_loss:
                boxes = viewed_boxes([radiographs.boxes[k] for k in chosen.tolist()], recipe.size, views)
                grid, classes = explanation[1].shape[2:], radiographs.labels.shape[1]
                allowed = torch.stack([box_regions(table, classes, recipe.size, grid) for table in boxes])
                loss = loss + recipe.mask_loss * mask_loss(explanation[1], allowed)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            lost += loss.item()
        losses.append(lost / steps)
        say(f"epoch {epoch + 1} of {recipe.epochs}, loss {losses[-1]:.4f}")
    return losses


def peaks(maps: Tensor, size: int) -> Tensor:
    """Return the highest pixel (row, column) of each map (N, M, h, w) as point localization finds it, (N, M, 2)."""
    return highest_pixels(maps.flatten(0, 1), size).unflatten(0, maps.shape[:2])


def judge(network: Any, radiographs: Radiographs, recipe: Recipe) -> dict[str, Any]:
    """Evaluate a network: hits and peaks by instance (radiograph and class with a box), and all logits."""
    points, areas = PointLocalizationMetric(recipe.size), PerClassAUROCMetric()
    found, scores = [], []
    network.eval()
    for first in range(0, len(radiographs.images), 32):
        part = slice(first, first + 32)
        x = scaled(normalize(radiographs.images[part], recipe.size), recipe.encoder).contiguous(
            memory_format=torch.channels_last
        )
        with torch.inference_mode():
            logits, maps, _ = network.explain(x)
        areas(logits, radiographs.labels[part])
        points(maps, radiographs.boxes[part])
        found.append(peaks(maps, recipe.size))
        scores.append(logits)
    hits, area, place = points.get_buffer(), areas.aggregate(), torch.cat(found)
    known = ~hits.isnan()
    return {
        "point": points.aggregate()["weighted"],
        "auroc": area["macro"],
        "auroc_per_class": [round(value, 4) for value in area["per_class"].tolist()],
        "map": list(maps.shape[2:]),
        "hits": "".join("01"[int(hit)] for hit in hits[known].tolist()),
        "peaks": place[known].tolist(),
        "logits": [[round(value, 2) for value in row] for row in torch.cat(scores).tolist()],
    }


def run(
    recipe: Recipe, training: Radiographs, test: Radiographs, seed: int, weights: str | None, say: Callable[[str], None]
) -> tuple[dict[str, Any], Any]:
    """Make, train and evaluate a network; return the figures and the network."""
    torch.manual_seed(seed)
    folded = weights is not None and Path(weights).suffix == ".npz"
    network = make_network(
        {"name": recipe.network, "encoder": recipe.encoder},
        weights=None if folded else weights,
        frozen_stages=recipe.frozen_stages,
    )
    if folded:
        some = torch.linspace(0, len(training.images) - 1, NORM_IMAGES).long()
        start_from_folded(
            network.encoder, Path(weights), scaled(normalize(training.images[some], recipe.size), recipe.encoder)
        )
    cpu = time.process_time()
    losses = train(network, training, recipe, seed, say)
    spent = round(time.process_time() - cpu)
    return {"losses": [round(x, 4) for x in losses], **judge(network, test, recipe), "cpu_seconds": spent}, network
