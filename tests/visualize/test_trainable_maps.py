"""Tests of networks that explain themselves by HiResCAM: the maps, their gradients, and training with them."""

from __future__ import annotations

import copy

import pytest
import torch
from monai.data import MetaTensor
from monai.networks.nets import ViT
from torch import nn

from monai_pylon.losses import MaskLoss, mask_loss
from monai_pylon.networks import Explained
from monai_pylon.visualize import HiResCAM, HiResCAMNetwork
from tests.visualize.nets import FEATURES, HEADS, LABELS, Call, Folded, Net, image, make_net


@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("kind", HEADS)
def test_attention_is_hirescam_of_the_layer(kind: str, dims: int) -> None:
    bare, x = make_net(kind, dims).double(), image(dims).double()
    expected = HiResCAM(bare, "layer")(x, "all")
    for reduction, factor in (("mean", 4**dims), ("sum", 1)):
        net = HiResCAMNetwork(bare, "layer", reduction)
        logits, attention = net.explain(x)
        assert attention.requires_grad
        torch.testing.assert_close(attention.detach(), expected * factor)
        torch.testing.assert_close(logits, bare(x))
        torch.testing.assert_close(net(x), logits)
        for without_gradients in (torch.no_grad(), torch.inference_mode()):
            with without_gradients:
                found = net.explain(x)
            assert not found[1].requires_grad
            torch.testing.assert_close(found[1], expected * factor)
            torch.testing.assert_close(found[0], logits.detach())


@pytest.mark.parametrize("kind", [kind for kind in HEADS if kind != "residual"])  # whose head detaches a part
def test_gradients_of_the_attention_match_differences(kind: str) -> None:
    """A loss on the attention alone, along a random direction of all parameters."""
    torch.manual_seed(1)
    net, x = HiResCAMNetwork(make_net(kind).double(), "layer"), image().double()
    parameters = list(net.parameters())
    directions = [torch.randn_like(p) for p in parameters]
    wanted = torch.randn(2, LABELS, 4, 4, dtype=torch.float64)

    def loss() -> torch.Tensor:
        return (wanted * net.explain(x)[1]).tanh().sum()

    gradients = torch.autograd.grad(loss(), parameters, allow_unused=True)
    slope = sum((g * d).sum() for g, d in zip(gradients, directions, strict=True) if g is not None)
    step, values = 1e-6, []
    for sign in (1, -1):
        with torch.no_grad():
            for p, d in zip(parameters, directions, strict=True):
                p += sign * step * d
        values.append(loss().item())
        with torch.no_grad():
            for p, d in zip(parameters, directions, strict=True):
                p -= sign * step * d
    assert abs(float(slope)) > 0.1
    assert float(slope) == pytest.approx((values[0] - values[1]) / (2 * step), rel=1e-5)


def test_gradient_reaches_what_lies_before_and_after_the_layer() -> None:
    net = HiResCAMNetwork(make_net("pooled"), "layer")
    mask_loss(net.explain(image())[1], torch.zeros(2, LABELS, 4, 4)).backward()
    assert bool(net.network.layer.weight.grad.any())
    assert bool(net.network.head[2].weight.grad.any())


def test_samples_that_a_norm_links_keep_their_own_maps() -> None:
    """In training mode a batch norm after the layer uses the statistics of the batch."""
    torch.manual_seed(0)
    bare = Net(2, nn.Sequential(nn.BatchNorm2d(FEATURES), nn.ReLU(), *HEADS["pooled"](2))).double().train()
    x = image(samples=3).double()
    attention = HiResCAMNetwork(bare, "layer").explain(x)[1]
    kept: list[torch.Tensor] = []
    handle = bare.layer.register_forward_hook(lambda module, args, output: kept.append(output))
    logits = bare(x)
    handle.remove()
    own = [torch.autograd.grad(logits[i, k], kept[0], retain_graph=True)[0][i] for i in range(3) for k in range(LABELS)]
    expected = 16 * (kept[0][:, None] * torch.stack(own).unflatten(0, (3, LABELS))).sum(2)
    torch.testing.assert_close(attention, expected)


def test_evaluates_in_the_mode_of_the_network() -> None:
    """With gradients the pass is that of training: dropout acts on logits and attention alike."""
    torch.manual_seed(0)
    net = HiResCAMNetwork(Net(2, nn.Sequential(nn.Dropout(0.5), *HEADS["pooled"](2))).train(), "layer")
    assert net.training
    bias = net.network.head[-1].bias
    logits, attention = net.explain(image())
    torch.testing.assert_close(attention.mean((2, 3)) + bias, logits)
    assert not torch.equal(net.explain(image())[0], logits)
    assert not HiResCAMNetwork(make_net("pooled"), "layer").training


def test_tokens_become_a_grid() -> None:
    torch.manual_seed(0)
    vit = ViT(
        1,
        (32, 48),
        (16, 16),
        hidden_size=24,
        num_heads=2,
        num_layers=2,
        classification=True,
        num_classes=3,
        spatial_dims=2,
    ).eval()
    x = torch.rand(2, 1, 32, 48)
    expected = HiResCAM(vit, "blocks.1.norm1")(x, "all")
    for to_grid in (None, (2, 3)):
        attention = HiResCAMNetwork(vit, "blocks.1.norm1", "sum", to_grid=to_grid).explain(x)[1]
        torch.testing.assert_close(attention.detach(), expected)


def test_the_layout_is_found_once_by_a_pass_of_one_sample() -> None:
    """The network has a single label."""
    bare, x = Net(2, nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(FEATURES, 1))), image(samples=3)
    net, samples = HiResCAMNetwork(bare, "layer"), []
    bare.register_forward_pre_hook(lambda module, args: samples.append(len(args[0])))
    for _ in range(2):
        assert net.explain(x)[1].shape == (3, 1, 4, 4)
    assert samples == [1, 3, 3]


def test_features_on_the_last_axis() -> None:
    head = nn.Sequential(Call(lambda t: t.movedim(-1, 1)), *HEADS["pooled"](2))
    bare = Net(2, nn.Identity())
    bare.layer = nn.Sequential(bare.layer, Call(lambda t: t.movedim(1, -1)))
    bare.head = head
    x = image()
    expected = HiResCAM(bare, "layer", feature_axis=-1)(x, "all")
    torch.testing.assert_close(HiResCAMNetwork(bare, "layer", "sum", feature_axis=-1).explain(x)[1].detach(), expected)


def test_a_frozen_encoder_still_has_maps() -> None:
    bare = make_net("pooled")
    bare.layer.requires_grad_(False)
    net = HiResCAMNetwork(bare, "layer")
    mask_loss(net.explain(image())[1], torch.zeros(2, LABELS, 4, 4)).backward()
    assert bare.layer.weight.grad is None
    assert bool(bare.head[2].weight.grad.any())


def test_mask_loss_moves_the_evidence_into_the_allowed_cells() -> None:
    """Left and right half of the image always contain the same: only the mask loss can tell where to look."""
    share = {}
    for weight in (0.0, 1.0):
        torch.manual_seed(0)
        net = Explained(HiResCAMNetwork(make_net("linear"), "layer", "sum"))
        optimizer, loss = torch.optim.Adam(net.parameters(), 0.1), MaskLoss(weight=weight)
        allowed = torch.zeros(16, LABELS, 4, 4, dtype=torch.bool)
        labels = (torch.arange(16)[:, None] % 2).expand(-1, LABELS).float()
        allowed[1::2, :, :, :2] = True
        half = torch.rand(16, 1, 8, 4) * (0.2 + labels[:, :1, None, None])
        x = torch.cat([half, half], 3)
        for _ in range(15):
            optimizer.zero_grad()
            loss(net(x), labels, allowed).backward()
            optimizer.step()
        attention = net(x)[1].detach()[1::2].clamp(min=0)
        share[weight] = float(attention[..., :2].sum() / attention.sum())
    assert share[0.0] < 0.7
    assert share[1.0] > 0.9


def test_the_state_is_that_of_the_network() -> None:
    bare, x = make_net("deep"), image()
    net = HiResCAMNetwork(bare, "layer")
    assert net.network is bare
    assert {f"network.{name}" for name in bare.state_dict()} == set(net.state_dict())
    other = copy.deepcopy(net)
    with torch.no_grad():
        bare.head[1].weight.zero_()
    assert bool(other.explain(x)[1].any())
    assert not bool(net.explain(x)[1].any())


def test_metadata_of_the_image_are_left_out() -> None:
    net, x = HiResCAMNetwork(make_net("pooled"), "layer"), image()
    found = net.explain(MetaTensor(x))
    assert not any(isinstance(part, MetaTensor) for part in found)
    torch.testing.assert_close(found[1], net.explain(x)[1])


def test_autocast_gives_maps_of_single_precision() -> None:
    net, x = HiResCAMNetwork(make_net("pooled"), "layer"), image()
    with torch.autocast("cpu", torch.bfloat16):
        attention = net.explain(x)[1]
    assert attention.dtype == torch.float32
    torch.testing.assert_close(attention, net.explain(x)[1], atol=0.05, rtol=0.05)
    mask_loss(attention, torch.zeros(2, LABELS, 4, 4)).backward()
    assert bool(net.network.layer.weight.grad.isfinite().all())


def test_rejects_what_has_no_map() -> None:
    with pytest.raises(ValueError, match="reduction must be"):
        HiResCAMNetwork(make_net("pooled"), "layer", "max")
    with pytest.raises(ValueError, match="target_layer must be the name of a layer"):
        HiResCAMNetwork(make_net("pooled"), "fc")
    with pytest.raises(TypeError, match="x must be"):
        HiResCAMNetwork(make_net("pooled"), "layer").explain([1])
    folded = HiResCAMNetwork(Folded(), "slices.layer")
    with pytest.raises(ValueError, match=r"one row for each of the 2 samples.*an explain of their own"):
        folded.explain(torch.randn(2, 1, 5, 8, 8))
    bare = Net(2, nn.Sequential(Call(lambda parts: parts[0]), *HEADS["pooled"](2)))
    bare.layer = nn.Sequential(bare.layer, Call(lambda t: (t, t)))
    with pytest.raises(TypeError, match=r"(?s)the output of target_layer must be.*returns one tensor"):
        HiResCAMNetwork(bare, "layer", feature_axis=1).explain(image())
    assert not bare.layer._forward_hooks
