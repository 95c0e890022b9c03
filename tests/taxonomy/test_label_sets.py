"""Label sets and their mapping."""

from __future__ import annotations

import numpy as np
import pytest

from monai_pylon.taxonomy import CHEST_CT_LABELS, CHEST_XRAY14_LABELS
from monai_pylon.taxonomy.label_sets import LABEL_SETS, LabelSet, label_set, merge_states, organs_of_labels


def test_the_sets() -> None:
    assert LABEL_SETS == ("RAD-ChestCT-80", "CT-RATE-18", "CheXpert-14", "ChestX-ray14")
    assert [len(label_set(name).labels) for name in LABEL_SETS] == [80, 18, 14, 14]
    assert label_set().labels == CHEST_CT_LABELS
    assert label_set("ChestX-ray14").labels == CHEST_XRAY14_LABELS


@pytest.mark.parametrize("name", LABEL_SETS)
def test_members_are_known(name: str) -> None:
    known = organs_of_labels()
    one = label_set(name)
    assert len(set(one.labels)) == len(one.labels)
    for label, members, same in zip(one.labels, one.members, one.same, strict=True):
        assert members == ("*",) or set(members) <= set(known), label
        assert not same or same in members, label
    back = [same for same in one.same if same]
    assert len(set(back)) == len(back)


def test_locations() -> None:
    one = label_set("CheXpert-14")
    where = dict(zip(one.labels, one.locations.tolist(), strict=True))
    assert where["Cardiomegaly"] == [False, True, False]
    assert where["Pneumothorax"] == [True, False, True]
    assert where["Fracture"] == where["No Finding"] == where["Support Devices"] == [True, True, True]


def test_the_strongest_state_wins() -> None:
    target = LabelSet("t", ("x",), (("a", "b"),), ("",))
    for first, second, merged in [(1, -1, 1), (-1, 0, -1), (0, -2, 0), (-2, -2, -2), (0, 1, 1)]:
        states = np.full((1, 2, 3), -2, dtype=np.int8)
        states[0, :, 0] = first, second
        assert merge_states(states, ("a", "b"), target)[0, 0].tolist() == [merged, -2, -2]
    with pytest.raises(ValueError, match="labels must be with 'b'"):
        merge_states(np.zeros((1, 1, 3), np.int8), ("a",), target)
    with pytest.raises(ValueError, match="states must be"):
        merge_states(np.zeros((1, 3), np.int8), ("a",), target)
