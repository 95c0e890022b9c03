"""OrganIoU against an independent reference, by hand, its laws and its edges."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from monai_pylon.metrics import ORGAN_IOU_THRESHOLDS, organ_iou, organ_iou_curve, resample_attention
from tests.references.organ_iou import organ_iou_table

NAN = float("nan")


def random_case(labels=6, grid=(4, 3, 5)):
    attention = torch.randn(labels, *grid, dtype=torch.float64)
    allowed = torch.rand(attention.shape) < 0.4
    allowed[1] = False
    attention[2] = -attention[2].abs()
    return attention, allowed


PRESENT = torch.tensor([1, 1, 1, 0, 1, 0])


@pytest.mark.parametrize("grid", [(9,), (4, 6), (4, 3, 5)])
@pytest.mark.parametrize("labels", [None, PRESENT])
def test_equals_the_slow_reference(grid, labels):
    attention, allowed = random_case(grid=grid)
    known = None if labels is None else labels.numpy()
    expected = organ_iou_table(attention.numpy(), allowed.numpy(), list(ORGAN_IOU_THRESHOLDS), known)
    given = organ_iou_curve(attention, allowed, labels=labels)
    assert given.shape == (6, 53)
    np.testing.assert_allclose(given, expected, atol=1e-7)
    for column in (0, 4, 28, 52):
        one = organ_iou(attention, allowed, ORGAN_IOU_THRESHOLDS[column], labels)
        np.testing.assert_array_equal(one, given[:, column])


def test_by_hand():
    attention = torch.tensor([[[8.0, 4.0], [2.0, -9.0]]])  # relative: 1, .5, .25, 0
    allowed = torch.tensor([[[True, False], [True, True]]])
    for threshold, value in ((0.0, 2 / 3), (0.25, 1 / 2), (0.3, 1 / 2), (0.5, 1), (0.99, 1)):
        assert organ_iou(attention, allowed, threshold).item() == pytest.approx(value)


def test_a_value_equal_to_the_threshold_is_not_above_it():
    """In single precision too, where 0.02 and 0.02 must be the same number."""
    for dtype in (torch.float32, torch.float64):
        shares = torch.tensor(ORGAN_IOU_THRESHOLDS, dtype=dtype)
        attention = torch.cat([shares, torch.ones(1, dtype=dtype)])[None]
        above = organ_iou_curve(attention, torch.eye(54)[-1:])
        expected = [1 / (53 - column) for column in range(53)]  # so many are above threshold number `column`
        torch.testing.assert_close(above[0], torch.tensor(expected))
        each = [organ_iou(attention, torch.eye(54)[-1:], threshold) for threshold in ORGAN_IOU_THRESHOLDS]
        torch.testing.assert_close(torch.cat(each), torch.tensor(expected))


def test_the_thresholds_are_the_authors():
    assert ORGAN_IOU_THRESHOLDS[:6] == (0.004, 0.008, 0.012, 0.016, 0.02, 0.04)
    assert ORGAN_IOU_THRESHOLDS[-1] == 0.98
    assert len(ORGAN_IOU_THRESHOLDS) == 53


EDGES = [
    # attention, allowed, label, OrganIoU
    ([1.0, 2.0], [0, 0], None, NAN),  # an empty region: absent
    ([1.0, 2.0], [0, 0], 0, NAN),
    ([1.0, 2.0], [0, 0], 1, 0),  # present, though its region was lost
    ([1.0, 2.0], [0, 0], NAN, NAN),
    ([1.0, 2.0], [1, 1], 0, NAN),
    ([1.0, 2.0], [1, 1], 1, 1),
    ([1.0, 2.0], [1, 1], None, 1),
    ([-1.0, 0.0], [1, 1], 1, 0),  # no positive attention
    ([-1.0, 0.0], [1, 1], None, NAN),
    ([-1.0, 0.0], [1, 1], NAN, NAN),
]


@pytest.mark.parametrize(("attention", "allowed", "label", "value"), EDGES)
def test_edges(attention, allowed, label, value):
    labels = None if label is None else torch.tensor([label])
    given = organ_iou(torch.tensor([attention]), torch.tensor([allowed]), 0.2, labels)
    curve = organ_iou_curve(torch.tensor([attention]), torch.tensor([allowed]), [0.1, 0.2], labels)
    torch.testing.assert_close(given, torch.tensor([float(value)]), equal_nan=True)
    torch.testing.assert_close(curve[0, 1], given[0], equal_nan=True)


@pytest.mark.parametrize(("label", "value"), [(1, 0), (None, NAN)])
def test_nothing_is_above_a_threshold_of_one(label, value):
    labels = None if label is None else torch.tensor([label])
    given = organ_iou(torch.tensor([[1.0, 2.0]]), torch.tensor([[1, 1]]), 1.0, labels)
    torch.testing.assert_close(given, torch.tensor([float(value)]), equal_nan=True)


def test_all_attention_inside_is_one_and_zero_in_the_authors_program():
    attention, allowed = torch.tensor([[4.0, 3.0, 0.0], [4.0, 0.0, 3.0]]), torch.tensor([[1, 1, 0], [1, 1, 0]])
    assert organ_iou(attention, allowed, 0.1).tolist() == [1, 0.5]
    assert organ_iou(attention, allowed, 0.1, paper_code_compat=True).tolist() == [0, 0.5]
    assert organ_iou_curve(attention, allowed, [0.1, 0.9], paper_code_compat=True).tolist() == [[0, 0], [0.5, 0]]


def test_each_label_may_have_its_threshold():
    attention, allowed = random_case()
    thresholds = torch.tensor([0.1, 0.2, NAN, 0.4, NAN, 0.6])
    given = organ_iou(attention, allowed, thresholds)
    for label, threshold in enumerate(thresholds.tolist()):
        expected = NAN if threshold != threshold else organ_iou(attention, allowed, threshold)[label].item()
        assert given[label].item() == pytest.approx(expected, nan_ok=True)
    torch.testing.assert_close(organ_iou(attention, allowed, thresholds.tolist()), given, equal_nan=True)


def test_positive_factors_flips_and_the_order_of_labels_do_not_matter():
    attention, allowed = random_case()
    expected = organ_iou_curve(attention, allowed)
    options = {"equal_nan": True, "rtol": 0, "atol": 0}
    torch.testing.assert_close(organ_iou_curve(4 * attention, allowed), expected, **options)
    torch.testing.assert_close(organ_iou_curve(attention.flip(1, 3), allowed.flip(1, 3)), expected, **options)
    torch.testing.assert_close(organ_iou_curve(attention.flip(0), allowed.flip(0)), expected.flip(0), **options)


@pytest.mark.parametrize("thresholds", [[0.5], [0.0, 1.0], [0.3, 0.3001, 0.30011, 0.9], [0.1, 0.1 + 1e-9]])
def test_any_ascending_thresholds(thresholds):
    """Near ones too, where a ruler would need too many marks."""
    attention, allowed = random_case()
    expected = torch.stack([organ_iou(attention, allowed, threshold) for threshold in thresholds], dim=1)
    torch.testing.assert_close(organ_iou_curve(attention, allowed, thresholds), expected, equal_nan=True)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_precision(dtype):
    attention, allowed = random_case()
    assert organ_iou(attention.to(dtype), allowed, 0.3).dtype == torch.float32


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_allowed_may_be_numbers_and_attention_an_array(dtype):
    attention, allowed = random_case()
    expected = organ_iou(attention, allowed, 0.3)
    torch.testing.assert_close(organ_iou(attention, 0.5 * allowed.to(dtype), 0.3), expected, equal_nan=True)
    torch.testing.assert_close(organ_iou(attention.numpy(), allowed.numpy(), 0.3), expected, equal_nan=True)


def test_unequal_grids_name_the_resampling():
    attention, allowed = torch.rand(2, 5, 5, 5), torch.ones(2, 6, 6, 9)
    with pytest.raises(
        ValueError, match=r"allowed must be of the attention's 2 labels and grid \(5, 5, 5\).*resample_att"
    ):
        organ_iou(attention, allowed, 0.5)
    resampled = resample_attention(attention, (6, 6, 9))
    assert organ_iou(resampled, allowed, 0.5, relative=True).tolist() == [1, 1]


def test_resampling_is_linear_between_the_centres_of_cells_and_after_the_division():
    attention = torch.tensor([[0.0, 8.0], [-4.0, 4.0]])
    expected = torch.tensor([[0.0, 0.25, 0.75, 1.0]]).expand(2, 4)
    torch.testing.assert_close(resample_attention(attention, [4]), expected)
    whole = torch.rand(2, 3, 4, 5)
    torch.testing.assert_close(resample_attention(3 * whole, (3, 4, 5)), whole / whole.amax((1, 2, 3), keepdim=True))


def test_relative_attention_is_not_divided_again():
    attention, allowed = torch.tensor([[0.2, 0.4]]), torch.tensor([[1, 0]])
    assert organ_iou(attention, allowed, 0.3).item() == 0.5
    assert organ_iou(attention, allowed, 0.3, relative=True).item() == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((torch.tensor([[NAN, 1.0]]), torch.ones(1, 2), 0.5), "attention must be finite"),
        ((torch.tensor([[torch.inf, 1.0]]), torch.ones(1, 2), 0.5), "attention must be finite"),
        ((torch.ones(2), torch.ones(2), 0.5), r"attention must be of shape \(M, \*grid\)"),
        ((torch.ones(1, 2), torch.ones(2, 2), 0.5), "allowed must be of the attention's 1 labels"),
        ((torch.ones(1, 2), torch.ones(1, 2), 1.5), "threshold must be between 0 and 1"),
        ((torch.ones(1, 2), torch.ones(1, 2), -0.1), "threshold must be between 0 and 1"),
        ((torch.ones(1, 2), torch.ones(1, 2), [0.1, 0.2]), "threshold must be a number, or 1, one for each label"),
        ((torch.ones(1, 2), torch.ones(1, 2), 0.1, torch.tensor([2])), "labels must be 0, 1 or NaN"),
        ((torch.ones(1, 2), torch.ones(1, 2), 0.1, torch.tensor([1, 0])), r"labels must be of shape \(1,\)"),
        ((torch.ones(1, 2) * 2, torch.ones(1, 2), 0.1, None, False, True), "between 0 and 1 where it is relative"),
    ],
)
def test_refuses_what_does_not_fit(arguments, message):
    with pytest.raises(ValueError, match=message):
        organ_iou(*arguments)


@pytest.mark.parametrize(
    ("thresholds", "message"),
    [
        ([0.5, 0.5], "thresholds must be ascending"),
        ([0.5, 1.5], "thresholds must be between 0 and 1"),
        ([], r"thresholds must be of shape \(T,\)"),
    ],
)
def test_refuses_thresholds(thresholds, message):
    with pytest.raises(ValueError, match=message):
        organ_iou_curve(torch.ones(1, 2), torch.ones(1, 2), thresholds)
