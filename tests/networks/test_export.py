"""Exported networks and their explanations: TorchScript, torch.export, torch.compile and ONNX equal eager mode."""

from __future__ import annotations

import io

import pytest
import torch

from monai_pylon.networks import Explained, Explanation, optimize_for_inference
from monai_pylon.networks.nets import FPN, PAN, PYLON, DeepLabV3Plus, Li2018, MaxPoolBackbone
from tests.networks.tiny import TinyEncoder, shake_
from tests.old_versions import needs_torch_2_5

NETS = {
    "PYLON": lambda: PYLON(encoder=TinyEncoder(), decoder_channels=16),
    "PYLON, gates": lambda: PYLON(encoder=TinyEncoder(), decoder_channels=16, channel_attention=True),
    "PYLON, 3D": lambda: PYLON(spatial_dims=3, encoder=TinyEncoder(3), decoder_channels=16),
    "PYLON, optimized": lambda: optimize_for_inference(PYLON(encoder=TinyEncoder(), decoder_channels=16)),
    "MaxPoolBackbone": lambda: MaxPoolBackbone(encoder=TinyEncoder()),
    "EfficientNet": lambda: MaxPoolBackbone(encoder="efficientnet_b0", pooling="average"),
    "Li2018": lambda: Li2018(encoder=TinyEncoder(), hidden_channels=16),
    "DeepLabV3Plus": lambda: DeepLabV3Plus(encoder=TinyEncoder(strides=(2, 4, 8, 16, 16)), decoder_channels=16),
    "FPN": lambda: FPN(encoder=TinyEncoder(), segmentation_channels=32),
    "PAN": lambda: PAN(encoder=TinyEncoder()),
}
IGNORED = [
    "ignore:.torch.jit.(trace|save|load):DeprecationWarning",
    "ignore:.isinstance.treespec, LeafSpec:FutureWarning",
    "ignore:Converting a tensor to a Python boolean:torch.jit.TracerWarning",  # group norm checks the batch size
]
pytestmark = [pytest.mark.filterwarnings(text) for text in IGNORED]


@pytest.fixture(params=[name if name == "PYLON" else pytest.param(name, marks=pytest.mark.slow) for name in NETS])
def net(request):
    return shake_(NETS[request.param]()).requires_grad_(False)


def image(net, *edges):
    return torch.randn(2, 1, *(edges or (96, 80, 64))[: net.spatial_dims])


def assert_same(given, expected):
    """Compare tuples of tensors to 1e-5 of their largest value."""
    assert type(given) is tuple
    for one, other in zip(given, expected, strict=True):
        torch.testing.assert_close(torch.as_tensor(one), other, rtol=0, atol=1e-5 * other.abs().max().item())


def test_torchscript_at_any_size(net, tmp_path):
    traced = torch.jit.trace(net, image(net))
    explained = torch.jit.trace(Explained(net), image(net))
    explained.save(tmp_path / "net.ts")
    loaded = torch.jit.load(tmp_path / "net.ts")
    for x in (image(net), image(net, 70, 130, 64)):
        logits, attention, _ = net.explain(x)
        assert_same((traced(x),), (logits,))
        assert_same(loaded(x), (logits, attention))


@needs_torch_2_5  # docs/install.md says so
def test_torch_export_with_batches_of_any_size(net):
    x = image(net)
    dynamic = ({0: torch.export.Dim("batch", max=64)},)
    for module, parts in ((net, 1), (Explained(net), 2)):
        exported = torch.export.export(module, (x,), dynamic_shapes=dynamic).module()
        for batch in (x, torch.cat([x, -x])):
            given = exported(batch)
            assert_same((given,) if parts == 1 else given, net.explain(batch)[:parts])


@needs_torch_2_5  # docs/install.md says so
def test_torch_compile_in_one_graph(net):
    x = image(net)
    compiled = torch.compile(Explained(net), backend="eager", fullgraph=True)
    given = compiled(x)
    assert isinstance(given, Explanation)
    assert_same(tuple(given[:2]), net.explain(x)[:2])
    torch.compiler.reset()


@pytest.mark.slow
def test_onnx(net):
    onnxruntime = pytest.importorskip("onnxruntime", reason="the extra [export] is not installed")
    pytest.importorskip("onnxscript", reason="the extra [export] is not installed")
    x = image(net)
    for module, parts in ((net, 1), (Explained(net), 2)):
        file = io.BytesIO()
        dynamic = ({0: torch.export.Dim("batch", max=64)},)
        torch.onnx.export(module, (x,), dynamo=True, verbose=False, dynamic_shapes=dynamic).save(file)
        session = onnxruntime.InferenceSession(file.getvalue(), providers=["CPUExecutionProvider"])
        for batch in (x, torch.cat([x, -x])):
            given = session.run(None, {session.get_inputs()[0].name: batch.numpy()})
            assert_same(tuple(given), net.explain(batch)[:parts])
