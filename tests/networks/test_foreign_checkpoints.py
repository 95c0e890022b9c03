"""Checkpoints of other programs, in the layout of each, give a network of MONAI the scores of theirs."""

from __future__ import annotations

import doctest
import logging
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from monai.networks.nets import DenseNet121, EfficientNetBN, ResNet, resnet18
from torch import nn

from monai_pylon.networks import load_checkpoint, make_encoder
from monai_pylon.networks.nets import PYLON
from monai_pylon.networks.pretrained import load_weights
from monai_pylon.visualize import HiResCAM, audit_explanation
from tests.networks.tiny import shake_


def saved(folder: Path, content: Any) -> Path:
    torch.save(content, folder / "weights.pth")
    return folder / "weights.pth"


def dense(in_channels: int = 1, labels: int = 18) -> nn.Module:
    torch.manual_seed(in_channels)
    return shake_(DenseNet121(spatial_dims=2, in_channels=in_channels, out_channels=labels))


def torchvision_names(network: nn.Module) -> dict[str, torch.Tensor]:
    """Rename the state of MONAI's DenseNet to the names of torchvision, which torchxrayvision uses too."""
    renamed = {re.sub(r"\.layers\.(norm|conv)", r".\1", key): value for key, value in network.state_dict().items()}
    return {key.replace("class_layers.out.", "classifier."): value for key, value in renamed.items()}


def chexnet_names(network: nn.Module) -> dict[str, torch.Tensor]:
    """Rename it to the names of CheXNet's reimplementation: PyTorch 0.3, a sequence as classifier, DataParallel."""
    state = torchvision_names(network)
    old = {re.sub(r"(denselayer\d+)\.(norm|conv)([12])\.", r"\1.\2.\3.", key): value for key, value in state.items()}
    return {f"module.densenet121.{key.replace('classifier.', 'classifier.0.')}": value for key, value in old.items()}


def xray_resnet() -> nn.Module:
    """Make MONAI's ResNet with torchvision's first stride and shortcuts."""
    return ResNet("basic", [1, 1, 1, 1], [64, 128, 256, 512], spatial_dims=2, n_input_channels=1, num_classes=18,
                  conv1_t_stride=2, shortcut_type="B", bias_downsample=False)  # fmt: skip


def test_chexnet(tmp_path: Path) -> None:
    theirs, ours = dense(3, 14), dense(3, 14)
    nn.init.zeros_(ours.class_layers.out.weight)
    file = saved(tmp_path, {"epoch": 1, "state_dict": chexnet_names(theirs), "best_loss": 0.1, "optimizer": {}})
    report = load_weights(ours, file)
    x = torch.rand(2, 3, 64, 64)
    torch.testing.assert_close(ours(x), theirs(x), rtol=0, atol=0)
    assert report.match.prefix == "state_dict.module.densenet121."
    assert "old or new" not in str(report)
    assert f"{len(ours.state_dict())} tensors of the network" in str(report)


def test_chexnet_on_gray_images_is_refused_with_the_remedy(tmp_path: Path) -> None:
    """A gray image that is normalized differently in each channel gives other scores than the sum of the channels."""
    file = saved(tmp_path, {"state_dict": chexnet_names(dense(3, 14))})
    with pytest.raises(ValueError, match=r"conv0\.weight \(64, 3, 7, 7\) instead of \(64, 1.*repeat a gray image"):
        load_weights(dense(1, 14), file)
    encoder = make_encoder("densenet121", 2, 1)
    report = load_weights(encoder, file)
    assert report.summed == ("features.conv0.weight",)
    assert report.match.heads
    assert "summed over the input channels" in str(report)


def test_torchxrayvision(tmp_path: Path) -> None:
    theirs, ours = dense(), dense(1)
    nn.init.zeros_(ours.class_layers.out.weight)
    state = {**torchvision_names(theirs), "op_threshs": torch.rand(18)}
    report = load_weights(ours, saved(tmp_path, state))
    x = 1024 * (2 * torch.rand(2, 1, 64, 64) - 1)
    torch.testing.assert_close(ours(x), theirs(x), rtol=0, atol=0)
    assert report.match.unused == ("op_threshs",)
    audit = audit_explanation(ours, "class_layers.relu", x)
    assert audit.provable["HiResCAM"]
    found = HiResCAM(ours, "class_layers.relu").explain(x, "all")
    bias = ours.class_layers.out.bias.detach()
    torch.testing.assert_close(found.maps.flatten(2).sum(2) + bias, theirs(x).detach(), rtol=1e-3, atol=1e-3)


def test_torchxrayvisions_resnet(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    theirs, ours = shake_(xray_resnet()), xray_resnet().eval()
    state = {f"model.{key}": value for key, value in theirs.state_dict().items()}
    report = load_weights(ours, saved(tmp_path, {**state, "op_threshs": torch.rand(18)}))
    x = torch.rand(2, 1, 64, 64)
    torch.testing.assert_close(ours(x), theirs(x), rtol=0, atol=0)
    assert report.match.prefix == "model."
    other = ResNet("basic", [1, 1, 1, 1], [64, 128, 256, 512], spatial_dims=2, n_input_channels=1, num_classes=18,
                   shortcut_type="B", bias_downsample=False)  # fmt: skip
    with pytest.raises(ValueError, match=r"network must be a ResNet with a first stride of 2.*conv1_t_stride=2"):
        load_weights(other, tmp_path / "weights.pth")
    load_weights(other, saved(tmp_path, state))
    assert "conv1_t_stride=2" in caplog.text


def test_a_default_resnet_of_monai_lacks_what_torchvisions_has_not(tmp_path: Path) -> None:
    file = saved(tmp_path, shake_(resnet18(spatial_dims=2, n_input_channels=1, bias_downsample=False)).state_dict())
    network = resnet18(spatial_dims=2, n_input_channels=1, bias_downsample=True, shortcut_type="B")
    with pytest.raises(ValueError, match=r"they differ in .*downsample.*bias"):
        load_weights(network, file)


def test_a_whole_efficientnet_of_timm(tmp_path: Path) -> None:
    ours, theirs = (EfficientNetBN("efficientnet-b0", pretrained=False, in_channels=1, num_classes=3) for _ in range(2))
    state = {}
    for key, value in shake_(theirs).state_dict().items():  # EfficientNet-PyTorch has no number of the stack
        state[re.sub(r"^_blocks\.\d\.", "_blocks.", key)] = value
    report = load_weights(ours.eval(), saved(tmp_path, {"state_dict": {f"model.{k}": v for k, v in state.items()}}))
    x = torch.rand(1, 1, 64, 64)
    torch.testing.assert_close(ours(x), theirs(x), rtol=0, atol=0)
    assert "EfficientNet" in report.match.naming


def test_other_labels_keep_the_last_layer(tmp_path: Path) -> None:
    theirs, ours = dense(1, 18), dense(1, 5)
    before = ours.class_layers.out.weight.clone()
    file = saved(tmp_path, torchvision_names(theirs))
    with pytest.raises(ValueError, match=r"class_layers\.out\.weight \(18, 1024\) instead of \(5, 1024\).*keep="):
        load_weights(ours, file)
    report = load_weights(ours, file, keep=["class_layers.out"])
    assert torch.equal(ours.class_layers.out.weight, before)
    assert torch.equal(ours.features.norm5.weight, theirs.features.norm5.weight)
    assert report.kept == ("class_layers.out.weight", "class_layers.out.bias")
    with pytest.raises(ValueError, match="keep must be beginnings of names"):
        load_weights(ours, file, keep=["classifier"])


def tiny() -> PYLON:
    return PYLON(encoder="resnet18", decoder_channels=8)


PYLON_FORMS = {
    "compiled": lambda state: {f"_orig_mod.{key}": value for key, value in state.items()},
    "Lightning": lambda state: {"state_dict": {f"net.{key}": value for key, value in state.items()}},
    "safetensors": None,
}


@pytest.mark.parametrize("form", PYLON_FORMS)
def test_a_bundle_loads_its_network_in_every_form(form: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    trained, network = shake_(tiny()), tiny()
    make = PYLON_FORMS[form]
    if make is None:
        from tests.networks.test_checkpoint_files import safetensors_bytes

        (tmp_path / "weights.pth").write_bytes(safetensors_bytes(trained.state_dict()))
    else:
        saved(tmp_path, make(trained.state_dict()))
    with caplog.at_level(logging.INFO):
        report = load_checkpoint(network, tmp_path / "weights.pth", {"name": "pylon"})
    assert report.part == "network"
    assert str(report) in caplog.text
    for key, value in trained.state_dict().items():
        assert torch.equal(network.state_dict()[key], value)


def test_an_encoder_alone_is_no_checkpoint_of_a_bundle(tmp_path: Path) -> None:
    for prefix in ("", "model.", "_orig_mod."):
        state = {f"{prefix}{key}": value for key, value in make_encoder("resnet18", 2, 1).state_dict().items()}
        with pytest.raises(ValueError, match="It holds an encoder alone"):
            load_checkpoint(tiny(), saved(tmp_path, state), {"name": "pylon"})
        assert load_weights(tiny(), tmp_path / "weights.pth").part == "encoder"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch.compile in PyTorch itself
def test_networks_within_wrappers_are_loaded(tmp_path: Path) -> None:
    trained = tiny()
    file = saved(tmp_path, trained.state_dict())
    for wrapped in (nn.DataParallel(tiny()), torch.compile(tiny())):
        load_weights(wrapped, file)
        assert all(
            torch.equal(a, b) for a, b in zip(wrapped.state_dict().values(), trained.state_dict().values(), strict=True)
        )


def test_an_optimizer_and_weights_with_nan_are_refused(tmp_path: Path) -> None:
    network = tiny()
    optimizer = torch.optim.Adam(network.parameters())
    network(torch.rand(2, 1, 64, 64)).sum().backward()
    optimizer.step()
    with pytest.raises(ValueError, match="holds the state of an optimizer alone"):
        load_weights(tiny(), saved(tmp_path, optimizer.state_dict()))
    with pytest.raises(ValueError, match="holds the state of an optimizer alone"):
        load_weights(tiny(), saved(tmp_path, {"optimizer": optimizer.state_dict(), "epoch": 2}))
    broken = network.state_dict()
    broken["head.bias"][3] = torch.nan
    with pytest.raises(ValueError, match=r"weights must be finite \(NaN or infinity in head\.bias\)"):
        load_weights(tiny(), saved(tmp_path, broken))


def test_a_larger_network_of_the_same_names_is_refused(tmp_path: Path) -> None:
    file = saved(tmp_path, {"state_dict": make_encoder("resnet34", 2, 1).state_dict()})
    target = make_encoder("resnet18", 2, 1)
    before = target.conv1.weight.clone()
    with pytest.raises(ValueError, match=r"they differ in .*and \d+ more; 1\d\d of 1\d\d tensors fit at 'state_dict'"):
        load_weights(target, file)
    assert torch.equal(target.conv1.weight, before), "nothing is loaded"


def test_the_documented_example_runs() -> None:
    """The page's DenseNet with made-up weights of torchxrayvision is explained in five lines."""
    page = Path(__file__).parents[2] / "docs" / "researchers" / "checkpoints.md"
    found = doctest.testfile(str(page), module_relative=False, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert found.attempted > 10
    assert found.failed == 0
