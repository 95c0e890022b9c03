"""Tests of the NPZ reader: axes and affine, and errors for files without a volume."""

from __future__ import annotations

import io
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
from monai.data import MetaTensor
from monai.transforms import LoadImage, LoadImaged, Orientation

from monai_pylon.data import ReadVolumed, npz_reader, phantom_chest_ct, read_volume
from monai_pylon.data.npz_reader import NpzVolumeReader
from monai_pylon.utils import axis_codes


def save(path: Path, **arrays: np.ndarray) -> Path:
    np.savez_compressed(path, **arrays)
    return path


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    """Write a volume in which each voxel is 100 * slice + 10 * row + column."""
    slices, rows, columns = np.indices((5, 4, 3))
    return save(tmp_path / "trn00001.npz", ct=(100 * slices + 10 * rows + columns).astype(np.int16))


def test_first_voxel_is_superior_anterior_right(volume: Path) -> None:
    image = read_volume(volume)
    assert image.shape == (1, 3, 4, 5)
    assert image.dtype.is_floating_point
    assert image[0, 2, 3, 4] == 432, "x are columns, y rows, z slices"
    np.testing.assert_array_equal(image.affine, np.diag([-0.8, -0.8, -0.8, 1]))
    assert axis_codes(image.affine.numpy()) == "LPI"


def test_phantom_keeps_its_orientation(tmp_path: Path) -> None:
    """Write a phantom with the axes of RAD-ChestCT and read it: the right lung is on the right."""
    phantom = phantom_chest_ct(1, shape=(40, 36, 30), spacing=(8, 8, 10))
    turned = Orientation("LPI", labels=None)(MetaTensor(phantom.organs[None], affine=phantom.affine))
    organs = np.asarray(turned)[0].transpose(2, 1, 0)  # slices, rows, columns
    image = read_volume(save(tmp_path / "a.npz", ct=organs))
    back = Orientation("RAS", labels=None)(image)[0].numpy()
    expected = Orientation("RAS", labels=None)(MetaTensor(phantom.organs[None], affine=phantom.affine))[0].numpy()
    np.testing.assert_array_equal(back, expected)
    right, left = (np.argwhere(back == organ)[:, 0].mean() for organ in (1, 3))
    assert right > left, "RAS: larger x is the patient's right"


@pytest.mark.filterwarnings("ignore:NvImgCodec")  # MONAI tries all of its readers
def test_reader_works_in_monai_loader(volume: Path) -> None:
    image = LoadImage(reader=NpzVolumeReader(), ensure_channel_first=True)(volume)
    np.testing.assert_array_equal(image, read_volume(volume))
    np.testing.assert_array_equal(image.affine, read_volume(volume).affine)
    item = LoadImaged("image", reader=NpzVolumeReader(spacing=(1, 2, 3)), ensure_channel_first=True)
    np.testing.assert_array_equal(item({"image": str(volume)})["image"].affine, np.diag([-1, -2, -3, 1]))
    assert ReadVolumed("image")({"image": volume})["image"].meta["filename_or_obj"] == str(volume)


def test_missing_array_is_an_error_that_lists_the_others(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"an array 'ct', but '.*a.npz' has 'volume', 'mask'"):
        read_volume(save(tmp_path / "a.npz", volume=np.zeros((2, 2, 2)), mask=np.zeros(1)))


class Trap:
    """Pickle that writes a file when it is opened."""

    def __reduce__(self) -> tuple:
        return (Path.touch, (Path("opened"),))


def test_pickled_objects_are_refused_and_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="holds pickled objects, which could run code"):
        read_volume(save(tmp_path / "a.npz", ct=np.array([Trap()], dtype=object)))
    (tmp_path / "b.npz").write_bytes(pickle.dumps({"ct": Trap()}))
    with pytest.raises(ValueError, match=r"a whole .npz file, but is '.*b.npz'.*a pickle is refused"):
        read_volume(tmp_path / "b.npz")
    assert not (tmp_path / "opened").exists()


@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 0.9])
def test_truncated_file_is_an_error(volume: Path, share: float) -> None:
    whole = volume.read_bytes()
    volume.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ValueError, match=r"whole .npz file, but .*trn00001.npz.*again"):
        read_volume(volume)


def test_damaged_file_is_an_error(volume: Path) -> None:
    content = bytearray(volume.read_bytes())
    for place in range(60, 120):
        content[place] ^= 0xFF
    volume.write_bytes(bytes(content))
    with pytest.raises(ValueError, match=r"trn00001.npz' cannot be read"):
        read_volume(volume)


@pytest.mark.parametrize("kind", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_an_entry_with_less_than_its_array_is_refused(kind: int, tmp_path: Path) -> None:
    head, content = io.BytesIO(), np.random.default_rng(0).bytes(1000)
    np.lib.format.write_array_header_1_0(head, {"descr": "<i2", "fortran_order": False, "shape": (8, 8, 8)})
    with zipfile.ZipFile(tmp_path / "a.npz", "w", kind) as archive:
        archive.writestr("ct.npy", head.getvalue() + content)
    with pytest.raises(ValueError, match="declares 1,024 bytes of voxels, but the file holds at most 1,000"):
        read_volume(tmp_path / "a.npz")


def test_compressed_bytes_are_compared_as_they_are_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[tuple] = []
    monkeypatch.setattr(npz_reader, "check_stored_size", lambda path, *sizes: given.append(sizes))
    for save_as in (np.savez, np.savez_compressed):
        save_as(tmp_path / "a.npz", ct=np.zeros((3, 3, 3), np.int16))
        read_volume(tmp_path / "a.npz")
    with zipfile.ZipFile(tmp_path / "a.npz") as archive:
        packed = archive.getinfo("ct.npy").compress_size
    assert given == [(54, 54, False), (54, packed, True)]


@pytest.mark.parametrize("ct", [np.zeros((4, 4)), np.zeros((1, 4, 4, 4)), np.full((2, 2, 2), "x")])
def test_arrays_that_are_no_volume_are_errors(tmp_path: Path, ct: np.ndarray) -> None:
    with pytest.raises(ValueError, match="path must be a file with a volume"):
        read_volume(save(tmp_path / "a.npz", ct=ct))


@pytest.mark.parametrize(("arguments", "error"), [({"key": 1}, TypeError), ({"spacing": 0}, ValueError)])
def test_wrong_arguments(arguments: dict, error: type[Exception]) -> None:
    with pytest.raises(error):
        NpzVolumeReader(**arguments)
