"""Tests of the bundles' folders: inside the package for a wheel, beside it in a checkout."""

from __future__ import annotations

from pathlib import Path

import pytest

from monai_pylon.workflows.bundle import folders
from monai_pylon.workflows.bundle.folders import bundle_folder, bundle_names


def test_every_bundle_has_a_folder_with_configurations() -> None:
    assert len(bundle_names()) == 3
    assert all((bundle_folder(name) / "configs" / "metadata.json").is_file() for name in bundle_names())


def test_misspelt_name_is_an_error_with_the_nearest() -> None:
    with pytest.raises(ValueError, match="chest_ct_partition"):
        bundle_folder("chest_ct_partitoin")


def test_the_package_comes_before_the_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for place in ("installed", "checkout"):
        (tmp_path / place / "chest_ct_partition" / "configs").mkdir(parents=True)
        (tmp_path / place / "chest_ct_partition" / "configs" / "metadata.json").write_text("{}")
    monkeypatch.setattr(folders, "_CANDIDATES", (tmp_path / "installed", tmp_path / "checkout"))
    assert bundle_folder("chest_ct_partition") == tmp_path / "installed" / "chest_ct_partition"
    monkeypatch.setattr(folders, "_CANDIDATES", (tmp_path / "none", tmp_path / "checkout"))
    assert bundle_folder("chest_ct_partition") == tmp_path / "checkout" / "chest_ct_partition"
    monkeypatch.setattr(folders, "_CANDIDATES", (tmp_path / "none",))
    with pytest.raises(FileNotFoundError, match="Install monai_pylon again"):
        bundle_names()
