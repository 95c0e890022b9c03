"""Scans that are read again for pictures: HU, heights, maps."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from monai_pylon.networks.nets import AxialNet
from monai_pylon.visualize.cell_positions import GeometryCache
from monai_pylon.workflows.chest_ct import ScanMapsInferer
from monai_pylon.workflows.chest_ct.explained_scans import ScanPictures


def test_hu_maps_and_heights() -> None:
    torch.manual_seed(0)
    network = AxialNet(2, "resnet18", in_plane_size=(64, 64), reduction_channels=(4,), reduction_padding=1).eval()
    x = torch.rand(1, 64, 64, 9) - 0.449
    pictures = ScanPictures(
        [{}, {"image": x}],
        network,
        ScanMapsInferer("reduction"),
        GeometryCache(network, "reduction"),
        [2.0, 3.0, 5.0],
        [-1000, 800],
    )
    found = pictures.explain(1)
    np.testing.assert_allclose(found.hu, (x[0].numpy() + 0.449) * 1800 - 1000, rtol=1e-4, atol=1e-2)
    assert np.diag(found.affine).tolist() == [-2, -3, -5, 1]
    with torch.no_grad():
        logits, attention, slices = network.explain(x[None])
    np.testing.assert_allclose(found.chances, logits[0].sigmoid(), rtol=1e-5)
    torch.testing.assert_close(found.maps * 3, attention[0], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found.slice_scores, slices[0], rtol=1e-4)
    assert found.heights(3).tolist() == [35, 20, 5], "above the lowest slice, from head to feet"
    other = AxialNet(2, "resnet18", in_plane_size=(64, 64), reduction_channels=(4,), reduction_padding=1)
    assert not np.allclose(pictures.explain(1, other).chances, found.chances)


def test_a_network_without_maps_is_refused() -> None:
    pictures = ScanPictures([], torch.nn.Identity(), None, None, [1.0] * 3, [-1000, 800])
    with pytest.raises(ValueError, match="network must be one with maps"):
        pictures.explain(0)
