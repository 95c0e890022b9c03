"""One training run of the comparison: starting weights, training on image-level labels, and evaluation."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from monai_pylon.metrics import BoxLocalizationMetric, PerClassAUROCMetric, PointLocalizationMetric
from monai_pylon.networks.blocks.soft_maximum import soft_maximum
from monai_pylon.workflows.bundle import make_network
from tests.experiments.pylon_evidence.radiographs import Radiographs, augment, normalize

OVERLAPS = (0.1, 0.25, 0.5)


@dataclass(frozen=True)
class TrainingSettings:
    """Settings of a training; differences from the paper have a field of their own.

    Attributes:
        network: Network of the bundle's networks.json.
        start: "imagenet" (encoder from the file of partial weights), "scratch", "phantoms" (whole network as trained on
            phantoms), or the name of an earlier run that trains the encoder as a backbone.
        epochs: Epochs over the training radiographs (the paper: up to 40).
        first_epochs: Epochs of the earlier run.
        encoder: Encoder of all networks.
        size: Rows and columns of the networks' input.
        batch: Radiographs per step.
        rate: Maximum learning rate of the encoder, in one cycle of Adam (the paper: 1e-4, lowered on a plateau).
        decoder_rate: Maximum learning rate of decoder and head, which start untrained (the paper: as the encoder's).
        max_rotation: Maximum rotation of the augmentation in degrees (the paper: 90).
        normals: Share of the radiographs without finding per epoch, others in the next epoch (the paper: all).
        softness: In training, a logit is the soft maximum (1/r) log mean exp(r x) of its map, with r from 1 to
            1/softness over the run. 0 is the paper's maximum. Tests always use the maximum.
        prior_bias: Whether the bias of the head starts so that the mean logit is that of the label's frequency. The
            paper does not do this; it saves the first epoch.
    """

    network: str
    start: str = "imagenet"
    epochs: int = 3
    first_epochs: int = 6
    encoder: str = "resnet18"
    size: int = 192
    batch: int = 8
    rate: float = 1e-4
    decoder_rate: float = 5e-4
    max_rotation: float = 15.0
    normals: float = 0.5
    softness: float = 0.0
    prior_bias: bool = True

    def but(self, **changes: Any) -> TrainingSettings:
        """Return a copy with some changes."""
        return replace(self, **changes)


def start_from_folded(encoder: nn.Module, file: Path, images: Tensor) -> None:
    """Load a ResNet with norms folded into its convolutions, and unfold them on images (N, 1, H, W).

    Each norm gets the mean and variance of its input, and a weight and bias that change nothing but add the folded
    bias, so that the network computes the same as that of the file. Convolutions that the file lacks stay unchanged,
    and so do their norms except for the statistics. The weights of the three color channels are summed, because
    radiographs are gray.
    """
    arrays = {name: torch.from_numpy(array) for name, array in np.load(file, allow_pickle=False).items()}
    arrays["conv1.weight"] = arrays["conv1.weight"].sum(1, keepdim=True)
    convolutions = {name: part for name, part in encoder.named_modules() if isinstance(part, nn.Conv2d)}
    for name, part in convolutions.items():
        if f"{name}.weight" in arrays:
            part.weight.data.copy_(arrays[f"{name}.weight"])
    follows = {}
    for name, part in encoder.named_modules():
        if isinstance(part, nn.BatchNorm2d):
            first = name.replace("downsample.1", "downsample.0").replace("bn", "conv")
            follows[part] = arrays.get(f"{first}.bias") if f"{first}.weight" in arrays else None

    def unfold(norm: nn.Module, inputs: tuple[Tensor]) -> None:
        assert isinstance(norm, nn.BatchNorm2d)
        assert norm.running_mean is not None
        assert norm.running_var is not None
        values = inputs[0].transpose(0, 1).flatten(1)
        mean, variance, bias = values.mean(1), values.var(1), follows[norm]
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(variance)
        if bias is not None:
            norm.weight.data.copy_((variance + norm.eps).sqrt())
            norm.bias.data.copy_(bias + mean)

    hooks = [norm.register_forward_pre_hook(unfold) for norm in follows]
    encoder.eval()
    with torch.no_grad():
        encoder(images)
    for hook in hooks:
        hook.remove()


def _start_at_frequency(
    network: nn.Module, radiographs: Radiographs, settings: TrainingSettings, score: Callable[[Tensor], Tensor]
) -> None:
    """Shift the head's bias until the mean logit of some radiographs is the logit of each label's frequency."""
    head = [part for part in network.head.modules() if isinstance(part, nn.Conv2d)][-1]  # type: ignore[union-attr]
    network.train()
    with torch.no_grad():
        chosen = torch.linspace(0, len(radiographs.images) - 1, 64).long()
        mean = score(normalize(radiographs.images[chosen], settings.size)).mean(0)
        frequency = radiographs.labels.mean(0).clamp(1e-3, 1 - 1e-3)
        head.bias.data += frequency.logit() - mean  # type: ignore[union-attr]


def train(
    network: nn.Module, radiographs: Radiographs, settings: TrainingSettings, seed: int, progress: Callable[[str], None]
) -> list[float]:
    """Train in place, in bfloat16 where possible, and return the mean loss of each epoch."""
    generator = torch.Generator().manual_seed(seed)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    encoder = list(network.encoder.parameters())  # type: ignore[union-attr, operator]
    others = [*network.decoder.parameters(), *network.head.parameters()]  # type: ignore[union-attr, operator]
    groups = [{"params": encoder}, {"params": others}]
    optimizer = torch.optim.Adam(groups, fused=True)
    finding = radiographs.labels.any(1)
    found, normal = finding.nonzero().flatten(), (~finding).nonzero().flatten()
    seen = round(settings.normals * len(normal))
    steps = (len(found) + seen) // settings.batch
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, [settings.rate, settings.decoder_rate], total_steps=settings.epochs * steps
    )
    sharpness = 1.0

    def score(x: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            found = network.explain(x)  # type: ignore[operator]
        return soft_maximum(found.attention, sharpness) if settings.softness else found.logits.float()

    if settings.prior_bias:
        _start_at_frequency(network, radiographs, settings, score)
    losses = []
    network.train()
    for epoch in range(settings.epochs):
        some = normal[torch.randperm(len(normal), generator=generator)[:seen]]
        order, total = torch.cat([found, some]), 0.0
        order = order[torch.randperm(len(order), generator=generator)]
        for step in range(steps):
            chosen = order[step * settings.batch : (step + 1) * settings.batch]
            if settings.softness:
                sharpness = settings.softness ** -((epoch * steps + step) / (settings.epochs * steps))
            x = augment(radiographs.images[chosen], settings.size, settings.max_rotation, generator)
            loss = functional.binary_cross_entropy_with_logits(score(x), radiographs.labels[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item()
        losses.append(total / steps)
        progress(f"epoch {epoch + 1} of {settings.epochs}, loss {losses[-1]:.4f}")
    return losses


def judge(network: nn.Module, radiographs: Radiographs, size: int) -> dict[str, Any]:
    """Evaluate a network as the paper does on test radiographs; `hits` are ordered by radiograph and class."""
    points, areas = PointLocalizationMetric(size), PerClassAUROCMetric()
    overlaps = {overlap: BoxLocalizationMetric(size, overlap=overlap) for overlap in OVERLAPS}
    network.eval()
    for first in range(0, len(radiographs.images), 64):
        part = slice(first, first + 64)
        with torch.inference_mode():
            logits, maps, _ = network.explain(normalize(radiographs.images[part], size))  # type: ignore[operator]
        areas(logits, radiographs.labels[part])
        for metric in (points, *overlaps.values()):
            metric(maps, radiographs.boxes[part])
    found, area = points.aggregate(), areas.aggregate()
    hits = points.get_buffer()
    return {
        "point": found["weighted"],
        "point_macro": found["macro"],
        "point_per_class": found["per_class"].tolist(),
        "auroc": area["macro"],
        "auroc_per_class": area["per_class"].tolist(),
        "box": {str(overlap): metric.aggregate()["weighted"] for overlap, metric in overlaps.items()},
        "map": list(maps.shape[2:]),
        "hits": "".join("01"[int(hit)] for hit in hits[~hits.isnan()].tolist()),
    }


def run(
    settings: TrainingSettings,
    training: Radiographs,
    test: Radiographs,
    seed: int,
    state: dict[str, Tensor] | None,
    weights: Path | None,
    progress: Callable[[str], None],
) -> tuple[dict[str, Any], nn.Module]:
    """Make, start, train and evaluate a network; return the figures and the network.

    ``state`` is the state of an encoder or a whole network to start from.
    """
    torch.manual_seed(seed)
    network = make_network({"name": settings.network, "encoder": settings.encoder})
    if state is not None:
        whole = any(name.startswith("head.") for name in state)
        (network if whole else network.encoder).load_state_dict(state)  # type: ignore[union-attr]
    elif settings.start == "imagenet":
        assert weights is not None
        some = torch.linspace(0, len(training.images) - 1, 128).long()
        images = normalize(training.images[some], settings.size)
        start_from_folded(network.encoder, weights, images)  # type: ignore[arg-type]
    wall, cpu = time.perf_counter(), time.process_time()
    losses = train(network, training, settings, seed, progress)
    spent = {"seconds": round(time.perf_counter() - wall, 1), "cpu_seconds": round(time.process_time() - cpu, 1)}
    return {"losses": [round(loss, 5) for loss in losses], **judge(network, test, settings.size), **spent}, network
