"""Phantoms of the demo: a chest CT and a radiograph with known findings, as files.

The checkpoints were not trained on either patient. Both were chosen among several held-out patients, because their
findings are easy to see.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from monai_pylon.data import phantom_chest_ct, phantom_radiograph
from monai_pylon.data.phantoms.chest_ct import ChestCTPhantom
from monai_pylon.data.phantoms.radiograph import ChestRadiographPhantom
from monai_pylon.reports.nifti import save_label_nifti, save_volume_nifti
from monai_pylon.utils.files import atomic_write

__all__ = ["CT_FINDINGS", "demo_ct", "demo_radiograph", "write_phantom_ct", "write_phantom_radiograph"]

#: Label of each finding of the CT phantom that the demo's checkpoint knows.
CT_FINDINGS = {
    "consolidation": "consolidation",
    "ild": "interstitial lung disease",
    "mass": "lung mass",
    "effusion": "pleural effusion",
    "pneumothorax": "pneumothorax",
}
#: Patients, none of whom the checkpoints were trained on.
_CT_SEED, _RADIOGRAPH_SEED = 1_000_000, 1_000_009


def demo_ct() -> ChestCTPhantom:
    """Render the CT of the demo: a pneumothorax on the right and an effusion on the left.

    Returns:
        The phantom; image (180, 160, 160) in HU, with voxels of 2 mm.

    Example:
        >>> demo_ct().image.shape  # doctest: +SKIP
        (180, 160, 160)
    """
    return phantom_chest_ct(_CT_SEED, pneumothorax="right", effusion="left", severity=0.6)


def demo_radiograph() -> ChestRadiographPhantom:
    """Render the radiograph of the demo: a large heart, a mass in the left lung and a pneumothorax on the right.

    Returns:
        The phantom; image (1, 512, 512) between 0 and 1.

    Example:
        >>> demo_radiograph().image.shape
        (1, 512, 512)
    """
    return phantom_radiograph(_RADIOGRAPH_SEED, 512, findings=["Cardiomegaly", "Mass", "Pneumothorax"])


def write_phantom_ct(folder: Path, phantom: ChestCTPhantom | None = None) -> Path:
    """Write the CT of the demo as NIfTI, with its true organs beside it.

    Args:
        folder: Folder to write to.
        phantom: The phantom; None renders it.

    Returns:
        The scan's file, ``phantom_ct.nii.gz``. The organs are ``truth/phantom_ct_organs.nii.gz``.

    Example:
        >>> write_phantom_ct(Path("results")).name  # doctest: +SKIP
        'phantom_ct.nii.gz'
    """
    phantom = demo_ct() if phantom is None else phantom
    scan = folder / "phantom_ct.nii.gz"
    save_volume_nifti(scan, np.rint(phantom.image), phantom.affine)
    save_label_nifti(folder / "truth" / "phantom_ct_organs.nii.gz", phantom.organs, phantom.affine)
    return scan


def write_phantom_radiograph(folder: Path, phantom: ChestRadiographPhantom | None = None) -> Path:
    """Write the radiograph of the demo as PNG.

    Args:
        folder: Folder to write to.
        phantom: The phantom; None renders it.

    Returns:
        The radiograph's file, ``phantom_radiograph.png``.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_phantom_radiograph(Path(folder)).name
        'phantom_radiograph.png'
    """
    phantom = demo_radiograph() if phantom is None else phantom
    file = folder / "phantom_radiograph.png"
    with atomic_write(file) as part:
        Image.fromarray(np.rint(phantom.image[0] * 255).astype(np.uint8)).save(part, format="PNG")
    return file
