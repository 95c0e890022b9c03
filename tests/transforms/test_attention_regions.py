"""Allowed regions: the definition, examples by hand, dilation, flips, bad input, and the transforms."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from monai.data import MetaTensor, list_data_collate
from monai.transforms import Compose, Flipd, ResizeWithPadOrCropd, Rotate90d

from monai_pylon.data import phantom_chest_ct
from monai_pylon.transforms import AllowedRegions, AllowedRegionsd, allowed_regions
from monai_pylon.transforms.attention_regions import allowed_share
from tests.references.allowed_regions import slow_allowed_regions, slow_allowed_share

MODES = ("nearest", "trilinear", "area")
EACH = np.eye(3, dtype=bool)


def masks_of(labels: np.ndarray) -> np.ndarray:
    return np.stack([labels == organ for organ in (1, 2, 3)])


@st.composite
def cases(draw):
    """Draw labels (X, Y, Z) and a grid that is not finer."""
    shape = draw(st.tuples(*[st.integers(1, 9)] * 3))
    grid = tuple(draw(st.integers(1, size)) for size in shape)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return np.where(rng.random(shape) < draw(st.floats(0.05, 0.9)), rng.integers(0, 4, shape), 0).astype(np.uint8), grid


@settings(max_examples=40, deadline=None)
@given(case=cases(), mode=st.sampled_from(MODES), overlapping=st.booleans(), seed=st.integers(0, 99))
def test_regions_and_shares_equal_the_definition(case, mode, overlapping, seed) -> None:
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


LINE = np.array([0, 1, 1, 0, 2, 0, 0, 0, 3, 3, 0, 0], dtype=np.uint8).reshape(12, 1, 1)


def test_share_by_hand() -> None:
    # On four grid cells, "area" allows every organ, "nearest" only the last cell with one voxel of the left lung.
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


def test_a_permutation_of_the_labels_permutes_the_regions() -> None:
    rng = np.random.default_rng(2)
    labels, locations, order = rng.integers(0, 4, (12, 12, 9)), rng.random((80, 3)) < 0.4, rng.permutation(80)
    plain = allowed_regions(labels, locations, (6, 6, 3))
    np.testing.assert_array_equal(allowed_regions(labels, locations[order], (6, 6, 3)), plain[order])


def test_an_organ_without_voxels_has_an_empty_region() -> None:
    labels = np.full((6, 6, 6), 1)
    assert not allowed_regions(labels, np.array([[False, True, True]]), (2, 2, 2), "area").any()


def test_dilation_grows_by_a_grid_cell_in_all_directions() -> None:
    labels = np.zeros((10, 10, 10), dtype=np.uint8)
    labels[4, 4, 4] = 2
    for times, edge in [(0, 1), (1, 3), (2, 5), (9, 5)]:
        regions = allowed_regions(labels, EACH, (5, 5, 5), dilation=times)
        assert regions[1].sum() == edge**3
        assert regions[1, 2, 2, 2]
        assert not regions[[0, 2]].any()  # the other organs stay empty


@settings(max_examples=60, deadline=None)
@given(case=cases(), mode=st.sampled_from(MODES[1:]), axis=st.integers(0, 2), dilation=st.integers(0, 1))
def test_flips_commute_with_trilinear_and_area_at_any_ratio(case, mode, axis, dilation) -> None:
    labels, grid = case
    plain = allowed_regions(labels, EACH, grid, mode, dilation)
    flipped = allowed_regions(np.flip(labels, axis), EACH, grid, mode, dilation)
    np.testing.assert_array_equal(np.flip(flipped, axis + 1), plain)


def test_flips_commute_with_nearest_only_if_each_grid_cell_has_one_value() -> None:
    cells = np.random.default_rng(3).integers(0, 4, (4, 3, 2))
    labels = cells.repeat(3, 0).repeat(2, 1).repeat(3, 2)
    for axis in range(3):
        flipped = allowed_regions(np.flip(labels, axis), EACH, (4, 3, 2))
        np.testing.assert_array_equal(np.flip(flipped, axis + 1), masks_of(cells))
    back = np.flip(allowed_regions(np.flip(LINE, 0), EACH, (4, 1, 1)), 1)
    assert back[:, :, 0, 0].astype(int).tolist() == [[1, 0, 0, 0], [0, 0, 0, 0], [0, 0, 1, 0]]  # last voxels: 1 0 3 0


@pytest.mark.parametrize("mode", MODES)
def test_exchanged_axes_exchange_the_axes_of_the_regions(mode) -> None:
    labels = np.random.default_rng(4).integers(0, 4, (14, 9, 12))
    plain = allowed_regions(labels, EACH, (5, 2, 4), mode)
    turned = allowed_regions(labels.transpose(1, 0, 2), EACH, (2, 5, 4), mode)
    np.testing.assert_array_equal(turned.transpose(0, 2, 1, 3), plain)


def test_the_result_is_a_tensor_if_an_argument_is_one() -> None:
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


def test_the_input_is_not_changed() -> None:
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
        ({"organs": np.full((6, 6, 6), 1.5)}, ValueError, "organs must be whole numbers.*nearest neighbor"),
        ({"organs": np.full((6, 6, 6), "1")}, ValueError, "organs must be numbers"),
        ({"organs": np.full((3, 6, 6, 6), 2)}, ValueError, "between 0 and 1.*hold 0 and 1"),
        ({"locations": [[1, 0, 0]]}, TypeError, "locations must be of type"),
        (
            {"locations": np.zeros((3, 80))},
            ValueError,
            r"locations must be of shape \(M, 3\).*Give one row for each label",
        ),
        ({"locations": np.zeros(3)}, ValueError, r"locations must be of shape \(M, 3\)"),
        ({"locations": np.full((80, 3), 0.5)}, ValueError, "locations must be whole numbers"),
        ({"locations": np.full((80, 3), 2)}, ValueError, "locations must be between 0 and 1 everywhere"),
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


@pytest.mark.parametrize("shape", [(80, 3, 3, 3), (2, 3, 3, 3), (3, 3, 3), (3, 3, 3, 3, 3)])
def test_allowed_share_needs_the_regions_of_the_three_organs(shape) -> None:
    with pytest.raises(ValueError, match=r"regions must be of shape \(3, x, y, groups\).*np.eye"):
        allowed_share(GOOD["organs"], np.zeros(shape))
    with pytest.raises(ValueError, match="regions must be between 0 and 1 everywhere"):
        allowed_share(GOOD["organs"], np.full((3, 3, 3, 3), 2))


@pytest.fixture(scope="module")
def phantom():
    return phantom_chest_ct(seed=3, shape=(96, 84, 90), spacing=(4.0, 4.0, 3.6), nodules=1)


def test_area_keeps_a_chest_and_nearest_loses_parts(phantom) -> None:
    share = {m: allowed_share(phantom.organs, allowed_regions(phantom.organs, EACH, (6, 6, 30), m)) for m in MODES}
    np.testing.assert_array_equal(share["area"], 1)
    assert (share["nearest"] < 0.8).all()
    assert (share["trilinear"] < 1).all()


def test_the_transforms_equal_the_function(phantom) -> None:
    image = MetaTensor(torch.from_numpy(phantom.organs)[None], affine=torch.from_numpy(phantom.affine))
    expected = allowed_regions(phantom.organs, phantom.locations, (6, 6, 30), "area", 1)
    regions = AllowedRegions(mode="area", dilation=1)(image, phantom.locations)
    np.testing.assert_array_equal(regions.numpy(), expected)
    item = AllowedRegionsd("organs", mode="area", dilation=1)({"organs": image, "locations": phantom.locations})
    np.testing.assert_array_equal(item["allowed"].numpy(), expected)
    share = allowed_share(phantom.organs, allowed_regions(phantom.organs, EACH, (6, 6, 30), "area", 1))
    np.testing.assert_array_equal(item["allowed_share"].numpy(), share)
    without_share = AllowedRegionsd("organs", share_key=None)({"organs": image, "locations": phantom.locations})
    assert set(without_share) == {"organs", "locations", "allowed"}


def test_the_affine_gives_the_positions_of_the_grid_cells() -> None:
    affine = torch.diag(torch.tensor([-2.0, -2.0, 3.0, 1.0], dtype=torch.float64))
    organs = MetaTensor(torch.ones((1, 12, 6, 9)), affine=affine)
    of_cells = AllowedRegions(grid=(6, 6, None))(organs, EACH).affine.numpy()
    np.testing.assert_allclose(of_cells[:3, :3], np.diag([-4, -2, 9]))
    np.testing.assert_allclose(of_cells[:3, 3], [-1, 0, 3])  # between voxels 0 and 1; on voxel 0; on voxel 1


@pytest.mark.parametrize("meta", [False, True])
def test_regions_can_be_cropped_and_augmented_with_the_image(phantom, meta) -> None:
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
    if meta:  # the affine of the grid cells follows the augmentation
        np.testing.assert_allclose(after["allowed"].affine.numpy(), again.affine.numpy(), atol=1e-9)
    batch = list_data_collate([{k: after[k] for k in ("allowed", "allowed_share")}] * 2)
    assert batch["allowed"].shape == (2, 80, 6, 6, 33)


def test_the_number_of_groups_comes_from_the_slices_or_the_grid() -> None:
    organs = torch.ones((1, 12, 12, 10))
    with pytest.raises(ValueError, match=r"organs must be a multiple of 3 slices.*DivisiblePadd"):
        AllowedRegions()(organs, EACH)
    assert AllowedRegions(slices_per_group=5)(organs, EACH).shape == (3, 6, 6, 2)
    assert AllowedRegions(grid=[6, 6, 4])(organs, EACH).shape == (3, 6, 6, 4)


@pytest.mark.parametrize(
    ("arguments", "kind", "words"),
    [
        ({"grid": (None, 6, 6)}, ValueError, r"grid must be \(x, y, groups\) or \(x, y, None\)"),
        ({"grid": (6, None, 6)}, ValueError, r"grid must be \(x, y, groups\) or \(x, y, None\)"),
        ({"grid": (6, 6)}, ValueError, r"grid must be \(x, y, groups\) or \(x, y, None\)"),
        ({"dilation": -1}, ValueError, "dilation must be 0 or more"),
        ({"slices_per_group": 1.5}, TypeError, "slices_per_group must be of type int"),
        ({"grid": 6}, TypeError, "grid must be of type"),
        ({"mode": "aera"}, ValueError, "Did you mean 'area'"),
        ({"slices_per_group": 0}, ValueError, "slices_per_group must be 1 or more"),
    ],
)
def test_errors_of_settings_name_the_argument(arguments, kind, words) -> None:
    with pytest.raises(kind, match=words):
        AllowedRegionsd(**arguments)


@pytest.mark.parametrize("shape", [(6, 6, 6), (1, 6, 6), (2, 6, 6, 6), (4, 6, 6, 6), (1, 1, 6, 6, 6)])
def test_the_transform_takes_labels_with_a_channel_or_three_masks(shape) -> None:
    with pytest.raises(ValueError, match=r"organs must be labels \(1, X, Y, Z\)"):
        AllowedRegions()(torch.ones(shape), EACH)
    assert AllowedRegions(slices_per_group=1)(torch.ones((3, 6, 6, 2)), EACH).shape == (3, 6, 6, 2)


def test_the_default_grid_is_axialnets_in_groups_of_three_slices() -> None:
    organs = torch.ones((1, 420, 420, 6), dtype=torch.uint8)
    assert AllowedRegions()(organs, EACH).shape == (3, 6, 6, 2)
    assert AllowedRegionsd()({"organs": organs, "locations": EACH})["allowed"].shape == (3, 6, 6, 2)
    bumped = torch.zeros((1, 420, 420, 6), dtype=torch.uint8)
    bumped[0, 1, 1, 1] = 1
    assert not AllowedRegions()(bumped, EACH).any()  # nearest, without dilation
    assert not AllowedRegionsd()({"organs": bumped, "locations": EACH})["allowed"].any()


def test_errors_of_items_name_the_key() -> None:
    with pytest.raises(ValueError, match="locations_key must be a key of the item, but is 'locations'"):
        AllowedRegionsd()({"organs": torch.ones((1, 6, 6, 6))})
    with pytest.raises(ValueError, match="keys must be one key"):
        AllowedRegionsd(["a", "b"])
    assert AllowedRegionsd(allow_missing_keys=True)({"other": 1}) == {"other": 1}
    with pytest.raises(KeyError, match="organs"):
        AllowedRegionsd()({"other": 1})


def test_regions_where_the_cells_look() -> None:
    """Right lung in voxels 0 to 9, left lung in 20 to 29; cells at 8, 13, 18 see right lung, nothing, nothing."""
    organs = np.zeros((30, 4, 4), dtype=np.uint8)
    organs[:10], organs[20:] = 1, 3
    geometry = ((8.0, 1.5, 1.5), (5.0, 4.0, 4.0))
    found = allowed_regions(organs, np.eye(3), (3, 1, 1), geometry=geometry)[:, :, 0, 0]
    assert found.tolist() == [[True, False, False], [False] * 3, [False] * 3]
    share = allowed_share(organs, found[:, :, None, None], geometry)
    np.testing.assert_allclose(share, [0.4, np.nan, 0.0])  # the cell covers the voxels 6 to 10
    item = {"organs": torch.from_numpy(organs)[None], "locations": torch.eye(3)}
    item["organs"] = MetaTensor(item["organs"], affine=torch.diag(torch.tensor([2.0, 2, 2, 1])))
    result = AllowedRegionsd(grid=(3, 1, 1), geometry=geometry)(item)
    np.testing.assert_array_equal(result["allowed"][:, :, 0, 0], found)
    np.testing.assert_allclose(result["allowed_share"], share)
    assert (result["allowed"].affine @ torch.tensor([1.0, 0, 0, 1]).double())[:3].tolist() == [26, 3, 3]
