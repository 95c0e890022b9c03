"""The demo's phantom CTs, and AxialNet on them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from monai_pylon.data import phantom_chest_ct
from monai_pylon.data.phantoms.anatomy import make_anatomy
from monai_pylon.networks.nets import AxialNet
from monai_pylon.utils import read_rows
from monai_pylon.visualize import HiResCAM
from monai_pylon.workflows.chest_ct import maps_on_axes
from monai_pylon.workflows.demo.axialnet import SmallSliceEncoder, axialnet_demo
from monai_pylon.workflows.demo.chest_ct_data import CT_DEMO_TISSUES, DemoCTs, demo_ct_findings, demo_cts


@pytest.fixture(scope="module")
def patients() -> DemoCTs:
    return demo_cts(4, first_seed=1, confounded=True)


@pytest.mark.parametrize("confounded", [True, False])
def test_fat_goes_with_nodules_and_masses_only_where_it_is_meant_to(confounded: bool) -> None:
    fat = np.array([make_anatomy(np.random.default_rng([seed, 0])).fat for seed in range(300)])
    findings = [demo_ct_findings(seed, confounded) for seed in range(300)]
    stout = fat > 15.5
    for name in ("nodule", "mass", "effusion"):
        has = np.array([name in some for some in findings])
        difference = has[stout].mean() - has[~stout].mean()
        bound = confounded and name != "effusion"
        assert difference > 0.5 if bound else abs(difference) < 0.17, (name, difference)


def test_fat_is_that_of_the_patient_who_is_drawn() -> None:
    # of two patients the one with more fat by make_anatomy has more of it in the image
    fats, seen = [], []
    for seed in (0, 1):
        fats.append(make_anatomy(np.random.default_rng([seed, 0])).fat)
        made = phantom_chest_ct(seed, (80, 80, 24), (5, 5, 12), noise=0)
        seen.append(np.count_nonzero((made.image > -130) & (made.image < -70)))
    assert (fats[0] < fats[1]) == (seen[0] < seen[1])


def test_absent_findings_are_allowed_nowhere_and_present_ones_in_their_lung(patients: DemoCTs) -> None:
    absent = patients.labels == 0
    assert absent.any()
    assert not absent.all()
    assert not patients.allowed[absent].any()
    assert not patients.regions[absent].any()
    assert patients.allowed[~absent].flatten(1).any(1).all()
    for n, m in (~absent).nonzero().tolist():
        assert patients.regions[n, m, ..., int(patients.heights[n, m])].any(), "the slice shown holds some of the organ"


def test_tissues_lie_where_they_are(patients: DemoCTs) -> None:
    fat, lung = (patients.tissues[:, CT_DEMO_TISSUES.index(name)] for name in ("fat", "lung"))
    assert lung.any()
    assert not lung[:, [0, -1]].any(), "no lung at the edge of the field of view"
    assert fat[:, :, [1, 2]].any(), "fat in front"
    assert torch.equal(patients.hu, demo_cts(4, first_seed=1, confounded=True).hu)


def test_maps_of_folded_slices_are_the_attention_on_the_volumes_axes() -> None:
    network = AxialNet(3, SmallSliceEncoder(), in_plane_size=(48, 64), reduction_channels=(4,), reduction_padding=1)
    x = torch.rand(2, 1, 48, 64, 9)
    attention = network.eval().explain(x).attention.detach()
    maps = maps_on_axes(HiResCAM(network, "reduction")(x, "all"), "reduction")
    torch.testing.assert_close(maps, attention / 3)


def test_the_demo_writes_its_numbers_and_leaves_torch_alone(tmp_path: Path) -> None:
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
    with pytest.raises(ValueError, match="epochs must be positive"):
        axialnet_demo(tmp_path, epochs=0)
