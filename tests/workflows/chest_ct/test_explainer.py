"""Scores and maps of every network of Table 1, on the volume's axes, equal to those of the visualizers."""

from __future__ import annotations

import importlib.util

import pytest
import torch

from monai_pylon.metrics import OrganIoUMetric, organ_iou, resample_attention
from monai_pylon.networks.nets import AxialNet, BodyCAM, BodyConv, Conv3DNet, CTNet
from monai_pylon.visualize import HiResCAM, LayerGradCAM
from monai_pylon.workflows.chest_ct import ExplainScan, ScanMapsInferer
from monai_pylon.workflows.chest_ct.explainer import ScanMaps, maps_and_regions, maps_on_axes

LABELS = ("a", "b", "c", "d")


def nets() -> dict[str, tuple[torch.nn.Module, str | None, tuple[int, int, int]]]:
    """By name a network, its layer, and a size that is different along each axis."""
    small = {"num_classes": 4, "in_plane_size": (96, 64)}
    return {
        "axialnet": (AxialNet(**small, reduction_padding=1), "reduction", (96, 64, 12)),
        "max": (AxialNet(**small, reduction_padding=1, slice_pooling="max"), "reduction", (96, 64, 9)),
        "no_custom_conv": (AxialNet(**small, reduction_channels=()), "encoder.layer4", (96, 64, 6)),
        "bodycam": (BodyCAM(4, reduction_padding=1), "reduction", (96, 64, 6)),
        "conv3d": (Conv3DNet(4, volume_size=(162, 81, 81)), "convolutions", (162, 81, 81)),
        "ctnet": (CTNet(4, volume_size=(161, 161, 3)), None, (161, 161, 3)),
    }


@pytest.fixture(params=["axialnet", "max", "no_custom_conv", "bodycam", "conv3d", "ctnet"])
def case(request: pytest.FixtureRequest) -> tuple[torch.nn.Module, str | None, torch.Tensor]:
    net, layer, size = nets()[request.param]
    return net.eval(), layer, torch.randn(1, 1, *size)


def test_both_maps_equal_those_of_the_visualizers(case) -> None:
    net, layer, x = case
    found = ScanMapsInferer(layer)(x, net)
    with torch.no_grad():
        torch.testing.assert_close(found.logits, net(x), atol=1e-5, rtol=1e-5)
    if layer is None:
        assert found.hirescam is None
        assert found.gradcam is None
        return
    for method, map in ((HiResCAM, found.hirescam), (LayerGradCAM, found.gradcam)):
        expected = maps_on_axes(method(net, layer)(x, "all"), layer)
        torch.testing.assert_close(map, expected, atol=1e-6, rtol=1e-4)
    assert (found.hirescam.shape[2] > found.hirescam.shape[3]) or layer == "convolutions", "x is the first axis"


def test_the_maps_of_single_scans_are_hirescam_of_the_logit(case) -> None:
    net, layer, x = case
    item = ExplainScan(net, layer, LABELS, top=2)({"image": x[0], "scan": "s"})
    with torch.no_grad():
        logits = net(x)[0]
    torch.testing.assert_close(item["logits"], logits, atol=1e-5, rtol=1e-5)
    assert item["mapped"] == logits.argsort(descending=True)[:2].tolist()
    assert item["scan"] == "s"
    if layer is None:
        assert item["maps"] is None
        return
    expected = maps_on_axes(HiResCAM(net, layer)(x, [item["mapped"]]), layer)[0]
    torch.testing.assert_close(item["maps"], expected, atol=1e-5, rtol=1e-4)
    if isinstance(net, AxialNet):
        with torch.no_grad():
            torch.testing.assert_close(item["slice_scores"], net.explain(x).slice_scores[0], atol=1e-5, rtol=1e-4)
    else:
        assert item["slice_scores"] is None


def test_axialnets_map_sums_to_the_logit() -> None:
    net, layer, size = nets()["axialnet"]
    item = ExplainScan(net, layer, LABELS, findings=["c", "a"])({"image": torch.randn(1, *size)})
    assert item["mapped"] == [2, 0]
    total = item["maps"].sum((1, 2, 3)) + net.head.bias[[2, 0]].detach()
    torch.testing.assert_close(total, item["logits"][[2, 0]], atol=1e-5, rtol=1e-5)


def test_other_grids_are_resampled_as_the_authors_do() -> None:
    maps, labels = torch.randn(2, 3, 5, 5, 5), torch.ones(2, 3)
    for grid in ((5, 5, 5), (6, 6, 4)):
        allowed = torch.rand(2, 3, *grid) < 0.5
        output = {"pred": ScanMaps(labels, None, maps), "label": (labels, allowed)}
        metric = OrganIoUMetric(0.3, relative=True)
        metric(*maps_and_regions("gradcam")(output))
        same = grid == (5, 5, 5)
        for k, value in enumerate(metric.get_buffer()):
            map = maps[k] if same else resample_attention(maps[k], grid)
            torch.testing.assert_close(value, organ_iou(map, allowed[k], 0.3, labels[k], relative=not same))


def test_optimized_inference_gives_the_same_numbers(case) -> None:
    """Of networks without the closed form nothing is changed."""
    net, layer, x = case
    with torch.no_grad():
        for norm in (m for m in net.modules() if isinstance(m, torch.nn.BatchNorm2d)):
            norm.running_mean += torch.rand_like(norm.running_mean)
    explain = ExplainScan(net, layer, LABELS, top=2, optimize=True)
    with torch.no_grad():  # weights that are loaded later count
        for weight in net.parameters():
            weight *= 1.1
    item, plain = explain({"image": x[0]}), ExplainScan(net, layer, LABELS, top=2)({"image": x[0]})
    assert item["mapped"] == plain["mapped"]
    for key in ("logits", "maps", "slice_scores"):
        if plain[key] is None:
            assert item[key] is None
        else:
            torch.testing.assert_close(item[key], plain[key], atol=1e-5, rtol=1e-3)


@pytest.mark.skipif(importlib.util.find_spec("openvino") is None, reason="the extra [openvino] is not installed")
def test_openvino_runs_the_encoder() -> None:
    net, layer, size = nets()["bodycam"]
    with pytest.raises(ValueError, match="backend must be \"torch\" without the optimized copy, but is 'openvino'"):
        ExplainScan(net, layer, LABELS, backend="openvino")
    explain, x = ExplainScan(net, layer, LABELS, optimize=True, backend="openvino"), torch.randn(1, *size)
    item, plain = explain({"image": x}), ExplainScan(net, layer, LABELS)({"image": x})
    for key in ("logits", "maps"):
        torch.testing.assert_close(item[key], plain[key], atol=1e-5, rtol=1e-3)
    assert explain._fast.encoder._program is not None


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"findings": ["A"]}, ValueError, "findings must be one of"),
        ({"top": -1}, ValueError, "top must be 0 or more"),
        ({"top": "3"}, TypeError, "top must be of type int"),
        ({"backend": "onnx"}, ValueError, "backend must be one of"),
    ],
)
def test_rejects_wrong_arguments(arguments, error, message) -> None:
    with pytest.raises(error, match=message):
        ExplainScan(BodyCAM(4), "reduction", LABELS, **arguments)


def test_rejects_another_number_of_labels() -> None:
    net, layer, size = nets()["bodycam"]
    with pytest.raises(ValueError, match="labels must be 4 names"):
        ExplainScan(net, layer, ("a", "b"), top=1)({"image": torch.randn(1, *size)})


def test_maps_of_bodyconv() -> None:
    net = BodyConv(4, volume_size=(193, 161, 27), slices_per_group=1).eval()
    found = ScanMapsInferer("convolutions")(torch.randn(1, 1, 193, 161, 27), net)
    assert found.hirescam.shape == found.gradcam.shape == (1, 4, 1, 1, 1)
    assert found.hirescam.isfinite().all()


@pytest.mark.parametrize("pooling", ["mean", "max"])
def test_slice_scores_come_with_the_maps(pooling: str) -> None:
    torch.manual_seed(0)
    options = {"in_plane_size": (64, 64), "reduction_channels": (4,), "reduction_padding": 1}
    network = AxialNet(2, slice_pooling=pooling, **options).eval()
    x = torch.rand(2, 1, 64, 64, 9)
    found = ScanMapsInferer("reduction")(x, network)
    with torch.no_grad():
        torch.testing.assert_close(found.slice_scores, network.explain(x).slice_scores, rtol=1e-4, atol=1e-6)
    assert not network.head._forward_hooks
    assert ScanMapsInferer(None)(x, network).slice_scores is None
    assert ScanMapsInferer("reduction")(x, BodyCAM(num_classes=2, reduction_padding=1)).slice_scores is None
