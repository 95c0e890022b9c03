"""One job for each public name that takes tensors or a network; the names are in the names of the jobs.

A job gets ``move``, which puts tensors and networks on the device under test, and returns results to compare.
"""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from monai.data import MetaTensor
from torch import nn

from monai_pylon.data import phantom_chest_ct
from monai_pylon.handlers import (
    OrganThresholds,
    PerClassMetricHandler,
    PriorBias,
    RaiseOnNonFiniteLoss,
    SoftMaximumSchedule,
    SyncBuffers,
    TrainingCheckpoints,
)
from monai_pylon.losses import KnownLabelsLoss, MaskLoss, mask_loss
from monai_pylon.metrics import (
    BoxLocalizationMetric,
    LocalizationBaselinesMetric,
    OrganIoUMetric,
    PerClassAUROCMetric,
    PointLocalizationMetric,
    bootstrap_interval,
    box_localization,
    class_points,
    organ_iou,
    point_localization,
    resample_attention,
)
from monai_pylon.metrics.auroc import auroc_per_class
from monai_pylon.metrics.baselines import localization_baselines
from monai_pylon.metrics.organ_overlap import organ_iou_curve
from monai_pylon.networks import Explained, Explanation, make_encoder, nets, optimize_for_inference
from monai_pylon.networks.pretrained import load_weights
from monai_pylon.reports import radiological_slice, show_map, square_pixels
from monai_pylon.reports.chest_ct_figure import finding_on_scan, scan_findings_figure
from monai_pylon.reports.display import DisplaySlice, paint_labels, window_to_gray
from monai_pylon.reports.heatmap import heatmap_on_image, heatmap_peak, paint_heatmap
from monai_pylon.reports.nifti import save_label_nifti, save_map_nifti, save_radiograph_nifti, save_volume_nifti
from monai_pylon.reports.organ_figure import organ_overlay_figure
from monai_pylon.reports.radiograph_figure import (
    RadiographFindingMap,
    radiograph_overlay_figure,
    radiograph_page_figure,
)
from monai_pylon.reports.radiograph_files import save_radiograph_files
from monai_pylon.transforms import (
    AllowedRegions,
    AllowedRegionsd,
    CheckVolume,
    CheckVolumed,
    FollowBoxes,
    FollowBoxesd,
    OrgansFromLabelMap,
    OrgansFromLabelMapd,
    PartitionOrgans,
    PartitionOrgansd,
    RandBrightnessContrast,
    RandBrightnessContrastd,
    RandResizedCrop,
    RandResizedCropd,
    allowed_regions,
    organs_from_label_map,
    partition_organs,
)
from monai_pylon.transforms.attention_regions import allowed_share
from monai_pylon.transforms.disk_cache import CacheToDiskd
from monai_pylon.transforms.extent_crop import CropToExtent, CropToExtentd
from monai_pylon.transforms.heuristic_masks import heuristic_organ_labels, heuristic_organ_masks
from monai_pylon.transforms.partition import quality_of_item
from monai_pylon.utils import upsample
from monai_pylon.utils.resize import resize_linear
from monai_pylon.visualize import (
    ActivationMapInferer,
    HiResCAM,
    HiResCAMNetwork,
    LayerGradCAM,
    audit_explanation,
    grad_cam,
    hires_cam,
    label_randomization,
    layer_output,
    parameter_randomization,
    perturbation_curve,
    shift_equivariance,
)
from monai_pylon.visualize.visualizers import explain_by_methods
from tests.house.test_networks import EXPLAINING, SILENT, Build
from tests.networks.tiny import TinyEncoder, shake_
from tests.visualize.nets import HEADS, image, make_net

Move = Callable[[Any], Any]
Job = Callable[[Move], Any]

# --- networks


def _network_jobs(name: str, build: Build) -> dict[str, Job]:
    """Run, explain and train one network."""

    def forward(move: Move) -> Any:
        torch.manual_seed(0)
        net, x = move(shake_(build.make())), move(torch.randn(*build.shape))
        return [net(x), *(net.explain(x) if name in EXPLAINING else ())]

    def train(move: Move) -> Any:
        torch.manual_seed(0)
        net, x = move(shake_(build.make())), move(torch.randn(*build.shape))
        optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
        loss = MaskLoss()(explanation := net.explain(x), torch.ones_like(explanation.logits), _regions(explanation))
        loss.backward()
        optimizer.step()
        return [loss.detach(), net(x)]

    return {f"{name}: forward": forward, **({f"{name}: train": train} if name in EXPLAINING else {})}


def _regions(explanation: Explanation) -> torch.Tensor:
    """Allow the positive half of an attention map."""
    return explanation.attention.detach() > 0


def _encoder(move: Move) -> Any:
    net = move(shake_(make_encoder("densenet121", 2, 1)))
    return net(move(torch.randn(1, 1, 64, 64)))


def _load(move: Move) -> Any:
    net = move(make_encoder("resnet18", 2, 1)).eval()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "weights.pth"
        torch.save(make_encoder("resnet18", 2, 3).state_dict(), file)
        load_weights(net, file)
    return net(move(torch.randn(1, 1, 64, 64)))


def _optimized(move: Move) -> Any:
    net = optimize_for_inference(move(shake_(EXPLAINING["PYLON"].make())))
    return net.explain(move(torch.randn(1, 1, 64, 64)))[:2]


JOBS_OF_NETWORKS: dict[str, Job] = {
    key: job for name, build in {**EXPLAINING, **SILENT}.items() for key, job in _network_jobs(name, build).items()
} | {
    "make_encoder": _encoder,
    "make_encoder: load weights": _load,
    "optimize_for_inference": _optimized,
    "Explained": lambda move: Explained(move(shake_(EXPLAINING["PYLON"].make())))(move(torch.rand(1, 1, 64, 64)))[:2],
}

# --- losses

_LOGITS, _ATTENTION = torch.randn(2, 3), torch.randn(2, 3, 4, 4, 2)
_LABELS = torch.tensor([[1.0, 0.0, 1.0], [0.0, 0.0, 1.0]])
_UNKNOWN = torch.tensor([[1.0, torch.nan, 1.0], [0.0, 0.0, torch.nan]])
_ALLOWED = torch.rand(2, 3, 4, 4, 2) > 0.5


def _loss(loss: nn.Module, labels: torch.Tensor) -> Job:
    """Compute a loss, called in both ways, and its gradient."""

    def job(move: Move) -> Any:
        attention = move(_ATTENTION).requires_grad_()
        explanation = Explanation(move(_LOGITS), attention)
        apart = loss(explanation, move(labels), move(_ALLOWED))
        paired = loss(explanation, (move(labels), move(_ALLOWED)))
        return [apart, paired, torch.autograd.grad(apart, attention)[0]]

    return job


JOBS_OF_LOSSES: dict[str, Job] = {
    "mask_loss": lambda move: [mask_loss(move(_ATTENTION), move(_ALLOWED), kind) for kind in ("bce", "l2")],
    "mask_loss: numeric regions": lambda move: mask_loss(move(_ATTENTION), move(_ALLOWED.float())),
    "mask_loss: half precision": lambda move: mask_loss(move(_ATTENTION.half()), move(_ALLOWED)),
    "MaskLoss": _loss(MaskLoss(), _LABELS),
    "MaskLoss: l2": _loss(MaskLoss(penalty="l2"), _LABELS),
    "KnownLabelsLoss": _loss(KnownLabelsLoss(), _UNKNOWN),
    "KnownLabelsLoss: weight 0": lambda move: KnownLabelsLoss(0)(move(_LOGITS), move(_UNKNOWN)),
}

# --- metrics

_MAPS = torch.randn(2, 3, 4, 4)
_BOXES = [torch.tensor([[0, 0, 20, 20, 1.0], [9, 3, 40, 40, 1]]), torch.zeros(0, 5)]
_SCORES, _TRUTH = torch.rand(9, 2), torch.tensor([[1.0, 0], [0, 1], [1, 1], [0, 0], [torch.nan, 1]] * 2)[:9]


def _metric(make: Callable[[], Any], *batch: Any, stay: tuple[int, ...] = ()) -> Job:
    """Update a metric twice and aggregate; the arguments with the numbers in `stay` remain on the CPU."""

    def job(move: Move) -> Any:
        metric = make()
        values = [metric(*(each if n in stay else move(each) for n, each in enumerate(batch))) for _ in range(2)]
        return [values, metric.aggregate()]

    return job


def _tuned(move: Move) -> Any:
    metric = OrganIoUMetric()
    metric(move(_ATTENTION), (move(_LABELS), move(_ALLOWED)))
    tuned, before = metric.tune_thresholds(), metric.aggregate()
    metric.reset()
    metric(Explanation(move(_LOGITS), move(_ATTENTION)), (move(_LABELS), move(_ALLOWED)))
    return [tuned, before, metric.aggregate()]


def _organ_functions(move: Move) -> Any:
    attention, allowed = move(_ATTENTION[0]), move(_ALLOWED[0])
    return [
        organ_iou(attention, allowed, 0.3),
        organ_iou(attention, allowed, move(torch.tensor([0.1, 0.2, torch.nan])), move(_UNKNOWN[0])),
        organ_iou(attention, allowed, [0.1, 0.2, 0.3], _LABELS[0], paper_code_compat=True),
        organ_iou_curve(attention, allowed, move(torch.tensor([0.1, 0.5]))),
        organ_iou_curve(attention, allowed, [1e-7, 2e-7]),  # too close for the table of bins
        organ_iou(resample_attention(attention, (4, 4, 2)), _ALLOWED[0], 0.3, relative=True),
    ]


def _localization(move: Move) -> Any:
    box = (move(_BOXES[0][:, :4]), move(_BOXES[0][:, 4]))
    cpu = (_BOXES[0][:, :4], _BOXES[0][:, 4])
    maps = move(_MAPS[0])
    return [f(maps, *boxes, 64) for f in (point_localization, box_localization) for boxes in (box, cpu)]


def _baselines(move: Move) -> Any:
    """Compare maps with points that do not look at the image."""
    points = class_points(move(torch.cat(_BOXES)), _MAPS.shape[1], 64)
    metric = LocalizationBaselinesMetric(64, move(points.float()))
    metric(move(_MAPS), [move(box) for box in _BOXES], list(range(len(_MAPS))))
    instances = move(torch.tensor([0, 1]))
    single = localization_baselines(move(torch.ones(2, 2)), instances, [1, 2], move(torch.ones(2, 4)), instances, 64)
    return [points, metric.values(), metric.aggregate(), single]


JOBS_OF_METRICS: dict[str, Job] = {
    "LocalizationBaselinesMetric, localization_baselines, class_points": _baselines,
    "PerClassAUROCMetric": _metric(PerClassAUROCMetric, _SCORES, _TRUTH),
    "PerClassAUROCMetric: labels on the CPU": _metric(PerClassAUROCMetric, _SCORES, _TRUTH, stay=(1,)),
    "PerClassAUROCMetric: scores on the CPU": _metric(PerClassAUROCMetric, _SCORES, _TRUTH, stay=(0,)),
    "auroc_per_class": lambda move: auroc_per_class(move(_SCORES), move(_TRUTH)),
    "PointLocalizationMetric": _metric(lambda: PointLocalizationMetric(64), _MAPS, _BOXES),
    "PointLocalizationMetric: boxes on the CPU": _metric(lambda: PointLocalizationMetric(64), _MAPS, _BOXES, stay=(1,)),
    "PointLocalizationMetric: maps on the CPU": _metric(lambda: PointLocalizationMetric(64), _MAPS, _BOXES, stay=(0,)),
    "PointLocalizationMetric: lists": _metric(lambda: PointLocalizationMetric(64), list(_MAPS), _BOXES),
    "BoxLocalizationMetric": _metric(lambda: BoxLocalizationMetric(64), _MAPS, _BOXES),
    "BoxLocalizationMetric: boxes on the CPU": _metric(lambda: BoxLocalizationMetric(64), _MAPS, _BOXES, stay=(1,)),
    "point_localization, box_localization": _localization,
    "OrganIoUMetric: tuned": _tuned,
    "OrganIoUMetric: given": _metric(lambda: OrganIoUMetric([0.1, 0.2, 0.3]), _ATTENTION, (_UNKNOWN, _ALLOWED)),
    "OrganIoUMetric: regions on the CPU": _metric(OrganIoUMetric, _ATTENTION, (_LABELS, _ALLOWED), stay=(1,)),
    "organ_iou, organ_iou_curve, resample_attention": _organ_functions,
    "bootstrap_interval": lambda move: bootstrap_interval(move(_SCORES), other=move(_SCORES.flip(0)), num_resamples=9),
    "bootstrap_interval: groups": lambda move: bootstrap_interval(
        move(_SCORES), groups=move(torch.arange(9) // 2), statistic="per_class", num_resamples=9
    ),
    "bootstrap_interval: function": lambda move: bootstrap_interval(
        move(_SCORES), statistic=lambda rows: rows.mean(axis=0), num_resamples=9
    ),
}

# --- visualizers


def _cams(kind: str) -> Job:
    """Explain a network with a head of one kind, in all ways to name labels."""

    def job(move: Move) -> Any:
        torch.manual_seed(0)
        net, x = move(make_net(kind)), move(image())
        indices = (None, 1, [2, 0], [[0, 1], [2, 0]], np.array([1]), torch.tensor([1, 0]), move(torch.tensor([1, 0])))
        maps = [cam(net, "layer")(x, index) for cam in (HiResCAM, LayerGradCAM) for index in (*indices, "all")]
        return [maps, explain_by_methods(net, "layer", x), audit_explanation(net, "layer", x)[:3]]

    return job


def _trained(move: Move) -> Any:
    """Compute the attention of a network that explains itself by HiResCAM, and the gradient of a loss on it."""
    torch.manual_seed(0)
    net, x = HiResCAMNetwork(move(make_net("deep")), "layer"), move(image())
    logits, attention = net.explain(x)
    return [logits, attention, torch.autograd.grad(attention.sigmoid().sum(), net.network.layer.weight)[0]]


def _folded(move: Move) -> Any:
    """Explain a network that folds slices into its batch."""
    torch.manual_seed(0)
    net, x = move(shake_(EXPLAINING["AxialNet"].make())), move(torch.randn(2, 1, 96, 70, 8))
    maps = [cam(net, "reduction")(x, [0, 3]) for cam in (HiResCAM, LayerGradCAM)]
    return [maps, audit_explanation(net, "reduction", x)[:3]]


def _randomized(move: Move) -> Any:
    torch.manual_seed(0)
    net, other, x = move(make_net("pooled")), move(make_net("pooled")), move(image())
    explain = ActivationMapInferer("layer", class_idx=[0, 2])
    curve = parameter_randomization(net, explain, x)
    return [explain(x, net), curve.layers, curve.similarity, label_randomization(net, other, explain, x)]


def _perturbed(move: Move) -> Any:
    torch.manual_seed(0)
    net, x = move(make_net("deep")), move(image())
    maps = HiResCAM(net, "layer")(x, 1)[:, 0]
    curves = [
        perturbation_curve(net, x, maps, 1, steps=3),
        perturbation_curve(net, x, maps.cpu(), 2, mode="insertion", steps=3, baseline=x.cpu() / 2),
        perturbation_curve(net, x, maps, 0, steps=3, baseline=x / 2, seed=torch.Generator().manual_seed(3)),
    ]
    return [tuple(curve) for curve in curves]


def _formulas(move: Move) -> Any:
    activations, gradients = move(_ATTENTION), move(torch.ones(2, 5, 3, 4, 4, 2))
    return [f(activations, g) for f in (hires_cam, grad_cam) for g in (gradients, gradients[:, 0])]


def _shifted(move: Move) -> Any:
    """Compare maps of shifted images."""
    torch.manual_seed(0)
    net, x = move(EXPLAINING["PYLON"].make()), move(torch.randn(1, 1, 128, 96))
    found = [shift_equivariance(net, lambda x, net: net.explain(x).attention, x, (32, 0))]
    return [*found, shift_equivariance(net, layer_output("encoder.stages.1"), x, (32, 0))]


JOBS_OF_VISUALIZERS: dict[str, Job] = {
    f"HiResCAM, LayerGradCAM, explain_by_methods, audit_explanation: {kind}": _cams(kind) for kind in HEADS
} | {
    "shift_equivariance, layer_output": _shifted,
    "HiResCAMNetwork": _trained,
    "HiResCAM: slices folded into the batch": _folded,
    "ActivationMapInferer, parameter_randomization, label_randomization": _randomized,
    "perturbation_curve": _perturbed,
    "hires_cam, grad_cam": _formulas,
    "upsample, resize_linear": lambda move: [
        upsample(move(_MAPS), (9, 7), 1, True),
        resize_linear(move(_MAPS), (3, 8)),
        resize_linear(move(_MAPS.half()), (3, 8)),
    ],
}

# --- transforms


@functools.cache
def _ct() -> Any:
    return phantom_chest_ct(1, shape=(48, 48, 42), spacing=(8.0, 8.0, 8.0))


@functools.cache
def _scan() -> MetaTensor:
    return MetaTensor(torch.as_tensor(_ct().image)[None].float(), affine=torch.as_tensor(_ct().affine))


@functools.cache
def _organs() -> MetaTensor:
    return MetaTensor(torch.as_tensor(_ct().organs)[None], affine=torch.as_tensor(_ct().affine))


_LOCATIONS = torch.eye(3)
_NAMES = {0: "background", 1: "right lung", 2: "mediastinum", 3: "left lung"}
_XRAY = MetaTensor(torch.rand(1, 64, 48))
_SOME_BOXES = torch.tensor([[0, 10, 8, 20, 5.0]])


def _seeded(transform: Any, item: Any) -> Any:
    transform.set_random_state(seed=4)
    return transform(item)


def _cached(move: Move) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        double = CacheToDiskd("b", "a", lambda item: {"b": 2 * item["a"]}, folder)
        return [double({"a": move(_XRAY)})["b"] for _ in range(2)]


def _partition(move: Move) -> Any:
    """Make organ masks, and use them with the scan: they must be where it is."""
    item = PartitionOrgansd()({"image": move(_scan()), "locations": move(_LOCATIONS)})
    regions = AllowedRegionsd(mode="area")(item)
    paper = PartitionOrgans("paper", fallback="center_half")(move(_scan()))
    plain = partition_organs(move(_scan())[0], move(torch.as_tensor(_ct().affine).float()))
    in_lungs = [
        torch.where(organs == 1, item["image"], item["image"].new_zeros(())) for organs in (item["organs"], paper)
    ]
    return [paper, item["organs"], plain.labels, in_lungs, regions["allowed"], item["quality"]["volumes_ml"]]


JOBS_OF_TRANSFORMS: dict[str, Job] = {
    "AllowedRegions": lambda move: AllowedRegions()(move(_organs()), move(_LOCATIONS)),
    "AllowedRegionsd": lambda move: {
        key: value
        for key, value in AllowedRegionsd(mode="area")({"organs": move(_organs()), "locations": _LOCATIONS}).items()
        if key.startswith("allowed")
    },
    "allowed_regions, allowed_share": lambda move: [
        regions := allowed_regions(move(_organs())[0], move(_LOCATIONS), (6, 6, 4), "trilinear", 1),
        allowed_share(move(_organs())[0], regions),
        allowed_regions(_organs()[0].numpy(), move(_LOCATIONS), (6, 6, 4)),
    ],
    "CacheToDiskd": _cached,
    "CheckVolume": lambda move: CheckVolume()(move(_scan())),
    "CheckVolumed": lambda move: CheckVolumed("image")({"image": move(_scan())})["image"],
    "CropToExtent": lambda move: CropToExtent((200, 200, 160))(move(_scan())),
    "CropToExtentd": lambda move: CropToExtentd("image", (200, 200, 160))({"image": move(_scan())})["image"],
    "FollowBoxes": lambda move: FollowBoxes()(move(_SOME_BOXES), move(_XRAY)),
    "FollowBoxesd": lambda move: FollowBoxesd()({"image": move(_XRAY), "boxes": move(_SOME_BOXES)})["boxes"],
    "OrgansFromLabelMap": lambda move: OrgansFromLabelMap(_NAMES, True)(move(_organs()), move(_scan())),
    "OrgansFromLabelMapd": lambda move: OrgansFromLabelMapd("a", _NAMES)({"a": move(_organs())})["organs"],
    "organs_from_label_map": lambda move: organs_from_label_map(
        move(_organs())[0], _NAMES, move(torch.as_tensor(_ct().affine).float()), True, move(_scan())[0]
    ),
    "PartitionOrgans, PartitionOrgansd, partition_organs": _partition,
    "heuristic_organ_masks, heuristic_organ_labels": lambda move: [
        make((8, 8, 8), move(torch.eye(4))) for make in (heuristic_organ_masks, heuristic_organ_labels)
    ],
    "RandBrightnessContrast": lambda move: _seeded(RandBrightnessContrast(prob=1), move(_XRAY)),
    "RandBrightnessContrastd": lambda move: _seeded(RandBrightnessContrastd("a", prob=1), {"a": move(_XRAY)})["a"],
    "RandResizedCrop": lambda move: _seeded(RandResizedCrop(32), move(_XRAY)),
    "RandResizedCropd": lambda move: _seeded(RandResizedCropd("a", 32), {"a": move(_XRAY)})["a"],
}

# --- reports: figures and files take tensors too

_GRAY, _HEAT = torch.rand(64, 48), torch.rand(64, 48)


def _painted(move: Move) -> Any:
    colors = {1: (1.0, 0.0, 0.0)}
    return [
        paint_heatmap(move(_GRAY), move(_HEAT)),
        paint_labels(move(_GRAY), move((_HEAT > 0.5).int()), colors),
        heatmap_peak(move(_HEAT)),
        heatmap_on_image(move(_MAPS[0]), (9, 8)),
        window_to_gray(move(_scan()[0].as_tensor())),
    ]


def _cut(move: Move) -> Any:
    affine = move(torch.as_tensor(_ct().affine).float())
    cut = radiological_slice(move(_scan()[0].as_tensor()), affine, "axial", 0.5)
    return [cut, square_pixels(DisplaySlice(move(_GRAY), (2.0, 1.0)), 1.0, 1)]


def _figures(move: Move) -> Any:
    finding = RadiographFindingMap("Mass", 0.7, move(_HEAT), move(_BOXES[0]), radiograph=move(_GRAY))
    scan, affine = move(_scan()[0].as_tensor()), move(torch.as_tensor(_ct().affine).float())
    heights = move(torch.arange(4.0))
    on_scan = finding_on_scan("mass", 0.5, scan, scan.abs(), affine, heights, heights)
    quality = quality_of_item(PartitionOrgans()(_scan()).meta["quality"])
    figures = [
        radiograph_overlay_figure(move(_GRAY), [finding]),
        radiograph_page_figure([finding]),
        scan_findings_figure([on_scan]),
        organ_overlay_figure(scan, affine, move(_organs()[0].as_tensor()), quality),
        show_map(move(_GRAY), move(_HEAT)),
        show_map(scan, scan, affine=affine),
    ]
    return [on_scan.peak, [len(figure.axes) for figure in figures]]


def _files(move: Move) -> Any:
    scan, affine = move(_scan()[0].as_tensor()), move(torch.as_tensor(_ct().affine).float())
    finding = RadiographFindingMap("Mass", 0.7, move(_MAPS[0, 0]), move(torch.zeros(0, 5)))
    with tempfile.TemporaryDirectory() as folder:
        save_volume_nifti(Path(folder, "a.nii"), scan, affine)
        save_label_nifti(Path(folder, "b.nii"), move(_organs()[0].as_tensor()), affine)
        save_map_nifti(Path(folder, "c.nii"), scan, affine)
        save_radiograph_nifti(Path(folder, "d.nii"), move(_HEAT))
        peaks = save_radiograph_files(folder, "e", move(_GRAY), [finding], num_maps=1)[1]
        return [peaks, sorted(file.name for file in Path(folder).iterdir())]


JOBS_OF_REPORTS: dict[str, Job] = {
    "paint_heatmap, paint_labels, heatmap_peak, heatmap_on_image, window_to_gray": _painted,
    "radiological_slice, square_pixels": _cut,
    "radiograph_overlay_figure, radiograph_page_figure, scan_findings_figure, organ_overlay_figure, show_map": _figures,
    "save_radiograph_nifti and the other files": _files,
}

# --- handlers


def _handled(move: Move) -> Any:
    """Attach a metric, update it and write its values as an engine does."""
    handler = PerClassMetricHandler(PerClassAUROCMetric(), ["a", "b"], save_details=False)
    handler.update([move(_SCORES), move(_TRUTH)])
    return [handler.compute(), handler._scalars]


def _checkpointed(move: Move) -> Any:
    """Save a training with its optimizer, and resume it."""
    results = []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(2):
            torch.manual_seed(0)
            net = move(nn.Linear(3, 2))
            optimizer = torch.optim.Adam(net.parameters())
            state = SimpleNamespace(epoch=1, rank=0, metrics={"val_loss": move(torch.tensor(0.5))}, epoch_length=1)
            validator = engine = SimpleNamespace(state=state)
            handler = TrainingCheckpoints(folder, net, optimizer, None, validator, {"name": "x"})
            handler.start(engine)
            net(move(torch.ones(1, 3))).sum().backward()
            optimizer.step()
            handler.save(engine)
            results.append([net(move(torch.ones(1, 3))), handler.best_value])
    return results


def _thresholds(move: Move) -> Any:
    metric = OrganIoUMetric()
    metric(move(_ATTENTION), (move(_LABELS), move(_ALLOWED)))
    with tempfile.TemporaryDirectory() as folder:
        handler = OrganThresholds(Path(folder) / "t.json", {"a": metric}, ["x", "y", "z"], {})
        handler.tune(SimpleNamespace(state=SimpleNamespace(rank=0)))
        handler.load()
    return metric.aggregate()


def _finite(move: Move) -> Any:
    state = SimpleNamespace(output={"loss": move(torch.tensor(1.0))}, epoch=1, iteration=1)
    RaiseOnNonFiniteLoss()(SimpleNamespace(state=state))
    SyncBuffers(move(nn.BatchNorm2d(2)))(None)


def _little_data(move: Move) -> Any:
    """Start at the label frequencies, and train a step with a soft maximum and a frozen stage."""
    torch.manual_seed(0)
    net = move(nets.PYLON(encoder=TinyEncoder(), decoder_channels=8, num_classes=3, frozen_stages=1))
    x = torch.randn(4, 1, 64, 64)
    batches = [{"image": x, "label": _LABELS[:1].float().expand(4, -1)}]
    state = SimpleNamespace(epoch=0, dataloader=batches, iteration=1, max_epochs=2, epoch_length=2)
    SoftMaximumSchedule(net, "soft")(SimpleNamespace(state=state))
    PriorBias(net)(SimpleNamespace(state=state))
    logits = net.train()(move(x))
    logits.sum().backward()
    return [logits, net.head.bias, net.head.weight.grad, net.eval()(move(x))]


JOBS_OF_HANDLERS: dict[str, Job] = {
    "SoftMaximumSchedule, PriorBias": _little_data,
    "PerClassMetricHandler": _handled,
    "TrainingCheckpoints": _checkpointed,
    "OrganThresholds": _thresholds,
    "RaiseOnNonFiniteLoss, SyncBuffers": _finite,
}
