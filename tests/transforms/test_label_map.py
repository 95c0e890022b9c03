"""Organs from other programs' label maps: names, filled mediastinum, quality, and errors."""

from __future__ import annotations

import nibabel
import numpy as np
import pytest
import torch
from monai.data import MetaTensor

from monai_pylon.data import phantom_chest_ct
from monai_pylon.taxonomy.structures import organ_of_structure, structure_names
from monai_pylon.transforms import OrgansFromLabelMap, OrgansFromLabelMapd, organs_from_label_map

RAS = np.diag([2.0, 2.0, 2.0, 1.0])


@pytest.mark.parametrize(
    ("names", "values", "organs"),
    [
        (
            "totalsegmentator",
            [0, 10, 11, 12, 13, 14, 15, 16, 51, 52, 53, 62, 5, 40, 117],
            [0, 3, 3, 1, 1, 1, *[2] * 6, 0, 0, 0],
        ),
        ("totalsegmentator_v1", [0, 13, 14, 15, 16, 17, 7, 42, 43, 44, 49, 5, 104], [0, 3, 3, 1, 1, 1, *[2] * 5, 0, 0]),
        ("lungmask", [0, 1, 2], [0, 1, 3]),
        ("lungmask_lobes", [0, 1, 2, 3, 4, 5], [0, 3, 3, 1, 1, 1]),
        ({300: "lung_left", 7: "Right Lung", 9: "heart", 8: "background"}, [0, 300, 7, 9, 8], [0, 3, 1, 2, 0]),
        ({"1": "lung_left", "2": "lung_right"}, [0, 1, 2], [0, 3, 1]),  # as in JSON
    ],
)
def test_organs_by_name(names, values, organs) -> None:
    for dtype in (np.uint16, np.int32, np.int64, np.float32):
        label_map = np.array(values, dtype=dtype).reshape(-1, 1, 1)
        before = label_map.copy()
        found = organs_from_label_map(label_map, names)
        assert found.dtype == np.uint8
        assert found.ravel().tolist() == organs
        np.testing.assert_array_equal(label_map, before)


def test_label_values_reach_from_0_to_65535() -> None:
    names = {65535: "lung_left", 1: "lung_right"}
    assert organs_from_label_map(np.array([[[0, 1, 65535]]]), names).ravel().tolist() == [0, 1, 3]
    for value in (65536, -1):
        with pytest.raises(ValueError, match="names must be a mapping of label values from 0 to 65535"):
            organs_from_label_map(np.array([[[0, 1]]]), {value: "lung_left", 1: "lung_right"})
        with pytest.raises(ValueError, match="label_map must be between 0 and 65535"):
            organs_from_label_map(np.array([[[0, value]]]), names)
    assert organs_from_label_map(np.array([[[0]]]), {0: "lung_left", 1: "lung_right", 3: "lung_left"}).item() == 3
    assert organs_from_label_map(np.array([[[0, 1]]]), {0: "lung_left", 1: "lung_right"}).ravel().tolist() == [3, 1]


def test_the_first_five_values_without_a_name_are_listed() -> None:
    with pytest.raises(ValueError, match=r"such as \[11, 12, 13, 14, 15\]\. Name them"):
        organs_from_label_map(np.arange(10, 20).reshape(1, 1, -1), {10: "lung_left", 20: "lung_right"})


def test_every_value_of_every_program_has_its_organ() -> None:
    order = ("", "right lung", "mediastinum", "left lung")
    for program in ("totalsegmentator", "totalsegmentator_v1", "lungmask", "lungmask_lobes"):
        names = structure_names(program)
        found = organs_from_label_map(np.array(list(names)).reshape(1, 1, -1), program).ravel()
        assert [order[value] for value in found] == [organ_of_structure(name) for name in names.values()]


def chest() -> np.ndarray:
    """Draw a label map (X, Y, Z) in RAS at 2 mm: left lung at low x, a small heart between the lungs, a vertebra."""
    label_map = np.zeros((60, 40, 50), dtype=np.uint8)
    label_map[5:22, 6:34, 5:45] = 10
    label_map[38:55, 6:34, 5:45] = 14
    label_map[26:34, 18:30, 10:25] = 51
    label_map[25:35, 7:14, 3:48] = 36
    return label_map


def test_filling_adds_the_unlabeled_voxels_between_the_lungs() -> None:
    label_map = chest()
    named = organs_from_label_map(label_map)
    filled = organs_from_label_map(label_map, affine=RAS, fill_mediastinum=True)
    added = (filled == 2) & (named != 2)
    np.testing.assert_array_equal(filled[named > 0], named[named > 0])
    assert added[30, 16, 15]  # between the lungs
    assert np.flatnonzero(added[:, 20, 40]).tolist() == list(range(22, 38))  # over the heart, from lung to lung
    assert np.flatnonzero(filled[30, 20] == 2).tolist() == list(range(5, 45))  # on the slices of the lungs
    assert not added[label_map > 0].any()  # no voxel of another label
    assert not added[:5].any()
    assert not added[55:].any()


def test_a_map_of_lungs_has_a_mediastinum_only_if_it_is_filled() -> None:
    lungs = np.where(chest() == 10, 2, np.where(chest() == 14, 1, 0))
    assert not (organs_from_label_map(lungs, "lungmask") == 2).any()
    assert (organs_from_label_map(lungs, "lungmask", RAS, fill_mediastinum=True) == 2)[24:36, 20, 20].all()


def test_the_image_excludes_the_spine() -> None:
    lungs = np.where(chest() == 10, 2, np.where(chest() == 14, 1, 0))
    ct = np.where(chest() == 36, 400, 40).astype(np.float32)
    without = organs_from_label_map(lungs, "lungmask", RAS, fill_mediastinum=True) == 2
    with_image = organs_from_label_map(lungs, "lungmask", RAS, fill_mediastinum=True, ct=ct) == 2
    spine = chest() == 36
    assert without[spine].any()
    assert not with_image[spine].any()
    assert with_image[30, 20, 20]


def test_what_lies_to_the_left_of_a_vertebra_is_mediastinum() -> None:
    """The spine has a body, an arch and a canal. The aorta may lie to the left of the body."""
    lungs = np.where(chest() == 10, 2, np.where(chest() == 14, 1, 0))
    x, y = np.ogrid[:60, :40]
    spine = ((np.hypot(x - 30, y - 14) < 5) | (np.hypot(x - 30, y - 6.5) < 5)) & (np.hypot(x - 30, y - 6.5) > 2.5)
    ct = np.repeat(np.where(spine, 500.0, 40.0)[:, :, None], 50, axis=2)
    filled = organs_from_label_map(lungs, "lungmask", 2 * RAS - np.diag([0, 0, 0, 1]), True, ct)[:, :, 20] == 2
    assert filled[22:24, 12].all()
    assert not filled[26:34, :17].any()  # the body, and what is behind it
    assert not filled[22:38, :9].any()


@pytest.mark.parametrize("finer", [(3, 2, 1), (1, 2, 3)])
@pytest.mark.parametrize("image", [False, True])
def test_finer_voxels_are_filled_alike(finer: tuple[int, int, int], image: bool) -> None:
    def split(volume: np.ndarray) -> np.ndarray:
        return volume.repeat(finer[0], 0).repeat(finer[1], 1).repeat(finer[2], 2)

    ct = np.where(chest() == 36, 400.0, 40.0)
    coarse = organs_from_label_map(chest(), "totalsegmentator", np.diag([2.1] * 3 + [1]), True, ct if image else None)
    affine = np.diag([*(2.1 / np.array(finer)), 1])
    fine = organs_from_label_map(split(chest()), "totalsegmentator", affine, True, split(ct) if image else None)
    np.testing.assert_array_equal(fine, split(coarse))


@pytest.mark.parametrize("spacing", [(2.0, 2.0, 2.0), (1.0, 1.0, 3.0), (0.7, 0.7, 0.7)])
def test_filling_works_for_any_orientation_and_spacing(spacing) -> None:
    label_map = chest()
    affine = np.diag([*spacing, 1.0])
    plain = organs_from_label_map(label_map, affine=affine, fill_mediastinum=True)
    assert (plain == 2)[24:36, 20, 30].all()
    # Blocks begin at the first voxel. With these sizes and shapes a flip does not move them.
    turned = affine.copy()
    turned[:, [0, 1, 2]] = affine[:, [2, 0, 1]]
    again = organs_from_label_map(label_map.transpose(2, 0, 1), affine=turned, fill_mediastinum=True)
    np.testing.assert_array_equal(again.transpose(1, 2, 0), plain)
    flip = np.eye(4)
    flip[0, 0], flip[0, 3] = -1, len(label_map) - 1
    flipped = organs_from_label_map(label_map[::-1], affine=affine @ flip, fill_mediastinum=True)[::-1]
    np.testing.assert_array_equal(flipped == 2, plain == 2)


def test_the_organs_of_a_phantom_are_recovered() -> None:
    phantom = phantom_chest_ct(seed=2, shape=(60, 52, 56), spacing=(6.0, 6.0, 6.0))
    own = {1: "right lung", 2: "mediastinum", 3: "left lung"}
    np.testing.assert_array_equal(organs_from_label_map(phantom.organs, own), phantom.organs)
    lungs = np.where(phantom.organs == 2, 0, phantom.organs)
    filled = organs_from_label_map(lungs, own, phantom.affine, True, phantom.image)
    assert (filled == 2)[phantom.organs == 2].mean() > 0.8


def judged(label_map: np.ndarray, affine: np.ndarray = RAS, **options):
    image = MetaTensor(torch.from_numpy(label_map)[None], affine=torch.from_numpy(affine))
    return OrgansFromLabelMap(**options)(image)


def test_the_transform_judges_the_masks() -> None:
    large = np.diag([6.0, 6.0, 6.0, 1.0])  # so that the lungs have liters
    organs = judged(chest(), large)
    np.testing.assert_array_equal(organs[0].numpy(), organs_from_label_map(chest()))
    np.testing.assert_array_equal(organs.affine.numpy(), large)
    quality = organs.meta["quality"]
    assert quality["ok"], quality["reasons"]
    assert quality["volumes_ml"]["left lung"] == pytest.approx(17 * 28 * 40 * 0.216)
    lungs = np.where(chest() == 10, 2, np.where(chest() == 14, 1, 0))
    assert judged(lungs, large, names="lungmask").meta["quality"]["reasons"] == "no_mediastinum"
    assert judged(lungs, large, names="lungmask", fill_mediastinum=True).meta["quality"]["ok"]
    assert judged(np.zeros_like(lungs), large, names="lungmask").meta["quality"]["reasons"] == "no_mediastinum; no_lung"
    mirrored = np.diag([-6.0, 6.0, 6.0, 1.0])
    assert judged(chest(), mirrored).meta["quality"]["reasons"] == "sides_swapped"
    assert "lungs_small" in judged(chest(), large, min_lung_ml=50_000.0).meta["quality"]["reasons"]


def test_the_lungs_have_at_least_512_ml_by_default() -> None:
    edge = (512_500 / np.isin(chest(), (10, 14)).sum()) ** (1 / 3)  # 512.5 mL
    affine = np.diag([edge, edge, edge, 1.0])
    assert judged(chest(), affine).meta["quality"]["ok"]
    image = MetaTensor(torch.from_numpy(chest())[None], affine=torch.from_numpy(affine))
    assert OrgansFromLabelMapd()({"label_map": image})["quality"]["ok"]
    assert not OrgansFromLabelMapd(min_lung_ml=513.0)({"label_map": image})["quality"]["ok"]


def test_a_missing_lung_is_not_swapped() -> None:
    for lung, reason in ((10, "right_lung_small"), (14, "left_lung_small")):
        label_map = np.where(np.isin(chest(), (lung, 51)), chest(), 0)
        assert judged(label_map, np.diag([-6.0, 6.0, 6.0, 1.0])).meta["quality"]["reasons"] == reason


def test_lungs_at_the_same_position_are_not_swapped() -> None:
    label_map = np.zeros((60, 40, 50), dtype=np.uint8)
    label_map[5:22, 6:34, 5:25], label_map[5:22, 6:34, 25:45], label_map[30, 30, 30] = 10, 14, 51
    assert judged(label_map, np.diag([6.0, 6.0, 6.0, 1.0])).meta["quality"]["ok"]


def test_the_dictionary_transform_equals_the_function() -> None:
    lungs = np.where(chest() == 10, 2, np.where(chest() == 14, 1, 0))
    ct = np.where(chest() == 36, 400, 40).astype(np.float32)
    item = {
        key: MetaTensor(torch.from_numpy(a)[None], affine=torch.from_numpy(RAS))
        for key, a in [("seg", lungs), ("ct", ct)]
    }
    done = OrgansFromLabelMapd("seg", "lungmask", fill_mediastinum=True, image_key="ct")(item)
    assert set(done) == {"seg", "ct", "organs", "quality"}
    assert done["quality"] == done["organs"].meta["quality"]
    expected = organs_from_label_map(lungs, "lungmask", RAS, True, ct)
    np.testing.assert_array_equal(done["organs"][0].numpy(), expected)
    plain = OrgansFromLabelMapd("seg", "lungmask")(item)["organs"]
    np.testing.assert_array_equal(plain[0].numpy(), organs_from_label_map(lungs, "lungmask"))
    assert OrgansFromLabelMapd("seg", "lungmask", allow_missing_keys=True)({"other": 1}) == {"other": 1}
    with pytest.raises(KeyError, match="seg"):
        OrgansFromLabelMapd("seg", "lungmask")({"other": 1})
    with pytest.raises(ValueError, match="keys must be one key"):
        OrgansFromLabelMapd(["a", "b"])


MAP = np.array([[[0, 10, 14]]])


@pytest.mark.parametrize(
    ("change", "kind", "words"),
    [
        ({"label_map": [[[1]]]}, TypeError, "label_map must be of type ndarray"),
        (
            {"label_map": np.ones((1, 2, 2, 2))},
            ValueError,
            r"label_map must be a volume \(X, Y, Z\).*Remove the channel",
        ),
        ({"label_map": np.zeros((0, 2, 2))}, ValueError, r"label_map must be a volume"),
        (
            {"label_map": MAP - 20},
            ValueError,
            "label_map must be between 0 and 65535.*Give the label map, not the image",
        ),
        ({"label_map": MAP * 1.01}, ValueError, "label_map must be whole numbers.*nearest neighbor"),
        ({"label_map": MAP * np.nan}, ValueError, "label_map must be between"),
        ({"label_map": MAP.astype(str)}, ValueError, "label_map must be numbers"),
        ({"label_map": MAP + 110}, ValueError, r"values without a name, such as \[120, 124\]"),
        ({"label_map": MAP, "names": "lungmask"}, ValueError, r"\[10, 14\].*Name them"),
        ({"label_map": MAP % 4 + 1, "names": "lungmask"}, ValueError, r"\[3\].*Name them"),
        ({"names": "total"}, ValueError, "names must be one of 'totalsegmentator'"),
        ({"names": ["a"]}, TypeError, "names must be of type str or Mapping"),
        ({"names": {10: "lung_left", 14: "lung_rigth"}}, ValueError, "Did you mean 'lung_right'"),
        ({"names": {10: "lung_left", 14: "lung"}}, ValueError, 'Use "background"'),
        ({"names": {10: "lung_left", 14: "heart"}}, ValueError, "names must be names that include both lungs"),
        ({"names": {10: "lung_right", 14: "heart"}}, ValueError, "include both lungs"),
        ({"names": {}}, ValueError, "include both lungs"),
        ({"names": {10: "lung_left", 1.5: "lung_right"}}, ValueError, "names must be a mapping of label values"),
        ({"names": {10: "lung_left", -1: "lung_right"}}, ValueError, "names must be a mapping of label values"),
        ({"names": {10: "lung_left", "right": "lung_right"}}, ValueError, "names must be a mapping of label values"),
        ({"names": {10: "lung_left", 14: 3}}, TypeError, "name must be of type str"),
        ({"fill_mediastinum": True}, TypeError, "affine must be of type"),
        (
            {"fill_mediastinum": True, "affine": RAS, "ct": np.zeros((2, 2, 2))},
            ValueError,
            r"ct must be of the label map's shape",
        ),
    ],
)
def test_errors_name_argument_and_remedy(change, kind, words) -> None:
    with pytest.raises(kind, match=words):
        organs_from_label_map(**{"label_map": MAP, **change})


def test_errors_of_the_transform_name_the_argument() -> None:
    with pytest.raises(ValueError, match="names must be one of"):
        OrgansFromLabelMap("total")
    with pytest.raises(TypeError, match=r"label_map must be of type MetaTensor.*the affine determines left and right"):
        OrgansFromLabelMap()(torch.zeros((1, 4, 4, 4)))
    for shape in ((4, 4, 4), (1, 4, 4), (2, 4, 4, 4)):
        with pytest.raises(ValueError, match=r"label_map must be of shape \(1, X, Y, Z\)"):
            OrgansFromLabelMap()(MetaTensor(torch.zeros(shape)))
    with pytest.raises(ValueError, match="min_lung_ml must be positive"):
        OrgansFromLabelMap(min_lung_ml=0)
    assert OrgansFromLabelMap(min_lung_ml=0.5).min_lung_ml == 0.5


@pytest.mark.real
@pytest.mark.parametrize("name", ["LUNG1-001", "LUNG1-002"])
def test_a_real_map_of_organs(public_data, name) -> None:
    folder = public_data / "chest_ct" / "nsclc_radiomics"
    organs = nibabel.load(folder / f"{name}_organs.nii.gz")
    ct = np.asarray(nibabel.load(folder / f"{name}_ct.nii.gz").dataobj)
    names = {1: "lung_left", 2: "lung_right", 3: "heart", 4: "esophagus", 5: "spinal_cord", 6: "background"}
    label_map = np.asarray(organs.dataobj)
    found = organs_from_label_map(label_map, names, organs.affine, fill_mediastinum=True, ct=ct)
    np.testing.assert_array_equal(found == 1, label_map == 2)
    np.testing.assert_array_equal(found == 3, label_map == 1)
    assert (found == 2)[np.isin(label_map, (3, 4))].all()
    litres = np.count_nonzero(found == 2) * abs(np.linalg.det(organs.affine[:3, :3])) / 1e6
    assert 0.8 < litres < 4
    image = MetaTensor(torch.from_numpy(label_map)[None], affine=torch.from_numpy(organs.affine))
    assert "sides_swapped" not in OrgansFromLabelMap(names)(image).meta["quality"]["reasons"]
