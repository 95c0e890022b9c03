"""Folders of the installed bundles."""

from __future__ import annotations

from pathlib import Path

from monai_pylon.utils import check_choice

__all__ = ["bundle_folder", "bundle_names"]

_PACKAGE = Path(__file__).resolve().parents[2]
#: A wheel installs the bundles inside the package. A checkout keeps them beside it.
_CANDIDATES = (_PACKAGE / "bundles", _PACKAGE.parent / "bundles")


def _folder_of_bundles() -> Path:
    found = next((folder for folder in _CANDIDATES if (folder / "chest_ct_partition").is_dir()), None)
    if found is None:
        raise FileNotFoundError(f"The bundles are missing: {_CANDIDATES[0]} does not exist. Install monai_pylon again.")
    return found


def bundle_names() -> list[str]:
    """List the installed bundles.

    Returns:
        The names, sorted.

    Raises:
        FileNotFoundError: If the installation holds no bundles.

    Example:
        >>> bundle_names()
        ['chest_ct_classification_axialnet', 'chest_ct_partition', 'chest_xray_classification_pylon']
    """
    folders = _folder_of_bundles().iterdir()
    return sorted(folder.name for folder in folders if (folder / "configs" / "metadata.json").is_file())


def bundle_folder(name: str) -> Path:
    """Find the folder of an installed bundle.

    The folder may be read-only. Write results to another ``bundle_root``.

    Args:
        name: Name of the bundle, such as "chest_ct_partition".

    Returns:
        The folder that holds the bundle's ``configs`` and ``docs``.

    Raises:
        ValueError: If no bundle has this name. The message names the nearest bundle.
        FileNotFoundError: If the installation holds no bundles.

    Example:
        >>> bundle_folder("chest_ct_partition").name
        'chest_ct_partition'
    """
    check_choice(name, bundle_names(), "name")
    return _folder_of_bundles() / name
