"""The third part of the demo: AxialNet on phantom CTs whose nodules and masses go with body fat, and the mask loss.

Fat causes no nodule, but in this cohort the stouter patients have more of both nodules and masses, as in the paper's
hospital patients with more fat have more atherosclerosis. A network may then score what it can hardly see by the fat
that it sees well. The mask loss, which knows in which organ a report places a finding, speaks against that; OrganIoU
tells whether it was heard. The test patients come from elsewhere: there fat and findings have nothing to do with each
other.

It is a demonstration of three minutes on one core, no experiment: one seed, voxels of 5 mm, three findings. How its
settings were chosen: patients and voxels by the time that a demo may take; the learning rate is the one that the
experiment of docs/researchers/axialnet_evidence.md took by the cross entropy of validation patients, without the mask
loss; the weight of the mask loss is the paper's, for the number of cells. With 12 epochs, as it was first, OrganIoU was
.31 without and .25 with the mask loss (HiResCAM). Then the experiment showed that the mask loss takes time, and the
epochs became 40, tried once: .29 without, .45 with it, by the effusions above all (.75 and .97). With Grad-CAM, whose
map the loss is not about, it is .07 and .06.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from monai.utils import optional_import
from torch import nn
from torch.nn import functional

from monai_pylon.losses import MaskLoss
from monai_pylon.metrics import OrganIoUMetric, PerClassAUROCMetric
from monai_pylon.networks import Explained
from monai_pylon.networks.blocks.slice_encoder import group_slices
from monai_pylon.networks.nets import AxialNet
from monai_pylon.reports import paint_heatmap, save_figure, window_to_gray
from monai_pylon.reports.figure_style import BACKGROUND, FAINT, TEXT
from monai_pylon.utils import check, upsample, write_rows
from monai_pylon.visualize import HiResCAM, LayerGradCAM
from monai_pylon.workflows.chest_ct.explainer import maps_on_axes
from monai_pylon.workflows.demo.chest_ct_data import CT_DEMO_FINDINGS, CT_DEMO_TISSUES, DemoCTs, demo_cts
from monai_pylon.workflows.demo.threads import one_thread

__all__ = ["SmallSliceEncoder", "axialnet_demo"]


class SmallSliceEncoder(nn.Module):
    """An encoder of five convolutions with strides 2, 4 and 8, for small slices and short trainings.

    Args:
        widths: features of its three maps.
        in_channels: of the images.

    ``encoder(x)`` turns images (N, C, H, W) into the list of the three maps, shallow to deep.

    Example:
        >>> [tuple(map.shape) for map in SmallSliceEncoder()(torch.zeros(1, 3, 80, 80))]
        [(1, 12, 40, 40), (1, 24, 20, 20), (1, 48, 10, 10)]
    """

    def __init__(self, widths: Sequence[int] = (12, 24, 48), in_channels: int = 3) -> None:
        super().__init__()
        self.channels, self.strides = tuple(widths), (2, 4, 8)

        def layer(inputs: int, outputs: int, size: int, stride: int) -> list[nn.Module]:
            convolution = nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False)
            return [convolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]

        a, b, c = widths
        stages = (
            layer(in_channels, a, 5, 2),
            layer(a, b, 3, 2) + layer(b, b, 3, 1),
            layer(b, c, 3, 2) + layer(c, c, 3, 1),
        )
        self.stages = nn.ModuleList(nn.Sequential(*stage) for stage in stages)

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """The maps of images (N, C, H, W)."""
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps


def _scaled(hu: torch.Tensor) -> torch.Tensor:
    """The authors' numbers: -1000 to 800 HU as 0 to 1, less ImageNet's mean."""
    return (hu.clip(-1000, 800) + 1000) / 1800 - 0.449


def _train(network: nn.Module, data: DemoCTs, loss: Any, epochs: int, rate: float) -> None:
    """Adam with a rate that rises and falls once, a volume at a time; mirrored at random, and its cells with it.

    The loss is called with what the network gives, labels, allowed regions and tissues.
    """
    generator = torch.Generator().manual_seed(0)
    network.to(memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    optimizer = torch.optim.Adam(network.parameters(), lr=rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=rate, total_steps=epochs * len(data.hu))
    for _ in range(epochs):
        for chosen in torch.randperm(len(data.hu), generator=generator).split(1):
            parts = [part[chosen] for part in (data.hu, data.labels, data.allowed, data.tissues)]
            if torch.rand(1, generator=generator) < 0.5:
                parts = [part.flip(2) if part.ndim == 5 else part for part in parts]
            optimizer.zero_grad()
            loss(network(_scaled(parts[0])), *parts[1:]).backward()
            optimizer.step()
            schedule.step()


class _TissueReader(nn.Module):
    """An encoder that tells which tissues lie in each cell of a volume: (N, 1, X, Y, Z) to (N, T, *grid)."""

    def __init__(self, encoder: SmallSliceEncoder) -> None:
        super().__init__()
        self.encoder, self.head = encoder, nn.Conv2d(encoder.channels[-1], len(CT_DEMO_TISSUES), 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        images = group_slices(x, 3)
        found = self.head(self.encoder(images.flatten(0, 1))[-1]).unflatten(0, images.shape[:2])
        return found.permute(0, 2, 4, 3, 1)


def _first_weights(data: DemoCTs, epochs: int, rate: float) -> dict[str, torch.Tensor]:
    """The encoder that both networks begin with, as the paper's begins with ImageNet: it knows tissues, no label."""
    reader = _TissueReader(SmallSliceEncoder())
    entropy = functional.binary_cross_entropy_with_logits
    _train(reader, data, lambda found, labels, allowed, tissues: entropy(found, tissues.float()), epochs, rate)
    return reader.encoder.state_dict()


def _organ_ious(network: AxialNet, method: type, validation: DemoCTs, test: DemoCTs) -> dict[str, Any]:
    """OrganIoU of test patients, with thresholds tuned on validation patients."""
    cam, metric = method(network, "reduction"), OrganIoUMetric()
    for data in (validation, test):
        metric.reset()
        for x, labels, allowed in zip(*(p.split(8) for p in (data.hu, data.labels, data.allowed)), strict=True):
            metric(maps_on_axes(cam(_scaled(x), "all"), "reduction"), (labels, allowed))
        if data is validation:
            metric = OrganIoUMetric(metric.tune_thresholds())
    return metric.aggregate()


def _judge(network: AxialNet, validation: DemoCTs, test: DemoCTs) -> dict[str, float]:
    """AUROC and OrganIoU of patients not seen in training."""
    areas = PerClassAUROCMetric()
    with torch.no_grad():
        areas(torch.cat([network(_scaled(x)) for x in test.hu.split(8)]), test.labels)
    hires = _organ_ious(network, HiResCAM, validation, test)
    row = {"AUROC": areas.aggregate()["macro"]}
    row["OrganIoU Grad-CAM"] = _organ_ious(network, LayerGradCAM, validation, test)["weighted"]
    row["OrganIoU HiResCAM"] = hires["weighted"]
    return row | {f"of {name}": float(value) for name, value in zip(CT_DEMO_FINDINGS, hires["per_class"], strict=True)}


def _draw(axes: Any, data: DemoCTs, patient: int, label: int, network: AxialNet, title: str) -> None:
    """HiResCAM over the slice through a finding's middle, with the outline of the organs in which it may be."""
    explained = HiResCAM(network, "reduction").explain(_scaled(data.hu[[patient]]), label)
    found = maps_on_axes(explained.maps, "reduction").clamp_min(0)
    slice_ = int(data.heights[patient, label])
    heat = upsample(found, tuple(data.hu.shape[2:]), 0)[0, ..., slice_] / found.max().clamp_min(1e-12)
    gray = window_to_gray(data.hu[patient, 0, ..., slice_].numpy())
    axes.imshow(paint_heatmap(gray.T, heat.numpy().T.clip(0, 1)), interpolation="bilinear")
    region = data.regions[patient, label, ..., slice_].numpy().T
    if region.any():
        axes.contour(region, levels=[0.5], colors="#56b4e9", linewidths=1.2)
    axes.set_title(f"{title}: {float(explained.logits[0, label].sigmoid()):.2f}", color=TEXT, fontsize=9)
    axes.set_axis_off()


def _picture(data: DemoCTs, networks: dict[str, AxialNet]) -> Any:
    """A row a network, a column a finding: of each the first patient of the data who has it."""
    figure = optional_import("matplotlib.figure", name="Figure")[0](figsize=(10, 6.6), facecolor=BACKGROUND, dpi=110)
    columns = [label for label in range(len(CT_DEMO_FINDINGS)) if data.labels[:, label].any()]
    panels = figure.subplots(len(networks), max(1, len(columns)), squeeze=False)
    for axes, (name, network) in zip(panels, networks.items(), strict=True):
        for one, label in zip(axes, columns, strict=False):
            patient = int(data.labels[:, label].argmax())
            _draw(one, data, patient, label, network, f"{list(CT_DEMO_FINDINGS.values())[label]}, {name}")
    note = (
        "First patients who have each finding, and the networks' probabilities. Colour: HiResCAM, positive part, "
        "relative to its\nmaximum in the volume. Line: the organ in which the finding may be. In training nodules and "
        "masses go with body fat."
    )
    figure.text(0.5, 0.015, note, color=FAINT, fontsize=7.5, ha="center")
    return figure


def axialnet_demo(
    output: str | PathLike[str], patients: int = 100, test_patients: int = 48, epochs: int = 40, rate: float = 1e-3
) -> list[dict[str, float | str]]:
    """Train AxialNet without and with the mask loss on phantom CTs, and write where each finds its evidence.

    Args:
        output: the folder for `axialnet_demo.csv` and `axialnet_demo.png`.
        patients: how many train; fat goes with nodules and masses.
        test_patients: how many test, of whom fat tells nothing; half as many of the first kind tune thresholds.
        epochs: of each of the three trainings: of the encoder, and of each network.
        rate: the highest learning rate.

    Returns:
        a row for each network: AUROC, OrganIoU with Grad-CAM and with HiResCAM, that of each finding, seconds of its
        training; and one for evidence that is the same everywhere.

    Raises:
        ValueError: for no epoch or no patient.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     rows = axialnet_demo(folder, patients=2, test_patients=2, epochs=1)
        ...     [row["network"] for row in rows], sorted(file.name for file in Path(folder).iterdir())
        (['labels alone', 'with the mask loss', 'evidence everywhere'], ['axialnet_demo.csv', 'axialnet_demo.png'])
    """
    for name, value in (("patients", patients), ("test_patients", test_patients), ("epochs", epochs)):
        check(value > 0, name, "positive", value)
    place = Path(output).expanduser()
    training = demo_cts(patients, 0, confounded=True)
    validation = demo_cts(max(1, test_patients // 2), 1_000_000, confounded=True)
    test = demo_cts(test_patients, 2_000_000, confounded=False)
    # a label's loss moves each cell's evidence by itself, the mask loss by its mean over cells: the paper has 6 x 6
    weight = (training.allowed.shape[2] * training.allowed.shape[3]) / (6 * 6) / 3
    rows: list[dict[str, float | str]] = []
    networks = {}
    with torch.random.fork_rng(devices=[]), one_thread():
        torch.manual_seed(0)
        first = _first_weights(training, epochs, rate)
        for name in ("labels alone", "with the mask loss"):
            torch.manual_seed(1)
            networks[name] = network = AxialNet(
                num_classes=len(CT_DEMO_FINDINGS),
                encoder=SmallSliceEncoder(),
                in_plane_size=tuple(training.hu.shape[2:4]),
                reduction_channels=(16,),
                reduction_padding=1,
            )
            network.encoder.load_state_dict(first)
            penalty = MaskLoss(weight if name == "with the mask loss" else 0.0)
            start = time.perf_counter()
            _train(Explained(network), training, lambda e, y, allowed, _, p=penalty: p(e, y, allowed), epochs, rate)
            seconds = time.perf_counter() - start
            numbers = _judge(network.eval(), validation, test)
            rows.append({"network": name, **{key: round(value, 3) for key, value in numbers.items()}})
            rows[-1] |= {"training seconds": round(seconds, 1)}
    shares = test.allowed.float().mean((2, 3, 4))[test.labels == 1]
    rows.append({"network": "evidence everywhere", "OrganIoU HiResCAM": round(float(shares.mean()), 3)})
    write_rows(place / "axialnet_demo.csv", rows)
    save_figure(place / "axialnet_demo.png", _picture(test, networks))
    return rows
