"""Phantom CTs of the demo: correlation of findings with fat, allowed regions and tissues."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from monai_pylon.data import phantom_chest_ct
from monai_pylon.data.phantoms.anatomy import make_anatomy
from monai_pylon.workflows.demo.chest_ct_data import CT_DEMO_TISSUES, DemoCTs, demo_ct_findings, demo_cts


@pytest.fixture(scope="module")
def patients() -> DemoCTs:
    return demo_cts(4, first_seed=1, confounded=True)


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
