"""Copies that OpenVINO runs: the network's own outputs, PyTorch where OpenVINO does not apply, and clear refusals."""

from __future__ import annotations

import copy
import importlib.util
import pickle
import subprocess
import sys

import pytest
import torch
from torch import nn

from monai_pylon.networks import Explained, optimize_for_inference
from monai_pylon.networks.nets import AxialNet, BodyCAM, Conv3DNet, MaxPoolBackbone
from monai_pylon.networks.openvino_module import OpenVINOModule, import_openvino
from tests.networks.test_optimize import NETS
from tests.networks.tiny import TinyEncoder, shake_

INSTALLED = importlib.util.find_spec("openvino") is not None  # without importing it, which telemetry would report
needs_openvino = pytest.mark.skipif(not INSTALLED, reason="the extra [openvino] is not installed")
IGNORED = pytest.mark.filterwarnings("ignore:.torch.jit.(trace|save|load):DeprecationWarning")


def slices(kind: type[nn.Module]) -> nn.Module:
    plane = {"in_plane_size": (96, 64)} if kind is AxialNet else {}
    return kind(num_classes=4, encoder=TinyEncoder(in_channels=3), reduction_padding=1, **plane)


CASES = {
    "PYLON": (NETS["PYLON"], (1, 192, 160)),
    "PYLON, gates": (NETS["PYLON, gates"], (1, 192, 160)),
    "PYLON, 3D": (NETS["PYLON, 3D"], (1, 160, 160, 160)),
    "PAN": (NETS["PAN"], (1, 192, 160)),
    "DeepLabV3Plus": (NETS["DeepLabV3Plus"], (1, 96, 70)),
    "FPN": (NETS["FPN"], (1, 96, 70)),
    "Li2018": (NETS["Li2018"], (1, 96, 70)),
    "MaxPoolBackbone": (NETS["MaxPoolBackbone"], (1, 96, 70)),
    "AxialNet": (lambda: slices(AxialNet), (1, 96, 64, 25)),
    "BodyCAM": (lambda: slices(BodyCAM), (1, 96, 64, 25)),
}


def assert_near(given: tuple, expected: tuple, tolerance: float = 1e-5) -> None:
    """Compare the parts of two explanations to a part of their largest value."""
    for one, other in zip(given, expected, strict=True):
        assert (one is None) == (other is None)
        if one is not None:
            atol = tolerance * float(other.abs().max())
            torch.testing.assert_close(one, other, rtol=0, atol=atol, check_dtype=False)


def made(name: str = "PYLON", **settings) -> tuple[nn.Module, nn.Module, torch.Tensor]:
    """Return a network, its copy for OpenVINO and two images."""
    torch.manual_seed(1)
    make, size = CASES[name]
    net = shake_(make())
    return net, optimize_for_inference(net, backend="openvino", **settings), torch.randn(2, *size)


def program(fast: nn.Module) -> OpenVINOModule:
    return next(module for module in fast.modules() if isinstance(module, OpenVINOModule))


@needs_openvino
@pytest.mark.parametrize(
    "name", [name if name in ("PYLON", "AxialNet") else pytest.param(name, marks=pytest.mark.slow) for name in CASES]
)
@torch.no_grad()
def test_logits_and_maps_are_the_networks_for_any_batch(name):
    net, fast, x = made(name)
    exact = copy.deepcopy(net).double()
    for batch in (x[:1], torch.cat([x, -x]), x[1:]):
        given = fast.explain(batch)
        assert_near(given, exact.explain(batch.double()))
        torch.testing.assert_close(fast(batch), given.logits, rtol=0, atol=0)
        if "PYLON" in name:
            torch.testing.assert_close(given.attention.flatten(2).amax(-1), given.logits, rtol=0, atol=0)
    assert program(fast)._program[1] is not None


@needs_openvino
@torch.no_grad()
def test_other_sizes_threads_and_weights_make_another_program():
    net, fast, x = made()
    fast(x)
    threads = torch.get_num_threads()
    try:
        for change in (lambda: None, lambda: torch.set_num_threads(3 - min(threads, 2)), lambda: net.head.bias.add_(1)):
            change()
            fast.encoder.module[1].head.bias.copy_(net.head.bias)
            before = program(fast)._program[1]
            for image in (x, x[..., :129]):
                assert_near(fast.explain(image), net.explain(image))
            assert program(fast)._program[1] is not before
    finally:
        torch.set_num_threads(threads)


@needs_openvino
@torch.no_grad()
def test_explained_copies_and_pickles():
    net, fast, x = made()
    explained = optimize_for_inference(Explained(net), backend="openvino")
    assert isinstance(explained, Explained)
    assert_near(explained(x), net.explain(x))
    fast(x)
    for other in (copy.deepcopy(fast), pickle.loads(pickle.dumps(fast))):
        assert program(other)._program is None
        assert_near(other.explain(x), net.explain(x))


@needs_openvino
@torch.no_grad()
def test_bfloat16_is_near_and_not_equal():
    net, fast, x = made(dtype=torch.bfloat16)
    given = fast.explain(x)
    assert given.attention.dtype == torch.float32
    assert_near(given, net.explain(x), 0.05)
    with pytest.raises(AssertionError):
        assert_near(given, net.explain(x))
    assert_near(fast.explain(x.bfloat16()), net.explain(x), 0.05)


@needs_openvino
@IGNORED
def test_pytorch_runs_what_openvino_does_not():
    net, fast, x = made()
    with torch.no_grad():
        for value in (torch.nan, torch.inf):
            broken = x.clone()
            broken[0, 0, 50, 50] = value
            assert fast(broken)[0].isnan().all()
            torch.testing.assert_close(fast(broken)[1], net(broken)[1])
        with torch.autocast("cpu"):
            assert_near(fast.explain(x), net.explain(x), 0.05)
        traced = torch.jit.trace(Explained(fast), x, check_trace=False)
        assert_near(traced(x), net.explain(x)[:2])
        doubles = copy.deepcopy(fast).double()
        assert_near(doubles.explain(x.double()), copy.deepcopy(net).double().explain(x.double()))
    for one in (x.requires_grad_(), x.detach()):
        fast.requires_grad_(not one.requires_grad)
        fast(one).sum().backward()
    (gradient,) = torch.autograd.grad(net(x).sum(), x)
    torch.testing.assert_close(x.grad, gradient, rtol=0, atol=1e-4 * float(gradient.abs().max()))
    assert fast.encoder.module[1].head.weight.grad is not None
    assert program(fast)._program is None


@needs_openvino
@torch.no_grad()
def test_sizes_that_openvino_refuses_warn():
    net, fast, x = made()
    small = x[..., :96, :70]
    with pytest.warns(UserWarning, match="OpenVINO cannot run images of 96 x 70, so PyTorch runs them: Kernel"):
        given = fast.explain(small)
    assert_near(given, net.explain(small))
    assert_near(fast.explain(small), net.explain(small))  # without a second warning


@needs_openvino
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: made()[1].train(), "mode must be False for a network that OpenVINO runs, but is True. OpenVINO comp"),
        (lambda: made(dtype=torch.float16), "dtype must be None, float32 or bfloat16 with OpenVINO"),
        (lambda: optimize_for_inference(NETS["PYLON"]().double(), backend="openvino"), "net must be in float32"),
        (lambda: optimize_for_inference(nn.ReLU(), backend="openvino"), "net must be a network of this package"),
        (lambda: optimize_for_inference(Conv3DNet(), backend="openvino"), "net must be a network of this package"),
        (lambda: optimize_for_inference(NETS["PYLON"](), backend="onnx"), "backend must be"),
        (lambda: OpenVINOModule(nn.Conv2d(1, 1, 1)), "net must be in eval mode"),
        (
            lambda: optimize_for_inference(NETS["PYLON"]().to("meta"), backend="openvino"),
            "net must be on the CPU with OpenVINO, but is 'meta'. Call net.cpu",
        ),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_missing_runtime_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)
    message = "backend must be \"torch\" where OpenVINO is not installed, but is 'openvino'. Install it by: pip install"
    with pytest.raises(ValueError, match=message):
        optimize_for_inference(MaxPoolBackbone(encoder=TinyEncoder()), backend="openvino")


TELEMETRY = """
import socket, sys
def refuse(*args, **kwargs): raise SystemExit("a connection was opened")
socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
import torch
from monai_pylon.networks import optimize_for_inference
from tests.networks.test_optimize import NETS
fast = optimize_for_inference(NETS["MaxPoolBackbone"]().eval(), backend="openvino")
with torch.no_grad(): fast(torch.zeros(1, 1, 64, 64))
assert fast.encoder._program is not None
assert not [name for name in sys.modules if name.startswith("openvino_telemetry")]
"""


@needs_openvino
def test_openvino_reports_nothing_to_its_maker():
    done = subprocess.run([sys.executable, "-c", TELEMETRY], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@needs_openvino
def test_an_import_by_others_stays_as_it_is(monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino_telemetry", sys)
    import_openvino()
    assert sys.modules["openvino_telemetry"] is sys
