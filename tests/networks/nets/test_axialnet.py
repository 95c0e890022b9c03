"""AxialNet against the authors' program, and its sums: cells sum to slice scores, slice scores to logits."""

from __future__ import annotations

import copy
import io

import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from torch import nn

from monai_pylon.networks import Explained
from monai_pylon.networks.nets import AxialNet
from monai_pylon.visualize import HiResCAM, audit_explanation
from tests.networks.tiny import TinyEncoder, shake_
from tests.old_versions import needs_torch_2_5

POOLINGS = ("mean", "max", "sigmoid_mean")
ABLATIONS = [
    {},
    {"slice_pooling": "max"},
    {"slice_pooling": "sigmoid_mean"},
    {"reduction_channels": ()},
    {"reduction_padding": 0, "reduction_channels": (6,)},
    {"slices_per_group": 1},
    {"slices_per_group": 4},
    {"chunk_size": 2},
]


def tiny_axialnet(**arguments):
    """Make an AxialNet for slices of 96 x 128, whose deepest map has 3 x 4 cells along x and y."""
    encoder = TinyEncoder(in_channels=arguments.get("slices_per_group", 3))
    own = {"in_plane_size": (96, 128), "reduction_channels": (8, 6), "reduction_padding": 1} | arguments
    return shake_(AxialNet(**{"num_classes": 5, "encoder": encoder} | own))


def volume(slices=8, samples=2, **arguments):
    return torch.randn(samples, 1, 96, 128, slices, **arguments)


@pytest.fixture
def golden(golden_data):
    return {key: torch.from_numpy(value) for key, value in np.load(golden_data / "axialnet_head.npz").items()}


def golden_net(golden):
    encoder = TinyEncoder(in_channels=3)
    encoder.channels = (4, 6, 8, 10, 512)
    net = AxialNet(num_classes=7, encoder=encoder).double().eval()
    net.reduction.load_state_dict({k.removeprefix("conv."): v for k, v in golden.items() if k.startswith("conv.")})
    net.head.load_state_dict({"weight": golden["fc.weight"].flatten(1), "bias": golden["fc.bias"]})
    return net


def test_equals_the_authors_program(golden):
    logits, attention, slice_scores = golden_net(golden).explain_features(golden["features"].double())
    exactly = {"rtol": 0, "atol": 1e-8}
    torch.testing.assert_close(logits, golden["volume_scores"], **exactly)
    torch.testing.assert_close(slice_scores, golden["slice_scores"].T[None], **exactly)
    torch.testing.assert_close(attention[0].permute(0, 3, 2, 1), golden["disease_map"], **exactly)
    torch.testing.assert_close(attention.permute(0, 1, 4, 3, 2)[0] / 6, golden["hirescam"], **exactly)


@pytest.mark.parametrize("arguments", ABLATIONS, ids=str)
def test_cells_sum_to_slice_scores_and_slice_scores_to_logits(arguments):
    net, x = tiny_axialnet(**arguments).double(), volume(dtype=torch.float64)
    logits, attention, slice_scores = net.explain(x)
    groups = -(-8 // arguments.get("slices_per_group", 3))
    lost = 2 if arguments.get("reduction_padding") == 0 else 0
    assert attention.shape == (2, 5, 3 - lost, 4 - lost, groups)
    assert slice_scores.shape == (2, 5, groups)
    assert attention.dtype == slice_scores.dtype == logits.dtype == torch.float64
    torch.testing.assert_close(attention.sum((2, 3)) + net.head.bias[:, None], slice_scores)
    pooled = {
        "mean": lambda: slice_scores.mean(2),
        "max": lambda: slice_scores.amax(2),
        "sigmoid_mean": lambda: torch.logit(slice_scores.sigmoid().mean(2)),
    }[arguments.get("slice_pooling", "mean")]()
    torch.testing.assert_close(logits, pooled)
    torch.testing.assert_close(net(x), logits, rtol=0, atol=0)
    assert attention.flatten(2).std(2).min() > 0
    assert slice_scores.std(2).min() > 0


@pytest.mark.parametrize("pooling", POOLINGS)
def test_attention_is_hirescam_at_the_last_convolution(pooling):
    """HiResCAM is each group's attention times the group's weight; with the mean, 1 over the number of groups."""
    net, x = tiny_axialnet(slice_pooling=pooling).double(), volume(samples=1, dtype=torch.float64)
    outputs = []
    handle = net.reduction[-2].register_forward_hook(lambda module, args, output: outputs.append(output))
    assert isinstance(net.reduction[-2], nn.Conv2d)
    logits = net(x)
    handle.remove()
    _, attention, scores = net.explain(x)
    scores = scores.detach().requires_grad_()
    probability = scores.sigmoid().mean(2, keepdim=True)
    weight = {
        "mean": torch.full_like(scores, 1 / 3),
        "max": nn.functional.one_hot(scores.argmax(2), 3).double(),
        "sigmoid_mean": scores.sigmoid() * (1 - scores.sigmoid()) / (3 * probability * (1 - probability)),
    }[pooling]
    for label in range(5):
        (gradient,) = torch.autograd.grad(logits[0, label], outputs[0], retain_graph=True)
        hirescam = (gradient * outputs[0]).sum(1)  # (groups, rows, columns)
        expected = attention[0, label] * weight[0, label]
        torch.testing.assert_close(hirescam.permute(2, 1, 0), expected)


@pytest.mark.parametrize("layer", ["reduction", "reduction.2", "reduction.3"])
@pytest.mark.parametrize("chunk_size", [None, 2])
def test_hirescam_equals_the_attention_and_the_audit_confirms_it(layer, chunk_size):
    net, x = tiny_axialnet(chunk_size=chunk_size), volume()
    maps = HiResCAM(net, layer)(x, "all")  # (N, M, groups, rows, columns)
    torch.testing.assert_close(3 * maps.permute(0, 1, 4, 3, 2), net.explain(x).attention, rtol=1e-4, atol=1e-6)
    if layer != "reduction.2":  # a ReLU follows this layer, so the rest is not affine
        assert audit_explanation(net, layer, x[:1]).architecture == "affine head"


def test_hirescam_without_reduction_explains_the_encoders_last_map():
    net, x = tiny_axialnet(reduction_channels=()), volume()
    maps = HiResCAM(net, "reduction")(x, "all")
    torch.testing.assert_close(3 * maps.permute(0, 1, 4, 3, 2), net.explain(x).attention, rtol=1e-4, atol=1e-6)


def test_attention_has_the_axes_x_y_and_groups():
    """A change in one corner of one slice changes the attention there and not far from it."""
    net = tiny_axialnet(in_plane_size=(256, 320), reduction_channels=()).eval()
    x = torch.randn(1, 1, 256, 320, 9)
    changed = x.clone()
    changed[0, 0, :32, -32:, 7] += 3  # low x, high y, third group
    difference = (net.explain(changed).attention - net.explain(x).attention)[0].abs().amax(0)
    assert difference.shape == (8, 10, 3)
    assert difference[0, 9, 2] > 0
    assert (difference[..., :2] == 0).all()
    assert (difference[4:, :, 2] == 0).all()
    assert (difference[:, :5, 2] == 0).all()


@pytest.mark.parametrize("arguments", [{}, {"chunk_size": 2}, {"slice_pooling": "max"}], ids=str)
def test_a_batch_gives_the_results_of_its_volumes(arguments):
    net, x = tiny_axialnet(**arguments), volume(samples=3)
    together = net.explain(x)
    for number in range(3):
        alone = net.explain(x[number : number + 1])
        for one, all_ in zip(alone, together, strict=True):
            torch.testing.assert_close(one[0], all_[number], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("slices", [1, 2, 3, 7])
def test_copies_of_the_last_slice_fill_an_incomplete_group(slices):
    net, x = tiny_axialnet(), volume(slices)
    filled = torch.cat([x, *[x[..., -1:]] * (-slices % 3)], dim=-1)
    torch.testing.assert_close(net.explain(x), net.explain(filled), rtol=0, atol=0)


def test_slice_scores_do_not_depend_on_the_order_of_slices():
    net, x = tiny_axialnet(slices_per_group=1), volume(6)
    order = torch.tensor([3, 0, 5, 1, 2, 4])
    logits, attention, scores = net.explain(x)
    moved = net.explain(x[..., order])
    torch.testing.assert_close(moved.logits, logits)
    torch.testing.assert_close(moved.attention, attention[..., order])
    torch.testing.assert_close(moved.slice_scores, scores[..., order])


def test_features_alone_give_what_the_volume_gives():
    net, x = tiny_axialnet(), volume()
    features = net.features(x)
    torch.testing.assert_close(net.explain_features(features), net.explain(x), rtol=0, atol=0)
    one = net.explain_features(features[1])
    torch.testing.assert_close(one.attention[0], net.explain(x).attention[1])


@pytest.mark.parametrize("size", [(65, 97), (96, 100), (80, 128)])
def test_sizes_with_the_same_number_of_cells_are_accepted(size):
    x = torch.randn(1, 1, *size, 3)
    net = tiny_axialnet()
    assert net.explain(x).attention.shape == (1, 5, 3, 4, 1)
    assert net(x).shape == (1, 5)


def test_checking_a_new_size_does_not_run_the_network():
    """Hooks on the encoder run once, and the encoder that computes shapes is no part of the state."""
    net, seen = tiny_axialnet(), []
    net.encoder.register_forward_hook(lambda module, args, output: seen.append(args[0].device.type))
    net(torch.randn(1, 1, 80, 128, 3))
    assert seen == ["cpu"]
    assert all(tensor.device.type == "cpu" for tensor in [*net.state_dict().values(), *net.parameters()])


@pytest.mark.parametrize("size", [(64, 128), (97, 128), (96, 129), (96, 96), (128, 96)])
def test_sizes_with_other_numbers_of_cells_are_refused(size):
    message = rf"volume must be of 65 to 96 by 97 to 128 voxels in plane.*in_plane_size=\({size[0]}, {size[1]}\)"
    with pytest.raises(ValueError, match=message):
        tiny_axialnet()(torch.randn(1, 1, *size, 3))


def test_volumes_with_several_channels_are_refused():
    with pytest.raises(ValueError, match="volume must be of 1 channel"):
        tiny_axialnet()(torch.zeros(1, 3, 96, 128, 3))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"reduction_channels": (64, 32, 16, 16), "reduction_padding": 0}, ValueError, r"at least \(257, 257\) voxels"),
        ({"in_plane_size": (96,)}, ValueError, r"in_plane_size must be \(X, Y\)"),
        ({"in_plane_size": (96, 0)}, ValueError, "in_plane_size must be positive"),
        ({"in_plane_size": 96}, TypeError, "in_plane_size must be of type"),
        ({"slice_pooling": "mode"}, ValueError, "slice_pooling must be one of"),
        ({"reduction_padding": 2}, ValueError, "reduction_padding must be 0 or 1"),
        ({"reduction_channels": (8, 0)}, ValueError, "reduction_channels must be positive"),
        ({"slices_per_group": 0}, ValueError, "slices_per_group must be positive"),
        ({"chunk_size": 0}, ValueError, "chunk_size must be positive"),
        ({"num_classes": 0}, ValueError, "num_classes must be positive"),
        ({"num_classes": 2.0}, TypeError, "num_classes must be of type int"),
        ({"encoder": "resnet81"}, ValueError, "Did you mean 'resnet18'"),
    ],
)
def test_arguments_out_of_range_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        AxialNet(**{"encoder": TinyEncoder(in_channels=3), "in_plane_size": (96, 128)} | arguments)


@pytest.mark.parametrize("shape", [(3, 12, 4, 4), (3, 11, 4, 3), (12, 4, 3), (0, 12, 4, 3)])
def test_features_of_other_shapes_are_refused(shape):
    with pytest.raises(ValueError, match=r"features must be of shape \(groups, 12, 4, 3\)"):
        tiny_axialnet().explain_features(torch.zeros(shape))


def test_half_precision_gives_float32_maps_that_sum_to_the_scores():
    net, x = tiny_axialnet(), volume()
    exact = net.explain(x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits, attention, scores = net.explain(x)
        plain = net(x)
    assert attention.dtype == logits.dtype == scores.dtype == plain.dtype == torch.float32
    torch.testing.assert_close(plain, logits, rtol=0, atol=0)
    torch.testing.assert_close(attention.sum((2, 3)) + net.head.bias[:, None], scores)
    torch.testing.assert_close(attention, exact.attention, rtol=0.1, atol=0.05)
    half = copy.deepcopy(net).bfloat16().explain(x.bfloat16())
    assert half.attention.dtype == torch.float32
    torch.testing.assert_close(half.attention, exact.attention, rtol=0.1, atol=0.05)


def test_frozen_and_without_gradients_it_gives_the_same():
    net, x = tiny_axialnet(chunk_size=2), volume()
    expected = net.explain(x)
    net.requires_grad_(False)
    torch.testing.assert_close(net.explain(x), expected, rtol=1e-5, atol=1e-6)
    for guard in (torch.inference_mode, torch.no_grad):
        with guard():
            given = net.explain(x)
        assert not given.attention.requires_grad
        torch.testing.assert_close(given, type(given)(*(part.detach() for part in expected)), rtol=1e-5, atol=1e-6)


def test_a_metatensors_affine_is_dropped():
    net, x = tiny_axialnet(), volume(samples=1)
    given = net.explain(MetaTensor(x, affine=torch.diag(torch.tensor([0.8, 0.8, 0.8, 1.0]))))
    assert type(given.attention) is type(given.logits) is torch.Tensor
    torch.testing.assert_close(given, net.explain(x), rtol=0, atol=0)


@pytest.mark.parametrize("chunk_size", [None, 2])
def test_gradients_reach_every_parameter(chunk_size):
    net = tiny_axialnet(chunk_size=chunk_size).train()
    explanation = net.explain(volume())
    (explanation.logits.sum() + explanation.attention.square().mean()).backward()
    assert all(parameter.grad is not None for parameter in net.parameters())


def test_checkpointing_in_training_frees_the_inner_activations():
    """A forward pass in chunks stores a fraction of the values for the backward pass."""

    def stored_values(net):
        count = 0

        def count_numbers(tensor):
            nonlocal count
            count += tensor.numel()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(count_numbers, lambda tensor: tensor):
            net(x)
        return count - x.numel() - sum(parameter.numel() for parameter in net.parameters())

    x = volume(12, samples=1)
    assert stored_values(tiny_axialnet(chunk_size=1).train()) < 0.1 * stored_values(tiny_axialnet().train())


def test_training_on_one_cell_of_one_group_is_refused():
    net = tiny_axialnet(in_plane_size=(32, 32)).train()
    with pytest.raises(ValueError, match="batch size must be at least 2 in training at this image size"):
        net(torch.randn(1, 1, 32, 32, 3))
    assert net(torch.randn(1, 1, 32, 32, 4)).shape == (1, 5)


def test_explained_saves_and_loads_the_bare_networks_state():
    net = tiny_axialnet()
    assert Explained(net).state_dict().keys() == net.state_dict().keys()
    file = io.BytesIO()
    torch.save(net.state_dict(), file)
    file.seek(0)
    other = tiny_axialnet()
    Explained(other).load_state_dict(torch.load(file, weights_only=True))
    x = volume()
    torch.testing.assert_close(other(x), net(x), rtol=0, atol=0)


def test_weights_of_an_encoder_and_of_the_whole_network_are_loaded(tmp_path):
    net, x = tiny_axialnet(), volume()
    torch.save(net.state_dict(), tmp_path / "whole.pt")
    torch.save(net.encoder.state_dict(), tmp_path / "encoder.pt")
    whole = tiny_axialnet(weights=tmp_path / "whole.pt")
    encoder_only = tiny_axialnet(weights=tmp_path / "encoder.pt")
    whole.load_state_dict(net.state_dict())
    torch.testing.assert_close(whole(x), net(x), rtol=0, atol=0)
    assert encoder_only.encoder.state_dict().keys() == net.encoder.state_dict().keys()
    with pytest.raises(ValueError, match="weights must be those of this AxialNet"):
        tiny_axialnet(weights=tmp_path / "whole.pt", num_classes=6)


EXPORTED = pytest.mark.parametrize("arguments", [{}, {"slice_pooling": "sigmoid_mean"}, {"chunk_size": 2}], ids=str)


def assert_same(given, expected):
    assert type(given) is tuple
    for one, other in zip(given, expected, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.filterwarnings("ignore:.torch.jit.trace:DeprecationWarning")
@EXPORTED
def test_torchscript_with_batches_of_any_size(arguments):
    net, x = tiny_axialnet(**arguments), volume(7)
    traced = torch.jit.trace(Explained(net), x)
    for batch in (x, torch.cat([x, -x])):
        assert_same(traced(batch), net.explain(batch))


@needs_torch_2_5
@pytest.mark.filterwarnings("ignore:.isinstance.treespec, LeafSpec:FutureWarning")
@EXPORTED
def test_torch_export_with_batches_of_any_size(arguments):
    net, x = tiny_axialnet(**arguments), volume(7)
    dynamic = ({0: torch.export.Dim("batch", max=64)},)
    exported = torch.export.export(Explained(net), (x,), dynamic_shapes=dynamic).module()
    for batch in (x, torch.cat([x, -x])):
        assert_same(exported(batch), net.explain(batch))


@EXPORTED
def test_torch_compile_in_one_graph(arguments):
    net, x = tiny_axialnet(**arguments), volume(7)
    compiled = torch.compile(Explained(net), backend="eager", fullgraph=True)
    assert_same(tuple(compiled(x)), net.explain(x))
    torch.compiler.reset()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.torch.jit.script:DeprecationWarning")
def test_the_compiled_network_computes_the_same():
    net, x = tiny_axialnet(chunk_size=2), volume(6, samples=1)
    with torch.no_grad():
        torch.testing.assert_close(torch.compile(net)(x), net(x), rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(torch.compile(Explained(net))(x)[1], net.explain(x).attention, rtol=1e-4, atol=1e-5)
