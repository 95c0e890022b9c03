"""Gray values from stored values: windows by the formulas of DICOM, tables, depth and range."""

from __future__ import annotations

import math

import numpy as np
import pytest
from pydicom.dataset import Dataset

from monai_pylon.data.radiographs.gray import LookupTable, full_range, scale_of_depth, voi_gray

VALUES = np.linspace(-500, 3500, 48).reshape(6, 8)
NOTHING = np.zeros(VALUES.shape, bool)


def dataset(**tags: object) -> Dataset:
    data = Dataset()
    for name, value in tags.items():
        setattr(data, name, value)
    return data


def table(values: object, first: int = 0, bits: int = 8) -> Dataset:
    entries = list(values)
    return dataset(LUTDescriptor=[len(entries), first, bits], LUTData=entries)


def by_the_standard(x: float, c: float, w: float, function: str) -> float:
    """Compute one gray value by the pseudo-code of PS3.3 C.11.2.1.2 and C.11.2.1.3, with an output from 0 to 1."""
    if function == "SIGMOID":
        return 1 / (1 + math.exp(-4 * (x - c) / w))
    if function == "LINEAR_EXACT":
        return 0 if x <= c - w / 2 else 1 if x > c + w / 2 else (x - c) / w + 0.5
    if x <= c - 0.5 - (w - 1) / 2:
        return 0
    return 1 if x > c - 0.5 + (w - 1) / 2 else (x - (c - 0.5)) / (w - 1) + 0.5


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
@pytest.mark.parametrize(("center", "width"), [(1000, 1200), (900, 6000), (1500, 90)])
def test_window_is_that_of_the_standard(function: str, center: float, width: float) -> None:
    data = dataset(WindowCenter=center, WindowWidth=width, VOILUTFunction=function)
    expected = [[by_the_standard(x, center, width, function) for x in row] for row in VALUES]
    np.testing.assert_allclose(voi_gray(VALUES, data, NOTHING), expected, atol=1e-12)


def test_a_window_wider_than_the_values_is_not_stretched() -> None:
    gray = voi_gray(VALUES, dataset(WindowCenter=0, WindowWidth=16000), NOTHING)
    assert 0.45 < gray.min() < gray.max() < 0.75


@pytest.mark.parametrize(
    ("tags", "reason"),
    [
        ({"WindowCenter": 1000, "WindowWidth": 0}, "WindowWidth must be above 1"),
        ({"WindowCenter": 1000, "WindowWidth": 1}, "WindowWidth must be above 1"),
        ({"WindowCenter": 1000, "WindowWidth": 0, "VOILUTFunction": "SIGMOID"}, "WindowWidth must be above 1"),
        ({"WindowCenter": 1000, "WindowWidth": -50}, "WindowWidth must be above 1"),
        ({"WindowCenter": 90000, "WindowWidth": 100}, "shows none of the values"),
        ({"WindowCenter": -90000, "WindowWidth": 100}, "shows none of the values"),
        ({"WindowCenter": 0, "WindowWidth": 9_000_000}, "shows none of the values"),
        ({"WindowCenter": 1000, "WindowWidth": 500, "VOILUTFunction": "BENT"}, "VOILUTFunction must be LINEAR"),
        ({"VOILUTSequence": [table([7] * 40)]}, "shows none of the values"),
        ({"VOILUTSequence": [Dataset()]}, "LUTDescriptor must be three numbers"),
    ],
)
def test_unusable_windows_leave_the_full_range_with_a_warning(
    tags: dict, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    gray = voi_gray(VALUES, dataset(**tags), NOTHING)
    np.testing.assert_allclose(gray, (VALUES + 500) / 4000, atol=1e-12)
    assert reason in caplog.text


@pytest.mark.parametrize(("center", "hot"), [(9000, 9100), (-9000, -9100)])
def test_a_window_around_a_hot_pixel_shows_nothing(center: int, hot: int, caplog: pytest.LogCaptureFixture) -> None:
    """All but one of 400 pixels lie beside the window: the picture would be black, or white."""
    values = np.linspace(0, 4000, 400).reshape(20, 20)
    values[3, 3] = hot
    gray = voi_gray(values, dataset(WindowCenter=center, WindowWidth=1000), np.zeros(values.shape, bool))
    assert 0.2 < np.median(gray) < 0.8
    assert "shows none of the values" in caplog.text


def test_the_first_usable_window_is_taken(caplog: pytest.LogCaptureFixture) -> None:
    data = dataset(WindowCenter=[90000, 1000, 0], WindowWidth=[1, 1200, 9])
    expected = voi_gray(VALUES, dataset(WindowCenter=1000, WindowWidth=1200), NOTHING)
    np.testing.assert_array_equal(voi_gray(VALUES, data, NOTHING), expected)
    assert not caplog.text


def test_a_table_goes_before_a_window_and_its_depth_is_that_in_use() -> None:
    values = np.arange(48).reshape(6, 8)
    curve = [n * n for n in range(48)]  # up to 2209: 12 bits
    for bits in (12, 16):
        data = dataset(VOILUTSequence=[table(curve, bits=bits)], WindowCenter=1, WindowWidth=2)
        np.testing.assert_allclose(voi_gray(values, data, NOTHING), values**2 / 4095)


def test_table_clips_at_its_ends_and_takes_signed_and_packed_data() -> None:
    found = LookupTable(table([3, 5, 9], first=10))
    assert found(np.array([-4, 9, 10, 11, 12, 90])).tolist() == [3, 3, 3, 5, 9, 9]
    signed = LookupTable(table([3, 5, 9], first=65534), signed=True)
    assert signed(np.array([-2, -1, 0])).tolist() == [3, 5, 9]
    words = dataset(LUTDescriptor=[2, 0, 16], LUTData=np.array([1, 300], "<u2").tobytes())
    assert LookupTable(words)(np.array([0, 1])).tolist() == [1, 300]
    for packed in (bytes([3, 5, 9]), bytes([3, 5, 9, 0])):  # an odd number of bytes is padded
        assert LookupTable(dataset(LUTDescriptor=[3, 0, 8], LUTData=packed)).table.tolist() == [3, 5, 9]
    whole = dataset(LUTDescriptor=[0, 0, 16], LUTData=list(range(65536)))  # 0 stands for 65536 entries
    assert LookupTable(whole)(np.array([65535])).tolist() == [65535]
    with pytest.raises(ValueError, match="LUTData must be 4 values, as LUTDescriptor says, but is 2"):
        LookupTable(dataset(LUTDescriptor=[4, 0, 8], LUTData=[1, 2]))
    with pytest.raises(ValueError, match="LUTData must be 1 values, as LUTDescriptor says, but is 0"):
        LookupTable(dataset(LUTDescriptor=[1, 0, 8]))


@pytest.mark.parametrize(
    ("largest", "bits", "scale"),
    [(15, 4, 15), (255, 8, 255), (16384, 16, 65535), (16383, 16, 16383), (65535, 16, 65535), (300, 8, 511)],
)
def test_a_table_has_its_stated_depth_unless_it_uses_a_quarter(largest: int, bits: int, scale: int) -> None:
    assert LookupTable(table([0, largest, 1], bits=bits)).scale == scale


def test_depth_is_the_smallest_that_holds_the_value() -> None:
    pairs = {0: 255, 255: 255, 256: 511, 1023: 1023, 1024: 2047, 16383: 16383, 65535: 65535}
    assert {value: scale_of_depth(value) for value in pairs} == pairs


def test_range_leaves_out_values_far_beyond_the_others() -> None:
    values = np.arange(100, 300.0)
    assert full_range(values) == (100, 299)
    assert full_range(np.append(values, [65535] * 300)) == (100, 299), "a border larger than the image"
    assert full_range(np.append(values, [-2000] * 30)) == (100, 299)
    assert full_range(np.append(values, [65000, 65100, 65535])) == (100, 299), "a marker with soft edges"
    assert full_range(np.append(values, [-2000, 65535])) == (100, 299), "one at each end"
    assert full_range(np.append(values, [400])) == (100, 400), "nearer than the values are wide"
    assert full_range(np.append(np.repeat(values, 100), [65535])) == (100, 299), "more values than are sampled"
    assert full_range(np.array([0, 1, 4095])) == (0, 4095), "a drawing of few values"
    assert full_range(np.array([7, 7])) == (7, 7)


def test_padding_does_not_change_the_range_and_constant_images_are_black() -> None:
    values = np.tile(np.arange(40.0), (2, 1))
    values[1] = 65535
    padded = values == 65535
    gray = voi_gray(values, None, padded)
    np.testing.assert_allclose(gray[0], np.arange(40) / 39)
    assert voi_gray(np.full((2, 2), 9), None, np.zeros((2, 2), bool)).max() == 0
    assert voi_gray(np.full((2, 2), 9), None, np.ones((2, 2), bool)).max() == 0, "padding only"


def test_constant_images_are_as_bright_as_their_window_says() -> None:
    data = dataset(WindowCenter=10, WindowWidth=20, VOILUTFunction="LINEAR_EXACT")
    assert voi_gray(np.full((2, 2), 15), data, np.zeros((2, 2), bool)).tolist() == [[0.75, 0.75]] * 2
    padded = np.array([[False, True]])
    assert voi_gray(np.array([[9, 9.5]]), None, padded).tolist() == [[0, 0.5]]


def test_padding_does_not_make_a_window_usable() -> None:
    """The window shows the padding only."""
    values, padded = np.concatenate([np.zeros(50), np.arange(100, 150)])[None], np.arange(100)[None] < 50
    found = voi_gray(values, dataset(WindowCenter=0, WindowWidth=10), padded)
    np.testing.assert_array_equal(found, voi_gray(values, None, padded))
    assert np.ptp(found[~padded]) == 1


def test_a_window_may_show_a_hundredth_of_the_values() -> None:
    for clipped, first in ((99, 0.5), (100, 0.0)):
        values = np.full((1, clipped + 1), 100.0)
        values[0, 0] = 0
        assert voi_gray(values, dataset(WindowCenter=0.5, WindowWidth=11), np.zeros(values.shape, bool))[0, 0] == first


def test_a_table_is_unsigned_unless_a_value_is_negative() -> None:
    data = dataset(VOILUTSequence=[table([0, 128, 255], first=40000)])
    found = voi_gray(np.array([[0, 40001, 40002]]), data, np.zeros((1, 3), bool))
    np.testing.assert_allclose(found, [[0, 128 / 255, 1]])


@pytest.mark.parametrize(
    ("values", "high"),
    [
        ([*range(128), 256], 127),  # 129 of 256 steps are empty
        ([*range(129), 256], 256),  # half of them
        ([*range(16), 256], 15),
        ([*range(15), 256], 256),  # a drawing has fewer than 16 values
        ([*range(16), *range(300, 330)], 329),  # the side with more different values counts
    ],
)
def test_limits_of_a_range_without_markers(values: list[int], high: int) -> None:
    assert full_range(np.array(values))[1] == high


@pytest.mark.parametrize(("width", "darkest"), [(64.0, 0.5 - 1 / 128), (64.5, 0.0)])
def test_a_window_shows_something_from_one_64th_of_its_width_on(width: float, darkest: float) -> None:
    data = dataset(WindowCenter=0.5, WindowWidth=width, VOILUTFunction="LINEAR_EXACT")
    assert voi_gray(np.array([[0.0, 1.0]]), data, np.zeros((1, 2), bool)).min() == darkest


@pytest.mark.parametrize(
    ("function", "width", "lightest"), [("SIGMOID", 1.0, 1 / (1 + math.exp(-2))), ("LINEAR", 1.5, 1.0)]
)
def test_narrow_windows(function: str, width: float, lightest: float) -> None:
    data = dataset(WindowCenter=0.5, WindowWidth=width, VOILUTFunction=function)
    assert voi_gray(np.array([[0.0, 1.0]]), data, np.zeros((1, 2), bool))[0, 1] == pytest.approx(lightest)


@pytest.mark.parametrize(
    ("first", "signed", "found"), [(32767, True, 32767), (32768, True, -32768), (40000, False, 40000)]
)
def test_the_first_value_of_a_table_may_be_negative(first: int, signed: bool, found: int) -> None:
    assert LookupTable(table([1, 2], first=first), signed).first == found
