"""AxialNet in the demo."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from monai_pylon.networks.nets import AxialNet
from monai_pylon.utils import read_rows
from monai_pylon.visualize import HiResCAM
from monai_pylon.workflows.chest_ct import maps_on_axes
from monai_pylon.workflows.demo.axialnet import SmallSliceEncoder, axialnet_demo


def test_maps_of_the_reduction_layer_are_the_attention_on_the_axes_of_the_volume() -> None:
    network = AxialNet(3, SmallSliceEncoder(), in_plane_size=(48, 64), reduction_channels=(4,), reduction_padding=1)
    x = torch.rand(2, 1, 48, 64, 9)
    attention = network.eval().explain(x).attention.detach()
    maps = maps_on_axes(HiResCAM(network, "reduction")(x, "all"), "reduction")
    torch.testing.assert_close(maps, attention / 3)


def test_writes_results_and_keeps_the_random_state_of_torch(tmp_path: Path) -> None:
    state = torch.get_rng_state()
    rows = axialnet_demo(tmp_path, patients=3, test_patients=4, epochs=1)
    assert torch.equal(torch.get_rng_state(), state)
    first, second, everywhere = rows
    assert 0 <= first["OrganIoU HiResCAM"] <= 1
    assert 0 <= second["OrganIoU Grad-CAM"] <= 1
    assert 0 < everywhere["OrganIoU HiResCAM"] < 0.2
    written = read_rows(tmp_path / "axialnet_demo.csv")
    assert [row["network"] for row in written] == ["labels alone", "with the mask loss", "evidence everywhere"]
    assert (tmp_path / "axialnet_demo.png").stat().st_size > 10_000


def test_rejects_numbers_that_are_not_positive(tmp_path: Path) -> None:
    for name in ("patients", "test_patients", "epochs"):
        with pytest.raises(ValueError, match=f"{name} must be positive"):
            axialnet_demo(tmp_path, **{name: 0})
