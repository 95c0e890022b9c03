"""Short trainings: phantoms, comparison of networks, files and the number of threads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from monai_pylon.data import phantom_chest_ct
from monai_pylon.data.phantoms.anatomy import make_anatomy
from monai_pylon.networks.nets import AxialNet
from monai_pylon.taxonomy import CHEST_XRAY14_LABELS
from monai_pylon.utils import read_rows
from monai_pylon.visualize import HiResCAM
from monai_pylon.workflows.chest_ct.explainer import maps_on_axes
from tests.experiments.short_trainings.__main__ import print_table
from tests.experiments.short_trainings.axialnet import axialnet_demo, small_encoder
from tests.experiments.short_trainings.chest_ct_data import CT_DEMO_TISSUES, DemoCTs, demo_ct_findings, demo_cts
from tests.experiments.short_trainings.pylon import demo_radiographs, localization_demo
from tests.experiments.short_trainings.threads import one_thread


def test_radiographs_have_only_the_three_findings_and_boxes_for_each() -> None:
    radiographs = demo_radiographs(12, 64, first_seed=0)
    findings = {CHEST_XRAY14_LABELS[k] for k in radiographs.labels.any(0).nonzero().flatten()}
    assert findings == {"Cardiomegaly", "Effusion", "Mass"}
    for labels, boxes in zip(radiographs.labels, radiographs.boxes, strict=True):
        assert set(boxes[:, 4].tolist()) == set(labels.nonzero().flatten().tolist())
    assert torch.equal(demo_radiographs(1, 64, first_seed=5).images[0], radiographs.images[5])


def test_pylon_writes_results_and_keeps_the_random_state_of_torch(tmp_path: Path) -> None:
    state = torch.get_rng_state()
    rows = localization_demo(tmp_path, size=64, radiographs=8, test_radiographs=8, steps=1, batch=2)
    assert torch.equal(torch.get_rng_state(), state)
    test = demo_radiographs(8, 64, first_seed=2_000_000)
    boxes = torch.cat(test.boxes)
    share = ((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])).mean() / 64**2
    assert rows[2] == {"network": "a random point", "point localization": round(float(share), 3)}
    assert [row["map size"] for row in rows[:2]] == ["16 x 16", "2 x 2"]
    assert [row["network"] for row in read_rows(tmp_path / "pylon_demo.csv")] == ["PYLON", "backbone", "a random point"]
    assert (tmp_path / "pylon_demo.png").stat().st_size > 10_000


def test_rejects_a_training_without_steps(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="steps must be positive"):
        localization_demo(tmp_path, steps=0)


def test_maps_of_the_reduction_layer_are_the_attention_on_the_axes_of_the_volume() -> None:
    network = AxialNet(3, small_encoder(), in_plane_size=(48, 64), reduction_channels=(4,), reduction_padding=1)
    x = torch.rand(2, 1, 48, 64, 9)
    attention = network.eval().explain(x).attention.detach()
    maps = maps_on_axes(HiResCAM(network, "reduction")(x, "all"), "reduction")
    torch.testing.assert_close(maps, attention / 3)


@pytest.mark.slow
def test_axialnet_writes_results_and_keeps_the_random_state_of_torch(tmp_path: Path) -> None:
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


@pytest.fixture(scope="module")
def patients() -> DemoCTs:
    return demo_cts(4, first_seed=1, confounded=True)


@pytest.mark.slow
def test_fat_correlates_with_nodules_and_masses_only_if_confounded() -> None:
    more_fat = np.array([make_anatomy(np.random.default_rng([seed, 0])).fat for seed in range(300)]) > 15.5
    for confounded in (True, False):
        findings = [demo_ct_findings(seed, confounded) for seed in range(300)]
        for name in ("nodule", "mass", "effusion"):
            present = np.array([name in drawn for drawn in findings])
            difference = present[more_fat].mean() - present[~more_fat].mean()
            dependent = confounded and name != "effusion"
            assert difference > 0.5 if dependent else abs(difference) < 0.17, (name, difference)


def test_fat_belongs_to_the_patient_of_the_image() -> None:
    """Of two patients, the one with more fat by make_anatomy has more fat voxels in the image."""
    fats, voxels = [], []
    for seed in (0, 1):
        fats.append(make_anatomy(np.random.default_rng([seed, 0])).fat)
        phantom = phantom_chest_ct(seed, (80, 80, 24), (5, 5, 12), noise=0)
        voxels.append(np.count_nonzero((phantom.image > -130) & (phantom.image < -70)))
    assert (fats[0] < fats[1]) == (voxels[0] < voxels[1])


def test_absent_findings_have_no_allowed_region_and_present_ones_have(patients: DemoCTs) -> None:
    absent = patients.labels == 0
    assert absent.any()
    assert not absent.all()
    assert not patients.allowed[absent].any()
    assert not patients.regions[absent].any()
    assert patients.allowed[~absent].flatten(1).any(1).all()
    for n, m in (~absent).nonzero().tolist():
        assert patients.regions[n, m, ..., int(patients.heights[n, m])].any(), "the slice shown contains the organ"


def test_tissues_are_in_plausible_cells(patients: DemoCTs) -> None:
    fat, lung = (patients.tissues[:, CT_DEMO_TISSUES.index(name)] for name in ("fat", "lung"))
    assert lung.any()
    assert not lung[:, [0, -1]].any(), "no lung at the edge of the field of view"
    assert fat[:, :, [1, 2]].any(), "fat at the front"
    assert torch.equal(patients.hu[:1], demo_cts(1, first_seed=1, confounded=True).hu)


def _raise_with_one_thread() -> None:
    with one_thread():
        assert torch.get_num_threads() == 1
        raise KeyError


def test_restores_the_number_of_threads_after_an_exception() -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        with pytest.raises(KeyError):
            _raise_with_one_thread()
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_prints_empty_cells_for_missing_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    print_table([{"network": "PYLON", "AUROC": 0.75}, {"network": "a random point"}])
    header, first, second = capsys.readouterr().out.strip("\n").split("\n")
    assert header.split() == ["AUROC"]
    assert first.split() == ["PYLON", "0.75"]
    assert second.split() == ["a", "random", "point"]
    assert len(header) == len(first) == len(second)
