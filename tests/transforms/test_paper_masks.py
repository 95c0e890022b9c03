"""Masks by the paper's steps against the slow reference, bit for bit, on drawn volumes in every orientation."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from nibabel.orientations import axcodes2ornt, inv_ornt_aff
from scipy import ndimage

from monai_pylon.transforms.paper_masks import paper_organ_labels, paper_quality_reasons
from tests.references.partition_paper import authors_labels, partition_paper

AUTHORS = np.diag([-0.8, -0.8, -0.8, 1.0])
VOXEL_ML = 0.8**3 / 1000
ORIENTATIONS = [
    "".join(axes[i][s] for i, s in zip(p, signs, strict=True))
    for axes in [("RL", "AP", "SI")]
    for p in itertools.permutations(range(3))
    for signs in itertools.product((0, 1), repeat=3)
]


def volume_of(mask: np.ndarray) -> np.ndarray:
    return np.where(mask, -800, 40).astype(np.int16)


def affine_of(codes: str, shape: tuple[int, ...], spacing: float = 0.8) -> np.ndarray:
    return np.diag([spacing, spacing, spacing, 1.0]) @ inv_ornt_aff(axcodes2ornt(codes), shape)


def labels_in_authors_axes(volume: np.ndarray, min_voxels: int) -> np.ndarray:
    """Label a volume (slices, rows, columns) given in the authors' axes, in the same axes."""
    return paper_organ_labels(volume.transpose(2, 1, 0), AUTHORS, min_voxels * VOXEL_ML).transpose(2, 1, 0)


def check_same(volume: np.ndarray, min_voxels: int) -> None:
    ours, authors = labels_in_authors_axes(volume, min_voxels), authors_labels(volume, min_voxels)
    np.testing.assert_array_equal(ours, authors)


def pattern(*rows: str) -> np.ndarray:
    return np.array([[c != "." for c in row] for row in rows])


SLICES = {
    "ties for second place": pattern(
        "...........",
        ".##.##.##..",
        "..#.#...#..",
        "........#..",
        ".##........",
        "..#........",
        "...........",
    ),
    "ties for first place": pattern(
        "..........",
        ".##.##.##.",
        ".##.##.##.",
        "..........",
        ".#.#.#....",
        "..........",
    ),
    "exactly two": pattern("........", ".#...##.", ".....##.", "........"),
    "one by its corners": pattern(".........", ".#.#.##..", "..#..##..", ".#.#.....", "......#..", "........."),
    "on the border by a corner": pattern("........", ".##.....", "...#....", "....#.##", ".##..#..", ".##....."),
    "empty": pattern("....", "....", "...."),
    "full": pattern("####", "####", "####"),
    "one pixel": pattern("...", ".#.", "..."),
    "one row": pattern(".##.#."),
}


@pytest.mark.parametrize("plane", SLICES.values(), ids=SLICES.keys())
@pytest.mark.parametrize("turn", [False, True])
def test_crafted_slices(plane: np.ndarray, turn: bool) -> None:
    check_same(volume_of((plane.T if turn else plane)[None]), min_voxels=1)


def test_the_third_largest_component_is_dropped_and_ties_are_kept() -> None:
    plane = pattern("............", ".###.##..##.", ".###.##..##.", "............", "..#.........", "............")
    kept = labels_in_authors_axes(volume_of(plane[None]), 1)[0]
    assert np.isin(kept, (1, 3)).sum() == 6 + 4 + 4  # 6, and twice 4 tied for second; the single pixel is dropped


def test_slices_are_connected_by_faces_only() -> None:
    mask = np.zeros((2, 6, 6), dtype=bool)
    mask[0, 1:3, 1:3] = True
    mask[1, 3:5, 3:5] = True  # touches by an edge: two components of four voxels
    assert not labels_in_authors_axes(volume_of(mask), 5).any()
    mask[1, 2, 2:4] = True  # faces now join them
    assert np.isin(labels_in_authors_axes(volume_of(mask), 5), (1, 3)).sum() == 10
    check_same(volume_of(mask), 5)


def test_the_least_size_is_inclusive() -> None:
    mask = np.zeros((3, 6, 6), dtype=bool)
    mask[1, 1:3, 1:5] = True
    assert np.isin(labels_in_authors_axes(volume_of(mask), 8), (1, 3)).sum() == 8
    assert not labels_in_authors_axes(volume_of(mask), 9).any()


def test_512_ml_are_a_million_voxels_also_in_a_single_precision_header() -> None:
    volume = np.full((104, 104, 102), 40, dtype=np.int16)
    volume[2:102, 2:102, 1:101] = -800
    for spacing in (0.8, np.float32(0.8), np.nextafter(np.float32(0.8), np.float32(0))):
        affine = np.diag([-spacing, -spacing, -spacing, 1.0]).astype(np.float64)
        assert np.isin(paper_organ_labels(volume, affine), (1, 3)).sum() == 1_000_000
    volume[2, 2, 1] = 40
    assert not paper_organ_labels(volume, AUTHORS).any()


def test_box_and_sides_by_hand() -> None:
    # The lungs fill columns 3 to 21 of 26 from the patient's right: the box is 19 wide, a quarter is 4, an eighth 2.
    mask = np.zeros((3, 5, 26), dtype=bool)
    mask[1, 2, 3:7] = mask[1, 2, 18:22] = True
    row = labels_in_authors_axes(volume_of(mask), 1)[1, 2]
    assert "".join(map(str, row)) == "0001111" + "2" * 11 + "3333" + "0000"
    mask[1, 2, 7:15] = True  # lung across the middle changes its label at column 13 of 26
    row = labels_in_authors_axes(volume_of(mask), 1)[1, 2]
    assert "".join(map(str, row)) == "0001111" + "111111" + "33" + "222" + "3333" + "0000"


def test_odd_width_gives_the_middle_column_to_the_left() -> None:
    mask = np.zeros((1, 3, 7), dtype=bool)
    mask[0, 1, 1:6] = True
    assert labels_in_authors_axes(volume_of(mask), 1)[0, 1].tolist() == [0, 1, 1, 3, 3, 3, 0]


def test_the_threshold_is_strict_and_nan_is_not_lung() -> None:
    volume = np.full((3, 5, 5), 40.0)
    volume[1, 2, 1:4] = -300.5, -300.0, np.nan
    assert np.isin(labels_in_authors_axes(volume, 1), (1, 3)).sum() == 1


masks = hnp.arrays(bool, hnp.array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=9))


@settings(max_examples=300, deadline=None)
@given(mask=masks, min_voxels=st.integers(1, 12))
@example(mask=np.zeros((2, 3, 4), dtype=bool), min_voxels=1)
def test_small_volumes_equal_the_reference(mask: np.ndarray, min_voxels: int) -> None:
    check_same(volume_of(mask), min_voxels)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    shape=st.tuples(st.integers(3, 14), st.integers(3, 30), st.integers(3, 30)),
    smooth=st.floats(0, 2),
    share=st.floats(0.05, 0.8),
    min_voxels=st.integers(1, 200),
    codes=st.sampled_from(ORIENTATIONS),
    order=st.sampled_from("CF"),
    dtype=st.sampled_from([np.int16, np.float32, np.float64]),
)
def test_random_shapes_in_any_orientation_equal_the_reference(
    seed, shape, smooth, share, min_voxels, codes, order, dtype
) -> None:
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal(shape), smooth)
    ct = np.asarray(volume_of(noise < np.quantile(noise, share)), dtype=dtype, order=order)
    affine = affine_of(codes, shape)
    ours = paper_organ_labels(ct, affine, min_voxels * VOXEL_ML)
    assert ours.dtype == np.uint8
    np.testing.assert_array_equal(ours, partition_paper(ct, affine, min_voxels))


def chest(seed: int = 0) -> np.ndarray:
    """Draw a volume (60, 44, 30) in LPI: two unequal ellipsoid lungs and a trachea in a body."""
    x, y, z = np.ogrid[:60, :44, :30]
    ct = np.where((x - 29) ** 2 / 27**2 + (y - 22) ** 2 / 19**2 < 1, 40, -1000) + 0 * z
    for centre, radii in [((17, 22, 14), (8, 12, 12)), ((42, 21, 15), (7, 11, 11)), ((29, 14, 5), (2, 2, 6))]:
        inside = sum(((a - c) / r) ** 2 for a, c, r in zip((x, y, z), centre, radii, strict=True)) < 1
        ct[inside] = -850
    return (ct + np.random.default_rng(seed).normal(0, 20, ct.shape)).astype(np.float32)


def test_a_flip_of_array_and_affine_flips_the_mask() -> None:
    ct, affine = chest(), AUTHORS
    plain = paper_organ_labels(ct, affine, 0.5)
    assert set(np.unique(plain)) == {0, 1, 2, 3}
    for axis in range(3):
        mirror = np.eye(4)
        mirror[axis, axis], mirror[axis, 3] = -1, ct.shape[axis] - 1
        flipped = paper_organ_labels(np.flip(ct, axis), affine @ mirror, 0.5)
        np.testing.assert_array_equal(np.flip(flipped, axis), plain)


def test_the_affine_determines_the_right_side() -> None:
    ct = chest()
    as_lpi = paper_organ_labels(ct, AUTHORS, 0.5)
    as_rpi = paper_organ_labels(ct, np.diag([0.8, -0.8, -0.8, 1.0]), 0.5)
    assert as_lpi[17, 22, 14] == 1
    assert as_rpi[17, 22, 14] == 3


def test_the_input_is_not_changed() -> None:
    ct = chest()
    before = ct.copy()
    paper_organ_labels(ct, AUTHORS, 0.5)
    np.testing.assert_array_equal(ct, before)


def test_the_result_has_no_negative_strides() -> None:
    for codes in ("RAS", "LPI", "ASR"):
        labels = paper_organ_labels(chest(), affine_of(codes, (60, 44, 30)), 0.5)
        assert min(labels.strides) > 0  # torch.from_numpy refuses them


@pytest.mark.parametrize(
    ("ct", "affine", "min_lung_ml", "kind", "words"),
    [
        ([[1]], AUTHORS, 512.0, TypeError, "ct must be of type ndarray"),
        (np.zeros((3, 3)), AUTHORS, 512.0, ValueError, r"ct must be a volume \(X, Y, Z\).*Take one channel"),
        (np.zeros((3, 3, 3)), np.eye(3), 512.0, ValueError, r"affine must be of shape \(4, 4\)"),
        (np.zeros((3, 3, 3)), AUTHORS, 0, ValueError, "min_lung_ml must be positive"),
    ],
)
def test_errors_name_argument_and_remedy(ct, affine, min_lung_ml, kind, words) -> None:
    with pytest.raises(kind, match=words):
        paper_organ_labels(ct, affine, min_lung_ml)


@pytest.mark.parametrize(
    ("first", "end", "reasons"),
    [
        (130, 300, ()),
        (131, 300, ("right_lung_missing",)),
        (130, 299, ("left_lung_missing",)),
        (131, 299, ("right_lung_missing", "left_lung_missing")),
    ],
)
def test_quality_at_the_limits_of_the_authors(first: int, end: int, reasons: tuple[str, ...]) -> None:
    columns = np.zeros((420, 2, 2), dtype=np.uint8)
    columns[first, 0, 0], columns[end - 1, 1, 1] = 1, 3
    columns[:5] = 2  # the mediastinum is not a lung
    assert paper_quality_reasons(columns, AUTHORS) == reasons
    assert paper_quality_reasons(columns[::-1], np.diag([0.8, -0.8, -0.8, 1.0])) == reasons


def test_quality_scales_with_the_volume_and_reports_an_empty_mask() -> None:
    columns = np.zeros((42, 2, 2), dtype=np.uint8)
    columns[13] = columns[20] = columns[29] = 1
    assert paper_quality_reasons(columns, AUTHORS) == ()
    assert paper_quality_reasons(columns[1:], AUTHORS) == ("left_lung_missing",)
    assert paper_quality_reasons(np.zeros((4, 4, 4)), AUTHORS) == ("no_lung",)
