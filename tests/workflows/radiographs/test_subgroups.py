"""Subgroups by view, sex and age: members, unknown values, and their figures."""

from __future__ import annotations

import numpy as np
import pytest

from monai_pylon.workflows.bundle.evaluation import auroc_intervals
from monai_pylon.workflows.radiographs.subgroups import patient_facts, subgroup_masks, subgroup_metrics

BATCH = {"view": ["PA", "AP", "AP", ""], "sex": ["F", "", "M", "F"], "age": [39.9, 40.0, 65.0, np.nan]}


def test_every_radiograph_is_in_the_groups_of_its_facts() -> None:
    masks = subgroup_masks(patient_facts(BATCH, 4).numpy())
    assert {name: np.flatnonzero(mask).tolist() for name, mask in masks.items()} == {
        "view PA": [0],
        "view AP": [1, 2],
        "sex F": [0, 3],
        "sex M": [2],
        "age below 40": [0],
        "age 40 to 64": [1],
        "age 65 and above": [2],
    }


def test_unknown_facts_make_no_group() -> None:
    assert not subgroup_masks(patient_facts({}, 3).numpy())


def test_figures_are_those_of_the_members() -> None:
    random = np.random.default_rng(0)
    facts = np.stack([random.integers(0, 2, 40), np.full(40, -1), np.full(40, np.nan)], 1)
    scores, truth = random.normal(size=(40, 2)), random.integers(0, 2, (40, 2)).astype(float)
    hits = np.where(random.random((40, 2)) < 0.3, random.integers(0, 2, (40, 2)), np.nan)
    found = subgroup_metrics(facts, scores, truth, hits, np.arange(40), ["a", "b"], 20)
    mask = facts[:, 0] == 1
    assert set(found) == {"view PA", "view AP"}
    assert found["view AP"]["images"] == mask.sum()
    expected = auroc_intervals(scores[mask], truth[mask], np.arange(40)[mask], ["a", "b"], 20)["macro"]
    assert found["view AP"]["auroc"] == expected
    assert found["view AP"]["point_localization"]["estimate"] == pytest.approx(np.nanmean(hits[mask]), abs=1e-5)
    assert (
        "point_localization"
        not in subgroup_metrics(facts, scores, truth, None, np.arange(40), ["a", "b"], 20)["view AP"]
    )
