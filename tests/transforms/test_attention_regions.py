"""Allowed regions: the definitions, torch's own downsampling, hand-made volumes, flips, bad input, the transforms."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from monai.data import MetaTensor, list_data_collate
from monai.transforms import Compose, Flipd, ResizeWithPadOrCropd, Rotate90d
from torch.nn.functional import interpolate

from monai_pylon.data import phantom_chest_ct
from monai_pylon.transforms import AllowedRegions, AllowedRegionsd, allowed_regions, allowed_share
from tests.references.allowed_regions import slow_allowed_regions, slow_allowed_share

MODES = ("nearest", "trilinear", "area")
EACH = np.eye(3, dtype=bool)


def masks_of(labels: np.ndarray) -> np.ndarray:
    return np.stack([labels == organ for organ in (1, 2, 3)])


@st.composite
def cases(draw):
    """Labels (X, Y, Z) and a grid no finer than they are."""
    shape = draw(st.tuples(*[st.integers(1, 9)] * 3))
    grid = tuple(draw(st.integers(1, size)) for size in shape)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return np.where(rng.random(shape) < draw(st.floats(0.05, 0.9)), rng.integers(0, 4, shape), 0).astype(np.uint8), grid


@settings(max_examples=80, deadline=None)
@given(case=cases(), mode=st.sampled_from(MODES), overlapping=st.booleans(), seed=st.integers(0, 99))
def test_equals_the_definition(case, mode, overlapping, seed) -> None:
    labels, grid = case
    rng = np.random.default_rng(seed)
    organs = rng.random((3, *labels.shape)) < 0.2 if overlapping else labels
    masks = organs if overlapping else masks_of(labels)
    locations = rng.random((5, 3)) < 0.5
    regions = allowed_regions(organs, locations, grid, mode)
    assert regions.dtype == bool
    np.testing.assert_array_equal(regions, slow_allowed_regions(masks, locations, grid, mode))
    each = allowed_regions(organs, EACH, grid, mode)
    np.testing.assert_allclose(allowed_share(organs, each), slow_allowed_share(masks, each), rtol=1e-12)


@settings(max_examples=150, deadline=None)
@given(
    sizes=st.tuples(st.integers(1, 80), st.integers(1, 50), st.integers(1, 40)),
    shares=st.tuples(st.floats(0.01, 1), st.floats(0.01, 1), st.floats(0.01, 1)),
    seed=st.integers(0, 999),
)
def test_equals_torchs_downsampling_of_the_masks(sizes, shares, seed) -> None:
    grid = tuple(max(1, round(size * share)) for size, share in zip(sizes, shares, strict=True))
    masks = np.random.default_rng(seed).random((3, *sizes)) < 0.02
    for mode in MODES:
        # Nearest in single precision, as the authors; weights in double: rounding then leaves less of a zero.
        volume = torch.from_numpy(masks[None].astype(np.float32 if mode == "nearest" else np.float64))
        authors = interpolate(volume, grid, mode=mode)[0]
        np.testing.assert_array_equal(allowed_regions(masks, EACH, grid, mode), authors.numpy() > 1e-12)


def test_on_the_papers_grid_nearest_is_torchs() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, (420, 420, 405), dtype=np.uint8)
    authors = interpolate(torch.from_numpy(labels)[None, None], (6, 6, 135), mode="nearest")[0, 0].numpy()
    np.testing.assert_array_equal(allowed_regions(labels, EACH, (6, 6, 135)), masks_of(authors))


LINE = np.array([0, 1, 1, 0, 2, 0, 0, 0, 3, 3, 0, 0], dtype=np.uint8).reshape(12, 1, 1)


@pytest.mark.parametrize(
    ("mode", "right", "middle", "left"),
    [
        # cells of three voxels: 0 1 1 | 0 2 0 | 0 0 3 | 3 0 0
        ("nearest", "0000", "0000", "0001"),  # first voxels: 0 0 0 3
        ("trilinear", "1000", "0100", "0000"),  # centres: 1 2 0 0
        ("area", "1000", "0100", "0011"),
    ],
)
def test_by_hand_at_an_odd_ratio(mode, right, middle, left) -> None:
    regions = allowed_regions(LINE, EACH, (4, 1, 1), mode)
    assert ["".join(str(int(cell)) for cell in row.ravel()) for row in regions] == [right, middle, left]


@pytest.mark.parametrize(
    ("mode", "right", "middle", "left"),
    [
        # cells of 2.4 voxels; first voxels 0 2 4 7 9: 0 1 2 0 3
        ("nearest", "01000", "00100", "00001"),
        # centres at 0.7, 3.1, 5.5, 7.9, 10.3: voxels 01 | 34 | 56 | 78 | 10 11
        ("trilinear", "10000", "01000", "00010"),
        # 0 to 2.4, to 4.8, to 7.2, to 9.6, to 12: voxels 012 | 234 | 4567 | 789 | 9 10 11
        ("area", "11000", "01100", "00011"),
    ],
)
def test_by_hand_at_a_broken_ratio(mode, right, middle, left) -> None:
    regions = allowed_regions(LINE, EACH, (5, 1, 1), mode)
    assert ["".join(str(int(cell)) for cell in row.ravel()) for row in regions] == [right, middle, left]


def test_share_by_hand() -> None:
    # area on four cells allows all of every organ; nearest only the last cell, with one of the left lung's two voxels
    np.testing.assert_array_equal(allowed_share(LINE, allowed_regions(LINE, EACH, (4, 1, 1), "area")), [1, 1, 1])
    np.testing.assert_array_equal(allowed_share(LINE, allowed_regions(LINE, EACH, (4, 1, 1))), [0, 0, 0.5])
    no_left = np.where(LINE == 3, 0, LINE)
    np.testing.assert_array_equal(allowed_share(no_left, np.ones((3, 4, 1, 1))), [1, 1, np.nan])


def test_a_label_is_allowed_in_the_union_of_its_organs() -> None:
    labels = np.random.default_rng(1).integers(0, 4, (12, 12, 9))
    organ = allowed_regions(labels, EACH, (6, 6, 3))
    every = np.array([[i >> 2 & 1, i >> 1 & 1, i & 1] for i in range(8)], dtype=bool)
    for row, region in zip(every, allowed_regions(labels, every, (6, 6, 3)), strict=True):
        np.testing.assert_array_equal(region, organ[row].any(axis=0))
    assert not allowed_regions(labels, every, (6, 6, 3))[0].any()  # absent
    assert allowed_regions(labels, np.zeros((0, 3)), (6, 6, 3)).shape == (0, 6, 6, 3)


def test_labels_permute() -> None:
    rng = np.random.default_rng(2)
    labels, locations, order = rng.integers(0, 4, (12, 12, 9)), rng.random((80, 3)) < 0.4, rng.permutation(80)
    plain = allowed_regions(labels, locations, (6, 6, 3))
    np.testing.assert_array_equal(allowed_regions(labels, locations[order], (6, 6, 3)), plain[order])


def test_an_organ_that_the_masks_lack_allows_nothing() -> None:
    labels = np.full((6, 6, 6), 1)
    assert not allowed_regions(labels, np.array([[False, True, True]]), (2, 2, 2), "area").any()


def test_dilation_grows_by_a_cell_in_all_directions() -> None:
    labels = np.zeros((10, 10, 10), dtype=np.uint8)
    labels[4, 4, 4] = 2
    for times, edge in [(0, 1), (1, 3), (2, 5), (9, 5)]:
        regions = allowed_regions(labels, EACH, (5, 5, 5), dilation=times)
        assert regions[1].sum() == edge**3
        assert regions[1, 2, 2, 2]
        assert not regions[[0, 2]].any()  # no organ grows into another


@settings(max_examples=60, deadline=None)
@given(case=cases(), mode=st.sampled_from(MODES[1:]), axis=st.integers(0, 2), dilation=st.integers(0, 1))
def test_flips_commute_with_trilinear_and_area_at_any_ratio(case, mode, axis, dilation) -> None:
    labels, grid = case
    plain = allowed_regions(labels, EACH, grid, mode, dilation)
    flipped = allowed_regions(np.flip(labels, axis), EACH, grid, mode, dilation)
    np.testing.assert_array_equal(np.flip(flipped, axis + 1), plain)


def test_flips_commute_with_nearest_only_where_a_cell_holds_one_value() -> None:
    cells = np.random.default_rng(3).integers(0, 4, (4, 3, 2))
    labels = cells.repeat(3, 0).repeat(2, 1).repeat(3, 2)
    for axis in range(3):
        flipped = allowed_regions(np.flip(labels, axis), EACH, (4, 3, 2))
        np.testing.assert_array_equal(np.flip(flipped, axis + 1), masks_of(cells))
    back = np.flip(allowed_regions(np.flip(LINE, 0), EACH, (4, 1, 1)), 1)
    assert back[:, :, 0, 0].astype(int).tolist() == [[1, 0, 0, 0], [0, 0, 0, 0], [0, 0, 1, 0]]  # last voxels: 1 0 3 0


@pytest.mark.parametrize("mode", MODES)
def test_axes_may_be_exchanged(mode) -> None:
    labels = np.random.default_rng(4).integers(0, 4, (14, 9, 12))
    plain = allowed_regions(labels, EACH, (5, 2, 4), mode)
    turned = allowed_regions(labels.transpose(1, 0, 2), EACH, (2, 5, 4), mode)
    np.testing.assert_array_equal(turned.transpose(0, 2, 1, 3), plain)


def test_types_in_and_out() -> None:
    labels = np.random.default_rng(5).integers(0, 4, (6, 6, 6))
    plain = allowed_regions(labels, EACH, (3, 3, 3))
    assert isinstance(plain, np.ndarray)
    for organs, locations in [
        (torch.from_numpy(labels), EACH),
        (labels, torch.from_numpy(EACH)),
        (torch.from_numpy(labels).float(), torch.eye(3)),
        (MetaTensor(torch.from_numpy(labels)), EACH.astype(int)),
        (torch.from_numpy(masks_of(labels)), EACH),
    ]:
        regions = allowed_regions(organs, locations, (3, 3, 3))
        assert type(regions) is torch.Tensor
        assert regions.dtype == torch.bool
        np.testing.assert_array_equal(regions.numpy(), plain)
    assert isinstance(allowed_share(torch.from_numpy(labels), torch.from_numpy(plain)), torch.Tensor)


def test_the_input_is_left_alone() -> None:
    labels = np.random.default_rng(6).integers(0, 4, (6, 6, 6), dtype=np.uint8)
    before, locations = labels.copy(), EACH.copy()
    allowed_share(labels, allowed_regions(labels, locations, (3, 3, 3), dilation=1))
    np.testing.assert_array_equal(labels, before)
    np.testing.assert_array_equal(locations, EACH)


GOOD = {"organs": np.ones((6, 6, 6), dtype=np.uint8), "locations": EACH, "grid": (3, 3, 3)}


@pytest.mark.parametrize(
    ("change", "kind", "words"),
    [
        ({"organs": [[[1]]]}, TypeError, "organs must be of type ndarray or Tensor"),
        ({"organs": np.ones((6, 6))}, ValueError, r"organs must be labels \(X, Y, Z\).*Remove the channel"),
        ({"organs": np.ones((1, 6, 6, 6))}, ValueError, "Remove the channel"),
        ({"organs": np.ones((0, 6, 6))}, ValueError, "not empty"),
        ({"organs": np.full((6, 6, 6), 4)}, ValueError, "organs must be between 0 and 3 everywhere, but is '4 to 4'"),
        ({"organs": np.full((6, 6, 6), -1)}, ValueError, "between 0 and 3"),
        ({"organs": np.full((6, 6, 6), np.nan)}, ValueError, "between 0 and 3"),
        ({"organs": np.full((6, 6, 6), 1.5)}, ValueError, "organs must be whole numbers.*nearest neighbour"),
        ({"organs": np.full((6, 6, 6), "1")}, ValueError, "organs must be numbers"),
        ({"organs": np.full((3, 6, 6, 6), 2)}, ValueError, "between 0 and 1.*hold 0 and 1"),
        ({"locations": [[1, 0, 0]]}, TypeError, "locations must be of type"),
        ({"locations": np.zeros((3, 80))}, ValueError, r"locations must be of shape \(M, 3\).*Give one row for each label"),
        ({"locations": np.full((80, 3), 0.5)}, ValueError, "locations must be whole numbers"),
        ({"grid": 6}, TypeError, "grid must be of type tuple or list"),
        ({"grid": (3, 3)}, ValueError, "grid must be three whole numbers"),
        ({"grid": (3, 3, 7)}, ValueError, r"from 1 to the volume's \(6, 6, 6\), but is \(3, 3, 7\)"),
        ({"grid": (3, 0, 3)}, ValueError, "grid must be three whole numbers"),
        ({"grid": (3, 3, 3.0)}, ValueError, "grid must be three whole numbers"),
        ({"mode": "neares"}, ValueError, "Did you mean 'nearest'"),
        ({"dilation": -1}, ValueError, "dilation must be 0 or more"),
        ({"dilation": True}, TypeError, "dilation must be of type int"),
    ],
)
def test_errors_name_argument_and_remedy(change, kind, words) -> None:
    with pytest.raises(kind, match=words):
        allowed_regions(**{**GOOD, **change})


def test_share_wants_the_three_organs_regions() -> None:
    with pytest.raises(ValueError, match=r"regions must be of shape \(3, x, y, groups\).*np.eye"):
        allowed_share(GOOD["organs"], np.zeros((80, 3, 3, 3)))


@pytest.fixture(scope="module")
def phantom():
    return phantom_chest_ct(seed=3, shape=(96, 84, 90), spacing=(4.0, 4.0, 3.6), nodules=1)


def test_the_modes_keep_more_and_more_of_a_chest(phantom) -> None:
    share = {m: allowed_share(phantom.organs, allowed_regions(phantom.organs, EACH, (6, 6, 30), m)) for m in MODES}
    np.testing.assert_array_equal(share["area"], 1)
    assert (share["nearest"] < 0.8).all()
    assert (share["trilinear"] < 1).all()


def test_the_transforms_agree_with_the_function(phantom) -> None:
    image = MetaTensor(torch.from_numpy(phantom.organs)[None], affine=torch.from_numpy(phantom.affine))
    expected = allowed_regions(phantom.organs, phantom.locations, (6, 6, 30), "area", 1)
    regions = AllowedRegions(mode="area", dilation=1)(image, phantom.locations)
    np.testing.assert_array_equal(regions.numpy(), expected)
    item = AllowedRegionsd("organs", mode="area", dilation=1)({"organs": image, "locations": phantom.locations})
    np.testing.assert_array_equal(item["allowed"].numpy(), expected)
    share = allowed_share(phantom.organs, allowed_regions(phantom.organs, EACH, (6, 6, 30), "area", 1))
    np.testing.assert_array_equal(item["allowed_share"].numpy(), share)
    bare = AllowedRegionsd("organs", share_key=None)({"organs": image, "locations": phantom.locations})
    assert set(bare) == {"organs", "locations", "allowed"}


def test_the_cells_lie_where_their_affine_says() -> None:
    affine = torch.diag(torch.tensor([-2.0, -2.0, 3.0, 1.0], dtype=torch.float64))
    organs = MetaTensor(torch.ones((1, 12, 6, 9)), affine=affine)
    cells = AllowedRegions(grid=(6, 6, None))(organs, EACH).affine.numpy()
    np.testing.assert_allclose(cells[:3, :3], np.diag([-4, -2, 9]))
    np.testing.assert_allclose(cells[:3, 3], [-1, 0, 3])  # between voxels 0 and 1; on voxel 0; on voxel 1


@pytest.mark.parametrize("meta", [False, True])
def test_crops_and_augmentations_go_with_the_image(phantom, meta) -> None:
    volumes = {"image": torch.from_numpy(phantom.image)[None], "organs": torch.from_numpy(phantom.organs)[None]}
    if meta:
        affine = torch.from_numpy(phantom.affine)
        volumes = {key: MetaTensor(volume, affine=affine) for key, volume in volumes.items()}
    item = {**volumes, "locations": phantom.locations}
    both, every = ["image", "organs"], ["image", "organs", "allowed"]
    fit = ResizeWithPadOrCropd(both, (84, 84, 99))
    turns = [Flipd(every, spatial_axis=2), Rotate90d(every, k=1)]
    after = Compose([fit, AllowedRegionsd("organs", mode="area"), *turns])(item)
    assert after["allowed"].shape == (80, 6, 6, 33)
    again = AllowedRegions(mode="area")(after["organs"], after["locations"])
    np.testing.assert_array_equal(after["allowed"].numpy(), again.numpy())
    if meta:  # the affine of the cells is turned with them
        np.testing.assert_allclose(after["allowed"].affine.numpy(), again.affine.numpy(), atol=1e-9)
    batch = list_data_collate([{k: after[k] for k in ("allowed", "allowed_share")}] * 2)
    assert batch["allowed"].shape == (2, 80, 6, 6, 33)


def test_the_number_of_groups_follows_the_slices_or_is_given() -> None:
    organs = torch.ones((1, 12, 12, 10))
    with pytest.raises(ValueError, match=r"organs must be a multiple of 3 slices.*DivisiblePadd"):
        AllowedRegions()(organs, EACH)
    assert AllowedRegions(slices_per_group=5)(organs, EACH).shape == (3, 6, 6, 2)
    assert AllowedRegions(grid=[6, 6, 4])(organs, EACH).shape == (3, 6, 6, 4)


@pytest.mark.parametrize(
    ("arguments", "kind", "words"),
    [
        ({"grid": (None, 6, 6)}, ValueError, r"grid must be \(x, y, groups\) or \(x, y, None\)"),
        ({"grid": 6}, TypeError, "grid must be of type"),
        ({"mode": "aera"}, ValueError, "Did you mean 'area'"),
        ({"slices_per_group": 0}, ValueError, "slices_per_group must be 1 or more"),
    ],
)
def test_bad_settings_are_named_when_the_transform_is_made(arguments, kind, words) -> None:
    with pytest.raises(kind, match=words):
        AllowedRegionsd(**arguments)


def test_bad_items_are_named() -> None:
    with pytest.raises(ValueError, match=r"organs must be labels \(1, X, Y, Z\)"):
        AllowedRegions()(torch.ones((6, 6, 6)), EACH)
    with pytest.raises(ValueError, match="locations_key must be a key of the item, but is 'locations'"):
        AllowedRegionsd()({"organs": torch.ones((1, 6, 6, 6))})
    with pytest.raises(ValueError, match="keys must be one key"):
        AllowedRegionsd(["a", "b"])
    assert AllowedRegionsd(allow_missing_keys=True)({"other": 1}) == {"other": 1}
