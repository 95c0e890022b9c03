"""AxialNet with and without the mask loss, on phantom CTs confounded by body fat.

In this cohort, patients with more fat have more nodules and masses, although fat does not cause them. In the paper's
hospital cohort, likewise, patients with more fat have more atherosclerosis. A network may then score a finding that it
hardly sees by the fat that it sees well. The mask loss knows in which organ a report places a finding and penalizes
this; OrganIoU measures the effect. In the test patients fat and findings are independent.

This is a demonstration of three minutes on one core, not evidence: one seed, voxels of 5 mm, three findings. The
settings were chosen as follows. Patients and voxels fit the time of a demo. The learning rate is that of the experiment
in docs/researchers/axialnet_evidence.md, which chose it by the cross entropy of validation patients, without the mask
loss. The weight of the mask loss is the paper's, scaled by the number of grid cells. The first version had 12 epochs:
OrganIoU (HiResCAM) was .31 without and .25 with the mask loss. The experiment then showed that the mask loss needs
longer training, so the epochs became 40. This was tried once: .29 without, .45 with the mask loss, mostly due to the
effusions (.75 and .97). With Grad-CAM, whose map the loss does not act on, it is .07 and .06.
"""

from __future__ import annotations

import time
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
from monai_pylon.networks.plain_encoder import PlainPyramid
from monai_pylon.reports.display import window_to_gray
from monai_pylon.reports.figure_style import BACKGROUND, FAINT, TEXT, save_figure
from monai_pylon.reports.heatmap import paint_heatmap
from monai_pylon.utils import check, upsample, write_rows
from monai_pylon.visualize import HiResCAM, LayerGradCAM
from monai_pylon.workflows.chest_ct.explainer import maps_on_axes
from tests.experiments.short_trainings.chest_ct_data import CT_DEMO_FINDINGS, CT_DEMO_TISSUES, DemoCTs, demo_cts
from tests.experiments.short_trainings.threads import one_thread

__all__ = ["axialnet_demo"]


def small_encoder() -> PlainPyramid:
    """Make the encoder of all networks here."""
    return PlainPyramid("conv5", 2, 3, (12, 24, 48))


def _normalize(hu: torch.Tensor) -> torch.Tensor:
    """Scale HU as the authors do: -1000 to 800 HU to 0 to 1, minus the mean of ImageNet."""
    return (hu.clip(-1000, 800) + 1000) / 1800 - 0.449


def _train(network: nn.Module, data: DemoCTs, loss: Any, epochs: int, rate: float) -> None:
    """Train with Adam, a one-cycle learning rate, batches of one volume and random mirroring.

    The loss is called with the output of the network, labels, allowed regions and tissues.
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
            loss(network(_normalize(parts[0])), *parts[1:]).backward()
            optimizer.step()
            schedule.step()


class _TissueClassifier(nn.Module):
    """Classifier of the tissues in each grid cell of a volume: (N, 1, X, Y, Z) to (N, T, *grid)."""

    def __init__(self, encoder: PlainPyramid) -> None:
        super().__init__()
        self.encoder, self.head = encoder, nn.Conv2d(encoder.channels[-1], len(CT_DEMO_TISSUES), 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        images = group_slices(x, 3)
        logits = self.head(self.encoder(images.flatten(0, 1))[-1]).unflatten(0, images.shape[:2])
        return logits.permute(0, 2, 4, 3, 1)


def _pretrain_encoder(data: DemoCTs, epochs: int, rate: float) -> dict[str, torch.Tensor]:
    """Return the encoder weights that both networks start from: trained on tissues, as the paper's on ImageNet."""
    classifier = _TissueClassifier(small_encoder())
    entropy = functional.binary_cross_entropy_with_logits
    _train(classifier, data, lambda logits, labels, allowed, tissues: entropy(logits, tissues.float()), epochs, rate)
    return classifier.encoder.state_dict()


def _organ_ious(network: AxialNet, method: type, validation: DemoCTs, test: DemoCTs) -> dict[str, Any]:
    """Return OrganIoU on test patients, with thresholds tuned on validation patients."""
    cam, metric = method(network, "reduction"), OrganIoUMetric()
    for data in (validation, test):
        metric.reset()
        for x, labels, allowed in zip(*(p.split(8) for p in (data.hu, data.labels, data.allowed)), strict=True):
            metric(maps_on_axes(cam(_normalize(x), "all"), "reduction"), (labels, allowed))
        if data is validation:
            metric = OrganIoUMetric(metric.tune_thresholds())
    return metric.aggregate()


def _evaluate(network: AxialNet, validation: DemoCTs, test: DemoCTs) -> dict[str, float]:
    """Return AUROC and OrganIoU on test patients."""
    areas = PerClassAUROCMetric()
    with torch.no_grad():
        areas(torch.cat([network(_normalize(x)) for x in test.hu.split(8)]), test.labels)
    hires = _organ_ious(network, HiResCAM, validation, test)
    row = {"AUROC": areas.aggregate()["macro"]}
    row["OrganIoU Grad-CAM"] = _organ_ious(network, LayerGradCAM, validation, test)["weighted"]
    row["OrganIoU HiResCAM"] = hires["weighted"]
    return row | {f"of {name}": float(value) for name, value in zip(CT_DEMO_FINDINGS, hires["per_class"], strict=True)}


def _draw(axes: Any, data: DemoCTs, patient: int, label: int, network: AxialNet, title: str) -> None:
    """Draw HiResCAM on the slice through the middle of a finding, with the outline of its allowed region."""
    explained = HiResCAM(network, "reduction").explain(_normalize(data.hu[[patient]]), label)
    positive = maps_on_axes(explained.maps, "reduction").clamp_min(0)
    height = int(data.heights[patient, label])
    heat = upsample(positive, tuple(data.hu.shape[2:]), 0)[0, ..., height] / positive.max().clamp_min(1e-12)
    gray = window_to_gray(data.hu[patient, 0, ..., height].numpy())
    axes.imshow(paint_heatmap(gray.T, heat.numpy().T.clip(0, 1)), interpolation="bilinear")
    region = data.regions[patient, label, ..., height].numpy().T
    if region.any():
        axes.contour(region, levels=[0.5], colors="#56b4e9", linewidths=1.2)
    axes.set_title(f"{title}: {float(explained.logits[0, label].sigmoid()):.2f}", color=TEXT, fontsize=9)
    axes.set_axis_off()


def _figure(data: DemoCTs, networks: dict[str, AxialNet]) -> Any:
    """Create a figure with a row per network and a column per finding, each of the first patient with the finding."""
    figure = optional_import("matplotlib.figure", name="Figure")[0](figsize=(10, 6.6), facecolor=BACKGROUND, dpi=110)
    columns = [label for label in range(len(CT_DEMO_FINDINGS)) if data.labels[:, label].any()]
    panels = figure.subplots(len(networks), max(1, len(columns)), squeeze=False)
    for axes, (name, network) in zip(panels, networks.items(), strict=True):
        for panel, label in zip(axes, columns, strict=False):
            patient = int(data.labels[:, label].argmax())
            _draw(panel, data, patient, label, network, f"{list(CT_DEMO_FINDINGS.values())[label]}, {name}")
    note = (
        "First patient with each finding, and the networks' probabilities. Color: positive part of HiResCAM, divided "
        "by its\nmaximum in the volume. Line: the finding's allowed region. In training, nodules and masses are "
        "correlated with body fat."
    )
    figure.text(0.5, 0.015, note, color=FAINT, fontsize=7.5, ha="center")
    return figure


def axialnet_demo(
    output: str | PathLike[str], patients: int = 100, test_patients: int = 48, epochs: int = 40, rate: float = 1e-3
) -> list[dict[str, float | str]]:
    """Train AxialNet without and with the mask loss on phantom CTs and compare where the evidence lies.

    Args:
        output: Folder for `axialnet_demo.csv` and `axialnet_demo.png`.
        patients: Number of training patients, whose nodules and masses depend on fat.
        test_patients: Number of test patients, whose findings are independent of fat. Half as many validation
            patients, drawn as the training patients, are used to tune thresholds.
        epochs: Epochs of each of the three trainings: of the encoder and of each network.
        rate: Maximum learning rate.

    Returns:
        A row for each network with AUROC, OrganIoU with Grad-CAM and with HiResCAM, OrganIoU of each finding and
        training seconds, and a row for uniform evidence.

    Raises:
        ValueError: If the number of patients, test patients or epochs is not positive.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     rows = axialnet_demo(folder, patients=2, test_patients=2, epochs=1)
        ...     [row["network"] for row in rows], sorted(file.name for file in Path(folder).iterdir())
        (['labels alone', 'with the mask loss', 'evidence everywhere'], ['axialnet_demo.csv', 'axialnet_demo.png'])
    """
    for name, value in (("patients", patients), ("test_patients", test_patients), ("epochs", epochs)):
        check(value > 0, name, "positive", value)
    folder = Path(output).expanduser()
    training = demo_cts(patients, 0, confounded=True)
    validation = demo_cts(max(1, test_patients // 2), 1_000_000, confounded=True)
    test = demo_cts(test_patients, 2_000_000, confounded=False)
    # The mask loss is a mean over grid cells, so its gradient on one cell falls with their number; the gradient of the
    # classification loss does not. Scale the paper's weight, which is for 6 x 6 cells.
    weight = (training.allowed.shape[2] * training.allowed.shape[3]) / (6 * 6) / 3
    rows: list[dict[str, float | str]] = []
    networks = {}
    with torch.random.fork_rng(devices=[]), one_thread():
        torch.manual_seed(0)
        encoder_weights = _pretrain_encoder(training, epochs, rate)
        for name in ("labels alone", "with the mask loss"):
            torch.manual_seed(1)
            networks[name] = network = AxialNet(
                num_classes=len(CT_DEMO_FINDINGS),
                encoder=small_encoder(),
                in_plane_size=tuple(training.hu.shape[2:4]),
                reduction_channels=(16,),
                reduction_padding=1,
            )
            network.encoder.load_state_dict(encoder_weights)
            penalty = MaskLoss(weight if name == "with the mask loss" else 0.0)
            start = time.perf_counter()
            _train(Explained(network), training, lambda e, y, allowed, _, p=penalty: p(e, y, allowed), epochs, rate)
            seconds = time.perf_counter() - start
            numbers = _evaluate(network.eval(), validation, test)
            rows.append({"network": name, **{key: round(value, 3) for key, value in numbers.items()}})
            rows[-1] |= {"training seconds": round(seconds, 1)}
    shares = test.allowed.float().mean((2, 3, 4))[test.labels == 1]
    rows.append({"network": "evidence everywhere", "OrganIoU HiResCAM": round(float(shares.mean()), 3)})
    write_rows(folder / "axialnet_demo.csv", rows)
    save_figure(folder / "axialnet_demo.png", _figure(test, networks))
    return rows
