"""Training of PYLON and AxialNet on phantoms, in steps that a stopped run resumes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from monai_pylon.losses import MaskLoss
from monai_pylon.networks.blocks.slice_encoder import group_slices
from monai_pylon.networks.blocks.soft_maximum import soft_maximum
from monai_pylon.networks.nets import PYLON, AxialNet
from monai_pylon.utils.files import atomic_write
from monai_pylon.workflows.bundle import make_network
from tests.experiments.demo_checkpoints.phantoms import (
    CT_LABELS,
    CT_SIZE,
    STRUCTURES,
    XRAY_LABELS,
    Radiographs,
    Scans,
)

XRAY_SPEC: dict[str, Any] = {"name": "pylon", "encoder": "conv9", "decoder_channels": 64}
CT_SPEC: dict[str, Any] = {
    "name": "axialnet",
    "encoder": "conv5",
    "image_size": list(CT_SIZE),
    "reduction_channels": [32],
    "reduction_padding": 1,
}
#: The paper's weight of the mask loss, as strong beside the loss of the labels for each of 14 x 14 cells as for 6 x 6.
MASK_WEIGHT = (14 * 14) / (6 * 6) / 3


def pylon(labels: tuple[str, ...] = XRAY_LABELS) -> PYLON:
    """Make the network for radiographs."""
    return make_network(XRAY_SPEC, num_classes=len(labels))  # type: ignore[return-value]


def axialnet(labels: tuple[str, ...] = CT_LABELS) -> AxialNet:
    """Make the network for CTs."""
    bundle = "chest_ct_classification_axialnet"
    return make_network(CT_SPEC, bundle=bundle, num_classes=len(labels))  # type: ignore[return-value]


def run_steps(
    name: str,
    network: nn.Module,
    groups: Iterable[dict[str, Any]],
    steps: int,
    step_loss: Callable[[int, torch.Generator], torch.Tensor],
    state: Path,
    every: int = 50,
) -> None:
    """Minimize a loss with Adam in one cycle of the learning rate, in bfloat16, and save the state from time to time.

    Args:
        name: Name to print.
        network: The network, trained in place.
        groups: Groups of parameters, each with its maximum learning rate "lr".
        steps: Number of steps.
        step_loss: Function from the number of the step and random numbers to the loss ().
        state: File of the state. If it exists, the training continues there.
        every: Steps between two states.
    """
    groups = list(groups)
    rates = [group["lr"] for group in groups]
    optimizer = torch.optim.AdamW(groups, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=rates, total_steps=steps)
    generator, first, before = torch.Generator().manual_seed(0), 0, 0.0
    if state.is_file():
        saved = torch.load(state, weights_only=True)
        network.load_state_dict(saved["network"])
        optimizer.load_state_dict(saved["optimizer"])
        schedule.load_state_dict(saved["schedule"])
        generator.set_state(saved["generator"])
        first, before = saved["step"], saved["seconds"]
    network.train()
    start, mean = time.process_time(), 0.0
    for step in range(first, steps):
        with torch.autocast("cpu", torch.bfloat16):
            loss = step_loss(step, generator)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        mean += (float(loss.detach()) - mean) / (1 + step % every)
        if (step + 1) % every == 0 or step + 1 == steps:
            content = {"network": network.state_dict(), "optimizer": optimizer.state_dict()}
            seconds = before + time.process_time() - start
            content |= {"schedule": schedule.state_dict(), "generator": generator.get_state()}
            content |= {"step": step + 1, "seconds": seconds}
            with atomic_write(state) as part:
                torch.save(content, part)
            print(f"{name}: step {step + 1} of {steps}, loss {mean:.4f}, {seconds:.0f} CPU seconds", flush=True)


def start_at_frequencies(layer: nn.Module, labels: torch.Tensor) -> None:
    """Set the bias of a classification head so that the first probabilities are the labels' frequencies."""
    with torch.no_grad():
        layer.bias.copy_(torch.logit(labels.mean(0).clamp(0.01, 0.99)))  # type: ignore[union-attr, operator]


def clear_unused(network: nn.Module, images: torch.Tensor) -> None:
    """Set the weights to 0 that images of this size never reach, because a kernel is larger than its input.

    In bfloat16 on a CPU, PyTorch leaves the gradient of these weights undefined, so that they end as noise or NaN. They
    change no output.

    Args:
        network: The network, changed in place.
        images: Some images (N, C, H, W).
    """
    convolutions = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    with torch.no_grad():
        for module in convolutions:
            module.weight.nan_to_num_(0.0)
    network.eval().zero_grad()
    network.explain(images).attention.square().sum().backward()  # type: ignore[operator]
    with torch.no_grad():
        for module in convolutions:
            module.weight.mul_((module.weight.grad.abs().sum((0, 1)) > 0).to(module.weight.dtype))  # type: ignore[union-attr]
    network.zero_grad()


def train_pylon(data: Radiographs, state: Path, epochs: int = 14, batch: int = 16) -> PYLON:
    """Train PYLON on labels alone; the boxes are not used.

    A logit is the soft maximum of its map, with r from 1 to 16 over the first four fifths of the steps, and then the
    maximum. Each radiograph is mirrored, made lighter or darker, and moved by up to 8 pixels at random.
    """
    torch.manual_seed(0)
    network = pylon().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    start_at_frequencies(network.head, data.labels)
    steps = epochs * len(data.images) // batch

    def step_loss(step: int, random: torch.Generator) -> torch.Tensor:
        chosen = torch.randint(len(data.images), (batch,), generator=random)
        mirrored, gain, lift = torch.rand(3, batch, 1, 1, 1, generator=random)
        x = data.images[chosen]
        x = torch.where(mirrored < 0.5, x.flip(-1), x) * (0.8 + 0.4 * gain) + 0.6 * (lift - 0.5)
        shift = torch.randint(-8, 9, (2,), generator=random).tolist()
        x = functional.pad(x, (8, 8, 8, 8), mode="replicate")
        x = x[
            ...,
            8 + shift[0] : 8 + shift[0] + data.images.shape[-2],
            8 + shift[1] : 8 + shift[1] + data.images.shape[-1],
        ]
        explanation = network.explain(x.contiguous(memory_format=torch.channels_last))
        share = step / (0.8 * steps)
        logits = explanation.logits if share >= 1 else soft_maximum(explanation.attention.float(), 16.0**share)
        return functional.binary_cross_entropy_with_logits(logits, data.labels[chosen])

    run_steps("PYLON", network, [{"params": list(network.parameters()), "lr": 1e-3}], steps, step_loss, state)
    clear_unused(network, data.images[:16])
    return network.eval()


def _scans_of_step(data: Scans, batch: int, random: torch.Generator) -> tuple[torch.Tensor, ...]:
    """Return images (N, 1, X, Y, Z), labels, allowed regions and contents, mirrored with probability 1/2."""
    chosen = torch.randint(len(data.images), (batch,), generator=random)
    mirrored = int(torch.rand(1, generator=random) < 0.5)
    images = data.images[chosen, None].float() / 255 - 0.449
    images = images.flip(2) if mirrored else images
    return images, data.labels[chosen], data.allowed[chosen, mirrored], data.contents[chosen, mirrored]


def train_axialnet(data: Scans, states: Path, first_epochs: int = 6, epochs: int = 20, batch: int = 2) -> AxialNet:
    """Train AxialNet: first the encoder on the content of each cell, then all of it on labels and allowed regions."""
    torch.manual_seed(0)
    network = axialnet()
    classifier = nn.Conv2d(network.encoder.channels[-1], len(STRUCTURES) + len(CT_LABELS), 1)
    first = nn.ModuleList([network.encoder, classifier]).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    entropy = functional.binary_cross_entropy_with_logits

    def first_loss(step: int, random: torch.Generator) -> torch.Tensor:
        images, _, _, contents = _scans_of_step(data, batch, random)
        slices = (
            group_slices(images, network.slices_per_group).flatten(0, 1).contiguous(memory_format=torch.channels_last)
        )
        target = contents.permute(0, 4, 1, 3, 2).flatten(0, 1).float()
        return entropy(classifier(network.encoder(slices)[-1]).float(), target)

    steps = first_epochs * len(data.images) // batch
    groups = [{"params": list(first.parameters()), "lr": 3e-3}]
    run_steps("encoder", first, groups, steps, first_loss, states / "encoder.pt")
    start_at_frequencies(network.head, data.labels)
    loss = MaskLoss(MASK_WEIGHT)

    def second_loss(step: int, random: torch.Generator) -> torch.Tensor:
        images, labels, allowed, _ = _scans_of_step(data, batch, random)
        return loss(network.explain(images), labels, allowed)

    steps = epochs * len(data.images) // batch
    rest = [*network.reduction.parameters(), *network.head.parameters()]
    groups = [{"params": list(network.encoder.parameters()), "lr": 5e-4}, {"params": rest, "lr": 1e-3}]
    run_steps("AxialNet", network, groups, steps, second_loss, states / "axialnet.pt")
    return network.eval()
