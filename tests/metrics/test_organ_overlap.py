"""Tests of OrganIoU: a slow reference, hand-computed values, invariances and edge cases."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.data import MetaTensor

from monai_pylon.metrics import organ_iou, resample_attention
from monai_pylon.metrics.organ_overlap import organ_iou_curve, relative_attention
from monai_pylon.metrics.thresholds import ORGAN_IOU_THRESHOLDS
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
def test_matches_the_slow_reference(grid, labels):
    attention, allowed = random_case(grid=grid)
    known = None if labels is None else labels.numpy()
    expected = organ_iou_table(attention.numpy(), allowed.numpy(), list(ORGAN_IOU_THRESHOLDS), known)
    given = organ_iou_curve(attention, allowed, labels=labels)
    assert given.shape == (6, 53)
    np.testing.assert_allclose(given, expected, atol=1e-7)
    for column in (0, 4, 28, 52):
        one = organ_iou(attention, allowed, ORGAN_IOU_THRESHOLDS[column], labels)
        np.testing.assert_array_equal(one, given[:, column])


def test_hand_computed_values():
    attention = torch.tensor([[[8.0, 4.0], [2.0, -9.0]]])  # relative attention: 1, 0.5, 0.25, 0
    allowed = torch.tensor([[[True, False], [True, True]]])
    for threshold, value in ((0.0, 2 / 3), (0.25, 1 / 2), (0.3, 1 / 2), (0.5, 1), (0.99, 1)):
        assert organ_iou(attention, allowed, threshold).item() == pytest.approx(value)


def test_value_equal_to_the_threshold_is_not_above_it():
    """In float32 too, where values and thresholds must be rounded alike."""
    for dtype in (torch.float32, torch.float64):
        shares = torch.tensor(ORGAN_IOU_THRESHOLDS, dtype=dtype)
        attention = torch.cat([shares, torch.ones(1, dtype=dtype)])[None]
        above = organ_iou_curve(attention, torch.eye(54)[-1:])
        expected = [1 / (53 - column) for column in range(53)]  # 53 - column values are above threshold number `column`
        torch.testing.assert_close(above[0], torch.tensor(expected))
        each = [organ_iou(attention, torch.eye(54)[-1:], threshold) for threshold in ORGAN_IOU_THRESHOLDS]
        torch.testing.assert_close(torch.cat(each), torch.tensor(expected))


EDGES = [
    # attention, allowed, label, OrganIoU
    ([1.0, 2.0], [0, 0], None, NAN),  # empty region: absent
    ([1.0, 2.0], [0, 0], 0, NAN),
    ([1.0, 2.0], [0, 0], 1, 0),  # present with an empty region
    ([1.0, 2.0], [0, 0], NAN, NAN),
    ([1.0, 2.0], [1, 1], 0, NAN),
    ([1.0, 2.0], [1, 1], 1, 1),
    ([1.0, 2.0], [1, 1], None, 1),
    ([-1.0, 0.0], [1, 1], 1, 0),  # no positive attention
    ([-1.0, 0.0], [1, 1], None, NAN),
    ([-1.0, 0.0], [1, 1], NAN, NAN),
]


@pytest.mark.parametrize(("attention", "allowed", "label", "value"), EDGES)
def test_edge_cases(attention, allowed, label, value):
    labels = None if label is None else torch.tensor([label])
    given = organ_iou(torch.tensor([attention]), torch.tensor([allowed]), 0.2, labels)
    curve = organ_iou_curve(torch.tensor([attention]), torch.tensor([allowed]), [0.1, 0.2], labels)
    torch.testing.assert_close(given, torch.tensor([float(value)]), equal_nan=True)
    torch.testing.assert_close(curve[0, 1], given[0], equal_nan=True)


@pytest.mark.parametrize(("label", "value"), [(1, 0), (None, NAN)])
def test_no_attention_is_above_a_threshold_of_one(label, value):
    labels = None if label is None else torch.tensor([label])
    given = organ_iou(torch.tensor([[1.0, 2.0]]), torch.tensor([[1, 1]]), 1.0, labels)
    torch.testing.assert_close(given, torch.tensor([float(value)]), equal_nan=True)


def test_perfect_attention_gives_one_or_zero_with_paper_code_compat():
    attention, allowed = torch.tensor([[4.0, 3.0, 0.0], [4.0, 0.0, 3.0]]), torch.tensor([[1, 1, 0], [1, 1, 0]])
    assert organ_iou(attention, allowed, 0.1).tolist() == [1, 0.5]
    assert organ_iou(attention, allowed, 0.1, paper_code_compat=True).tolist() == [0, 0.5]
    assert organ_iou_curve(attention, allowed, [0.1, 0.9], paper_code_compat=True).tolist() == [[0, 0], [0.5, 0]]


def test_accepts_one_threshold_per_label():
    attention, allowed = random_case()
    thresholds = torch.tensor([0.1, 0.2, NAN, 0.4, NAN, 0.6])
    given = organ_iou(attention, allowed, thresholds)
    for label, threshold in enumerate(thresholds.tolist()):
        expected = NAN if threshold != threshold else organ_iou(attention, allowed, threshold)[label].item()
        assert given[label].item() == pytest.approx(expected, nan_ok=True)
    torch.testing.assert_close(organ_iou(attention, allowed, thresholds.tolist()), given, equal_nan=True)


def test_is_invariant_to_scale_flips_and_label_order():
    attention, allowed = random_case()
    expected = organ_iou_curve(attention, allowed)
    options = {"equal_nan": True, "rtol": 0, "atol": 0}
    torch.testing.assert_close(organ_iou_curve(4 * attention, allowed), expected, **options)
    torch.testing.assert_close(organ_iou_curve(attention.flip(1, 3), allowed.flip(1, 3)), expected, **options)
    torch.testing.assert_close(organ_iou_curve(attention.flip(0), allowed.flip(0)), expected.flip(0), **options)


@pytest.mark.parametrize("thresholds", [[0.5], [0.0, 1.0], [0.3, 0.3001, 0.30011, 0.9], [0.1, 0.1 + 1e-9]])
def test_curve_matches_single_thresholds(thresholds):
    """The last two cases need more bins than the lookup table may have."""
    attention, allowed = random_case()
    expected = torch.stack([organ_iou(attention, allowed, threshold) for threshold in thresholds], dim=1)
    torch.testing.assert_close(organ_iou_curve(attention, allowed, thresholds), expected, equal_nan=True)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_returns_float32(dtype):
    attention, allowed = random_case()
    assert organ_iou(attention.to(dtype), allowed, 0.3).dtype == torch.float32


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_accepts_numeric_regions_and_numpy_arrays(dtype):
    attention, allowed = random_case()
    expected = organ_iou(attention, allowed, 0.3)
    torch.testing.assert_close(organ_iou(attention, 0.5 * allowed.to(dtype), 0.3), expected, equal_nan=True)
    torch.testing.assert_close(organ_iou(attention.numpy(), allowed.numpy(), 0.3), expected, equal_nan=True)


def test_error_for_different_grids_names_resample_attention():
    attention, allowed = torch.rand(2, 5, 5, 5), torch.ones(2, 6, 6, 9)
    with pytest.raises(
        ValueError, match=r"allowed must be of the attention's 2 labels and grid \(5, 5, 5\).*resample_att"
    ):
        organ_iou(attention, allowed, 0.5)
    resampled = resample_attention(attention, (6, 6, 9))
    assert organ_iou(resampled, allowed, 0.5, relative=True).tolist() == [1, 1]


def test_resampling_divides_and_then_interpolates_between_cell_centers():
    attention = torch.tensor([[0.0, 8.0], [-4.0, 4.0]])
    expected = torch.tensor([[0.0, 0.25, 0.75, 1.0]]).expand(2, 4)
    torch.testing.assert_close(resample_attention(attention, [4]), expected)
    whole = torch.rand(2, 3, 4, 5)
    torch.testing.assert_close(resample_attention(3 * whole, (3, 4, 5)), whole / whole.amax((1, 2, 3), keepdim=True))


def test_resampling_in_two_dimensions():
    attention = torch.tensor([[[4.0, 0.0], [0.0, 0.0]]])
    assert resample_attention(attention, (1, 1)).item() == 0.25
    assert resample_attention(attention, (2, 1)).flatten().tolist() == [0.5, 0]


def test_resampled_attention_never_exceeds_one():
    """Weights of the interpolation that are rounded up would."""
    attention = torch.ones(1, 3, 3)
    assert resample_attention(attention, (7, 7)).max().item() == 1
    assert organ_iou(resample_attention(attention, (7, 7)), torch.ones(1, 7, 7), 0.5, relative=True).item() == 1


def test_attention_may_have_any_finite_values():
    attention = torch.tensor([[-3e38, 3e38, 1.5e38]])
    assert relative_attention(attention).tolist() == [[0, 1, 0.5]]


@pytest.mark.parametrize(("shape", "grid"), [((1, 4), (4, 4)), ((1, 4, 4), (4,)), ((1, 2, 2, 2, 2), (2, 2, 2, 2))])
def test_resampling_rejects_another_number_of_axes(shape, grid):
    with pytest.raises(ValueError, match=f"grid must be {len(shape) - 1} numbers of grid cells, at most 3"):
        resample_attention(torch.ones(shape), grid)


def test_keeps_double_precision():
    assert relative_attention(torch.ones(1, 2, dtype=torch.float64)).dtype == torch.float64
    assert relative_attention(torch.ones(1, 2, dtype=torch.float16)).dtype == torch.float32
    attention = torch.tensor([[0.3 + 1e-12, 1.0]], dtype=torch.float64)  # equal to 0.3 in float32
    assert organ_iou(attention, torch.tensor([[1, 0]]), 0.3, relative=True).item() == 0.5
    assert organ_iou(attention, torch.tensor([[1, 0]]), 0.3).item() == 0.5


def test_accepts_lists_of_labels_and_drops_metadata():
    attention, allowed = MetaTensor(torch.tensor([[1.0, 2.0], [1.0, 2.0]])), MetaTensor(torch.ones(2, 2))
    values = organ_iou(attention, allowed, 0.2, [1, 0])
    torch.testing.assert_close(values, torch.tensor([1, NAN]), equal_nan=True)
    assert type(values) is torch.Tensor
    assert type(organ_iou(attention / 2, allowed, 0.2, relative=True)) is torch.Tensor


def test_does_not_divide_relative_attention_again():
    assert organ_iou(torch.tensor([[0.0, 1.0]]), torch.tensor([[1, 1]]), 0.5, relative=True).item() == 1
    attention, allowed = torch.tensor([[0.2, 0.4]]), torch.tensor([[1, 0]])
    assert organ_iou(attention, allowed, 0.3).item() == 0.5
    assert organ_iou(attention, allowed, 0.3, relative=True).item() == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((torch.tensor([[NAN, 1.0]]), torch.ones(1, 2), 0.5), "attention must be finite"),
        ((torch.tensor([[torch.inf, 1.0]]), torch.ones(1, 2), 0.5), "attention must be finite"),
        ((torch.tensor([[-torch.inf, 1.0]]), torch.ones(1, 2), 0.5), "attention must be finite"),
        ((torch.ones(1, 2), torch.tensor([[NAN, 1.0]]), 0.5), "allowed must be without NaN"),
        ((torch.ones(2), torch.ones(2), 0.5), r"attention must be of shape \(M, \*grid\)"),
        ((torch.ones(1, 2), torch.ones(2, 2), 0.5), "allowed must be of the attention's 1 labels"),
        ((torch.ones(1, 2), torch.ones(1, 2), 1.5), "threshold must be between 0 and 1"),
        ((torch.ones(1, 2), torch.ones(1, 2), -0.1), "threshold must be between 0 and 1"),
        ((torch.ones(1, 2), torch.ones(1, 2), [0.1, 0.2]), "threshold must be one number, or 1 numbers, one per label"),
        ((torch.ones(1, 2), torch.ones(1, 2), 0.1, torch.tensor([2])), "labels must be 0, 1 or NaN"),
        ((torch.ones(1, 2), torch.ones(1, 2), 0.1, torch.tensor([1, 0])), r"labels must be of shape \(1,\)"),
        ((-torch.ones(1, 2), torch.ones(1, 2), 0.1, None, False, True), "between 0 and 1 if relative=True"),
        ((torch.ones(1, 2) * 2, torch.ones(1, 2), 0.1, None, False, True), "between 0 and 1 if relative=True"),
    ],
)
def test_rejects_invalid_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        organ_iou(*arguments)


@pytest.mark.parametrize(
    ("thresholds", "message"),
    [
        ([0.5, 0.5], "thresholds must be strictly ascending"),
        ([0.5, 1.5], "thresholds must be between 0 and 1"),
        ([], r"thresholds must be of shape \(T,\)"),
    ],
)
def test_rejects_invalid_thresholds(thresholds, message):
    with pytest.raises(ValueError, match=message):
        organ_iou_curve(torch.ones(1, 2), torch.ones(1, 2), thresholds)
