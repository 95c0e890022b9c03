"""Phantom CTs as a data set: the same patient every time, labels that say what was drawn."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.data import MetaTensor

from monai_pylon.data import PhantomChestCTs
from monai_pylon.taxonomy import CHEST_CT_LABELS

COARSE = {"spacing": (9.0, 9.0, 30.0)}


def test_an_item_is_that_of_the_data_list_read() -> None:
    item = PhantomChestCTs(2, **COARSE, first_seed=4)[1]
    assert set(item) == {"image", "organs", "label", "locations", "patient_id", "name"}
    assert isinstance(item["image"], MetaTensor)
    assert item["image"].shape == item["organs"].shape == (1, 40, 36, 11)
    np.testing.assert_allclose(np.linalg.norm(item["image"].affine[:3, :3], axis=0), (9, 9, 30))
    np.testing.assert_array_equal(item["locations"].any(1), item["label"] == 1)
    assert item["label"].shape == (len(CHEST_CT_LABELS),)
    assert (item["patient_id"], item["name"]) == ("5", "phantom_5")


def test_the_same_seed_is_the_same_patient() -> None:
    first, again = (PhantomChestCTs(3, **COARSE, first_seed=s)[k] for s, k in ((2, 0), (0, 2)))
    torch.testing.assert_close(first["image"], again["image"])
    np.testing.assert_array_equal(first["label"], again["label"])


def test_most_findings_occur_and_no_patient_has_all() -> None:
    labels = np.array([item["label"] for item in PhantomChestCTs(12, **COARSE)])
    drawn = [CHEST_CT_LABELS.index(name) for name in ("lung mass", "pleural effusion", "consolidation", "pneumothorax")]
    share = labels[:, drawn].mean(0)
    assert (share > 0).all()
    assert (share < 1).all()
    assert len({tuple(row) for row in labels}) > 6


def test_it_ends_where_it_ends() -> None:
    scans = PhantomChestCTs(2, **COARSE)
    assert scans[-1]["patient_id"] == "1"
    with pytest.raises(IndexError, match="index must be below 2"):
        scans[2]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((0,), ValueError, "count must be positive"),
        (("4",), TypeError, "count must be of type int"),
        ((1, (2, 2)), ValueError, "spacing must be three positive lengths"),
        ((1, (2, 2, 0)), ValueError, "spacing must be three positive lengths"),
        ((1, (2, 2, 2), -1), ValueError, "first_seed must be 0 or more"),
    ],
)
def test_wrong_arguments_are_named(arguments: tuple, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        PhantomChestCTs(*arguments)
