"""VGG-like heads rebuilt with one linear layer: the audit proves their maps, and they start near the old head."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from monai_pylon.networks.single_linear_head import single_linear_head
from monai_pylon.visualize import HiResCAM, audit_explanation


class VGGLike(nn.Module):
    """Convolutions, then three linear layers, as in VGG-16."""

    def __init__(self, axes: int = 2) -> None:
        super().__init__()
        conv, pool = (nn.Conv2d, nn.MaxPool2d) if axes == 2 else (nn.Conv3d, nn.MaxPool3d)
        self.features = nn.Sequential(conv(1, 6, 3, padding=1), nn.ReLU(), pool(4), conv(6, 8, 3, padding=1), nn.ReLU())
        self.classifier = nn.Sequential(
            nn.Flatten(),
            nn.Linear(8 * 4**axes, 12),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(12, 10),
            nn.ReLU(),
            nn.Linear(10, 3),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.features(x))


@pytest.mark.parametrize("axes", [2, 3])
def test_the_audit_proves_the_new_head_and_not_the_old_one(axes: int) -> None:
    network, x = VGGLike(axes).eval(), torch.randn(2, 1, *[16] * axes)
    assert not audit_explanation(network, "features", x).provable["HiResCAM"]
    network.classifier = single_linear_head(network.classifier, 8, [4] * axes)
    assert audit_explanation(network, "classifier.4", x).architecture == "CAM architecture", "equal cells at the start"
    nn.init.normal_(network.classifier[-1].weight)  # as after a training
    audit = audit_explanation(network, "classifier.4", x)
    assert audit.architecture == "affine head"
    assert audit.provable == {"CAM": False, "Grad-CAM": False, "HiResCAM": True, "map": False}
    maps = HiResCAM(network, "classifier.4")(x, "all")
    assert maps.shape == (2, 3, *[4] * axes)
    sums = maps.flatten(2).sum(2) + network.classifier[-1].bias
    torch.testing.assert_close(sums, network(x), rtol=1e-4, atol=1e-5)
    assert not audit_explanation(network, "classifier.0", x).provable["HiResCAM"], "a ReLU follows"


def test_maps_of_equal_cells_keep_their_scores() -> None:
    old = VGGLike().eval().classifier
    new = single_linear_head(old, 8, (4, 4))
    x = torch.randn(3, 8, 1, 1).expand(-1, -1, 4, 4)
    torch.testing.assert_close(new(x), old(x), rtol=1e-4, atol=1e-5)
    weighted = [layer for layer in new if hasattr(layer, "weight")]
    assert [layer.weight.shape[:2] for layer in weighted] == [(12, 8), (10, 12), (3, 160)]


def test_one_linear_layer_stays_as_it_is() -> None:
    old, x = nn.Sequential(nn.Linear(8 * 9, 4, bias=False)), torch.randn(2, 8, 3, 3)
    torch.testing.assert_close(single_linear_head(old, 8, (3, 3))(x), old(x.flatten(1)))


def test_type_and_mode_are_kept_and_the_old_head_is_not_changed() -> None:
    old = VGGLike().classifier.double().eval()
    before = {key: value.clone() for key, value in old.state_dict().items()}
    new = single_linear_head(old, 8, (4, 4))
    with torch.no_grad():
        for parameter in new.parameters():
            parameter.zero_()
    assert all(torch.equal(value, before[key]) for key, value in old.state_dict().items())
    assert new[0].weight.dtype == torch.float64
    assert not new.training


@pytest.mark.parametrize(
    ("head", "error", "message"),
    [
        (nn.Linear(72, 3), TypeError, "head must be of type Sequential"),
        (nn.Sequential(nn.Linear(72, 3), nn.Softmax(1)), TypeError, "It has a Softmax"),
        (nn.Sequential(nn.ReLU()), ValueError, "head must be of at least one linear layer"),
        (nn.Sequential(nn.Linear(72, 3), nn.ReLU()), ValueError, "head must be a head that ends in a linear layer"),
        (nn.Sequential(nn.Linear(71, 3)), ValueError, "head must be of 8 x 9 = 72 features, but is 71"),
    ],
)
def test_heads_that_cannot_be_rebuilt_are_refused(head: nn.Module, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        single_linear_head(head, 8, (3, 3))


def test_the_grid_has_two_or_three_axes() -> None:
    with pytest.raises(ValueError, match="grid must be two or three positive numbers"):
        single_linear_head(nn.Sequential(nn.Linear(8, 3)), 8, (1,))
