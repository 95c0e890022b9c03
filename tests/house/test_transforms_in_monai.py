"""Every dictionary transform in MONAI's machinery: caches, loaders, collation, inverse, pickle, no metadata.

`CASES` has one row for each transform. A new transform needs a row; `test_every_transform_has_a_case` says so.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import nibabel
import numpy as np
import pytest
import torch
from monai.data import (
    CacheDataset,
    DataLoader,
    Dataset,
    MetaTensor,
    PersistentDataset,
    SmartCacheDataset,
    decollate_batch,
    list_data_collate,
    set_track_meta,
)
from monai.transforms import Compose, InvertibleTransform, Randomizable, Transform

from monai_pylon import transforms as own
from monai_pylon.data import ReadRadiographd, ReadVolumed
from monai_pylon.transforms.disk_cache import CacheToDiskd
from monai_pylon.transforms.extent_crop import CropToExtentd
from tests.house.test_transforms import DICTIONARY
from tests.transforms.drawn_chest import box_chest

AFFINE = torch.diag(torch.tensor([4.0, 4.0, 4.0, 1.0], dtype=torch.float64))


class Case(NamedTuple):
    """A transform, and two items for it that give different results."""

    make: Callable[[Path], Transform]
    items: Callable[[Path], list[dict[str, Any]]]


def _volume(values: np.ndarray) -> MetaTensor:
    return MetaTensor(torch.from_numpy(np.ascontiguousarray(values))[None].float(), affine=AFFINE)


def _chests(folder: Path) -> list[dict[str, Any]]:
    """A chest whose masks are good, and one without lungs: one verdict has reasons, the other has none."""
    chest = box_chest()
    return [{"image": _volume(chest)}, {"image": _volume(np.where(chest == -850, 40.0, chest))}]


def _label_maps(folder: Path) -> list[dict[str, Any]]:
    lungs = np.zeros((24, 20, 20))
    lungs[2:10, 2:18, 2:18], lungs[14:22, 2:18, 2:18] = 2, 1
    affine = np.diag([8.0, 8.0, 8.0, 1.0])
    return [{"label_map": MetaTensor(torch.from_numpy(each)[None], affine=affine)} for each in (lungs, 0 * lungs)]


def _organs(folder: Path) -> list[dict[str, Any]]:
    organs = torch.zeros(1, 12, 12, 9)
    organs[:, :4], organs[:, 4:8] = 1, 2
    items = [organs, organs.flip(1)]
    return [{"organs": MetaTensor(each, affine=AFFINE), "locations": np.eye(3, dtype=bool)} for each in items]


def _radiographs(folder: Path) -> list[dict[str, Any]]:
    random = np.random.default_rng(0)
    images = [MetaTensor(torch.from_numpy(random.random((1, 40, 50))).float()) for _ in range(2)]
    boxes = [np.array([box], np.float32) for box in ([5, 6, 30, 20, 1], [10, 12, 40, 30, 2])]
    return [{"image": image, "boxes": box} for image, box in zip(images, boxes, strict=True)]


def _paths(folder: Path) -> list[dict[str, Any]]:
    for k in range(2):
        image = nibabel.Nifti1Image(np.full((8, 8, 8), 100.0 * k, dtype=np.float32), AFFINE.numpy())
        nibabel.save(image, folder / f"{k}.nii.gz")
    return [{"image": str(folder / f"{k}.nii.gz")} for k in range(2)]


def _pictures(folder: Path) -> list[dict[str, Any]]:
    from PIL import Image

    for k in range(2):
        Image.fromarray(np.full((8, 9), 50 + 100 * k, dtype=np.uint8)).save(folder / f"{k}.png")
    return [{"image": str(folder / f"{k}.png")} for k in range(2)]


def _double(item: Mapping[str, Any]) -> dict[str, Any]:
    return {"twice": 2 * item["image"].as_tensor()}


CASES = {
    "AllowedRegionsd": Case(lambda folder: own.AllowedRegionsd(grid=(3, 3, None)), _organs),
    "CacheToDiskd": Case(lambda folder: CacheToDiskd("twice", "image", _double, folder / "cache"), _radiographs),
    "CheckVolumed": Case(lambda folder: own.CheckVolumed("image"), _chests),
    "CropToExtentd": Case(lambda folder: CropToExtentd("image", (60, 60, 60)), _chests),
    "FollowBoxesd": Case(lambda folder: own.FollowBoxesd(), _radiographs),
    "OrgansFromLabelMapd": Case(lambda folder: own.OrgansFromLabelMapd("label_map", "lungmask", True), _label_maps),
    "PartitionOrgansd": Case(lambda folder: own.PartitionOrgansd(), _chests),
    "RandBrightnessContrastd": Case(lambda folder: own.RandBrightnessContrastd("image", prob=1.0), _radiographs),
    "RandResizedCropd": Case(lambda folder: own.RandResizedCropd("image", 32), _radiographs),
    "ReadRadiographd": Case(lambda folder: ReadRadiographd("image"), _pictures),
    "ReadVolumed": Case(lambda folder: ReadVolumed("image"), _paths),
}


def test_every_transform_has_a_case() -> None:
    assert set(DICTIONARY) | {"CacheToDiskd", "ReadRadiographd", "ReadVolumed"} == set(CASES)


def plain(value: Any) -> Any:
    """Return a value with arrays and tensors as nested lists, to compare it; NaN becomes a text."""
    if isinstance(value, Mapping):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, torch.Tensor | np.ndarray | np.generic):
        return plain(np.asarray(value.detach().cpu() if isinstance(value, torch.Tensor) else value).tolist())
    if isinstance(value, list):
        return [plain(each) for each in value]
    return "nan" if isinstance(value, float) and value != value else value


def leaves(value: Any) -> Iterator[Any]:
    """Yield the values of nested dictionaries."""
    for each in value.values() if isinstance(value, Mapping) else ():
        yield from leaves(each)
    if not isinstance(value, Mapping):
        yield value


@pytest.fixture(params=sorted(CASES))
def prepared(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Transform, list[dict[str, Any]], list[Any]]:
    """Return a transform, its items, and the results of calling it in a plain loop."""
    case = CASES[request.param]
    transform, items = case.make(tmp_path), case.items(tmp_path)
    expected = [plain(seeded(transform)(item)) for item in items]
    assert expected[0] != expected[1]
    return transform, items, expected


def seeded(transform: Transform) -> Transform:
    return transform.set_random_state(7) if isinstance(transform, Randomizable) else transform


def test_results_are_tensors_numbers_or_texts(prepared) -> None:
    transform, items, _ = prepared
    for value in leaves(transform(items[0])):
        assert isinstance(value, torch.Tensor | np.ndarray | str | int | float), type(value)


def test_caches_return_what_the_transform_returns(prepared, tmp_path: Path) -> None:
    transform, items, expected = prepared
    if isinstance(transform, Randomizable):
        pytest.skip("random transforms are not cached")
    caches = {
        "cache": CacheDataset(items, transform, progress=False),
        "persistent": PersistentDataset(items, transform, cache_dir=tmp_path / "persistent"),
    }
    for name, cache in caches.items():
        for _ in range(2):  # written, and read
            assert [plain(cache[k]) for k in range(2)] == expected, name
    smart = SmartCacheDataset([*items, items[0]], transform, 0.5, cache_num=2, shuffle=False, progress=False)
    smart.start()
    assert [plain(smart[k]) for k in range(2)] == expected
    smart.update_cache()  # the first item leaves, the third one comes
    assert [plain(smart[k]) for k in range(2)] == expected[::-1]
    smart.shutdown()


def test_verdicts_with_and_without_reasons_are_compared(tmp_path: Path) -> None:
    """A batch of good masks alone, or of doubtful ones alone, would hide a scrambled verdict."""
    for name in ("PartitionOrgansd", "OrgansFromLabelMapd"):
        transform = CASES[name].make(tmp_path)
        results = [transform(item) for item in CASES[name].items(tmp_path)]
        assert [item["quality"]["ok"] for item in results] == [True, False], name
        batch = list_data_collate(results)
        assert batch["quality"]["ok"].tolist() == [True, False]
        assert batch["quality"]["reasons"] == ["", results[1]["quality"]["reasons"]]
        assert batch["organs"].meta["quality"]["reasons"] == batch["quality"]["reasons"]


def test_batches_fall_apart_into_the_same_items(prepared) -> None:
    transform, items, expected = prepared
    results = [seeded(transform)(item) for item in items]
    assert [plain(item) for item in decollate_batch(list_data_collate(results))] == expected


@pytest.mark.parametrize("workers", [0, 2])
def test_loaders_pass_results_on(prepared, workers: int) -> None:
    transform, items, expected = prepared
    (batch,) = DataLoader(Dataset(items, transform), batch_size=2, num_workers=workers)
    found = [plain(item) for item in decollate_batch(batch)]
    if isinstance(transform, Randomizable):  # each worker draws its own numbers
        assert [set(item) for item in found] == [set(item) for item in expected]
    else:
        assert found == expected


def test_transforms_and_results_can_be_pickled(prepared) -> None:
    transform, items, expected = prepared
    copied = pickle.loads(pickle.dumps(transform))
    results = [seeded(copied)(item) for item in items]
    assert [plain(item) for item in pickle.loads(pickle.dumps(results))] == expected


def test_results_have_no_metadata_if_monai_tracks_none(prepared) -> None:
    transform, items, expected = prepared
    set_track_meta(False)
    try:
        found = [seeded(transform)(item) for item in items]
    finally:
        set_track_meta(True)
    untouched = {key for key, value in found[0].items() if value is items[0].get(key)}
    assert not [key for key, value in found[0].items() if isinstance(value, MetaTensor) and key not in untouched]
    assert set(found[0]) - untouched
    assert [plain(item) for item in found] == expected


def test_inverse_restores_size_and_affine_after_a_loader(prepared) -> None:
    transform, items, _ = prepared
    if not isinstance(transform, InvertibleTransform):
        pytest.skip("not spatial")
    pipeline = Compose([transform])
    (batch,) = DataLoader(Dataset(items, pipeline), batch_size=2, num_workers=2)
    for item, given in zip(decollate_batch(batch), items, strict=True):
        back = pipeline.inverse(item)
        for key in transform.keys:
            assert back[key].shape == given[key].shape
            before = given[key].affine if isinstance(given[key], MetaTensor) else torch.eye(4)
            np.testing.assert_allclose(back[key].affine, before, atol=1e-9)
            assert back[key].applied_operations == []
