"""Weights of every origin, three channels summed to one, and errors for weights that do not fit."""

from __future__ import annotations

import pickle

import pytest
import torch
from torch import nn

from monai_pylon.networks import make_encoder
from monai_pylon.networks.nets import PYLON, MaxPoolBackbone
from monai_pylon.networks.pretrained import load_weights, read_weights
from tests.networks.test_weights import authors_names, torchvision_resnet_state
from tests.networks.tiny import shake_


def assert_same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> None:
    assert one.keys() == other.keys()
    for key, value in one.items():
        torch.testing.assert_close(value, other[key], rtol=0, atol=0)


def saved(folder, state):
    path = folder / "weights.pth"
    torch.save(state, path)
    return path


@pytest.mark.parametrize("in_channels", [1, 2, 3])
def test_a_stem_for_three_channels_is_summed(tmp_path, in_channels):
    theirs = torchvision_resnet_state("resnet18")
    net = PYLON(in_channels=in_channels, encoder="resnet18", weights=saved(tmp_path, theirs))
    stem = theirs["conv1.weight"]
    expected = stem if in_channels == 3 else stem.sum(1, keepdim=True).repeat(1, in_channels, 1, 1) / in_channels
    torch.testing.assert_close(net.encoder.conv1.weight.detach(), expected, rtol=0, atol=0)
    torch.testing.assert_close(net.encoder.layer4[1].conv2.weight.detach(), theirs["layer4.1.conv2.weight"])


@pytest.mark.parametrize(("encoder", "in_channels"), [("resnet18", 1), ("densenet121", 1), ("efficientnet_b0", 2)])
def test_gray_images_give_the_maps_of_their_three_copies(tmp_path, encoder, in_channels):
    """The first norm has statistics, as in a frozen stage, so a third of the response would show."""
    color = shake_(make_encoder(encoder, 2, 3)).eval()
    gray = make_encoder(encoder, 2, in_channels, weights=saved(tmp_path, color.state_dict())).eval()
    x = torch.randn(1, 1, 64, 64)
    for one, other in zip(gray(x.expand(-1, in_channels, -1, -1)), color(x.expand(-1, 3, -1, -1)), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


def test_an_old_checkpoint_counts_no_batches(tmp_path):
    theirs = {k: v for k, v in torchvision_resnet_state("resnet18").items() if "num_batches" not in k}
    encoder = make_encoder("resnet18", 2, 3, weights=str(saved(tmp_path, theirs)))
    assert encoder.bn1.num_batches_tracked == 0
    torch.testing.assert_close(encoder.bn1.running_mean, theirs["bn1.running_mean"], rtol=0, atol=0)


@pytest.mark.parametrize("whose", ["ours", "authors", "distributed", "training"])
def test_a_whole_network(tmp_path, whose):
    trained = PYLON(encoder="resnet18", decoder_channels=16)
    state = {
        "ours": trained.state_dict(),
        "authors": authors_names(trained),
        "distributed": {f"module.{key}": value for key, value in trained.state_dict().items()},
        "training": {"model": trained.state_dict(), "optimizer": {"lr": 0.1}, "epoch": 3},
    }[whose]
    path = saved(tmp_path, state)
    assert_same(PYLON(encoder="resnet18", decoder_channels=16, weights=path).state_dict(), trained.state_dict())
    # into an encoder, or another network's, goes its encoder
    assert_same(make_encoder("resnet18", 2, 1, weights=path).state_dict(), trained.encoder.state_dict())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "cannot be read: it is empty"),
        (b"no weights", "cannot be read: it is a text file"),
        (pickle.dumps(nn.ReLU(), protocol=2), "cannot be read: it is a "),
        (None, "a file with a state dict"),
    ],
)
def test_rejects_a_file_without_weights(tmp_path, content, message):
    path = tmp_path / "bad.pth"
    if content is None:
        torch.save({"epoch": 3}, path)
    else:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=message) as error:
        read_weights(path)
    assert "bad.pth" in str(error.value)


class Trap:
    """Creates a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_a_file_cannot_run_code(tmp_path):
    trap = tmp_path / "sprung"
    with pytest.raises(ValueError, match="cannot be read"):
        read_weights(saved(tmp_path, {"conv1.weight": torch.zeros(1), "trap": Trap(trap)}))
    assert not trap.exists()


def test_rejects_a_truncated_file(tmp_path):
    path = saved(tmp_path, torchvision_resnet_state("resnet18"))
    path.write_bytes(path.read_bytes()[:100_000])
    with pytest.raises(ValueError, match=r"weights\.pth' cannot be read: it is incomplete"):
        read_weights(path)


def test_rejects_another_networks_weights_by_key_and_shape(tmp_path):
    path = saved(tmp_path, torchvision_resnet_state("resnet34"))
    with pytest.raises(ValueError, match=r"weights must be those of this ResNetPyramid .*layer1\.2\.bn1\.bias"):
        make_encoder("resnet18", 2, 3, weights=path)
    path = saved(tmp_path, PYLON(encoder="resnet18", num_classes=5).state_dict())
    with pytest.raises(ValueError, match=r"head\.weight \(5, 128, 1, 1\) instead of \(14, 128, 1, 1\).*arguments"):
        PYLON(encoder="resnet18", weights=path)
    with pytest.raises(ValueError, match=r"decoder\.attention"):
        MaxPoolBackbone(encoder="resnet18", weights=path)


def test_rejects_wrong_arguments():
    with pytest.raises(ValueError, match="a file that exists, but is 'nowhere"):
        read_weights("nowhere.pth")
    with pytest.raises(TypeError, match="weights must be of type str or Path"):
        load_weights(nn.Identity(), 3)
    with pytest.raises(ValueError, match="the encoder one of resnet18"):
        load_weights(nn.Identity(), "imagenet")
