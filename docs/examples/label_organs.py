"""Inference task of MONAI Label that proposes right lung, mediastinum and left lung in a chest CT."""

import tempfile
from pathlib import Path

import nibabel as nib
import numpy as np
from monailabel.interfaces.tasks.infer_v2 import InferTask, InferType

from monai_pylon.data import read_volume
from monai_pylon.taxonomy import ORGANS
from monai_pylon.transforms import partition_organs


class ChestOrgans(InferTask):
    """Organ masks by PARTITION; no network, no weights."""

    def __init__(self):
        labels = {organ: value for value, organ in enumerate(ORGANS, 1)}
        super().__init__(InferType.SEGMENTATION, labels, dimension=3, description="Chest organs by PARTITION")

    def is_valid(self) -> bool:
        """Whether the task can run: it needs no file."""
        return True

    def __call__(self, request):
        """Mark the organs of one scan; return the file of the mask and what the client shows beside it."""
        image = read_volume(request["image"])
        affine = np.asarray(image.affine)
        labels, quality = partition_organs(image[0].numpy(), affine)
        file = Path(tempfile.mkdtemp()) / "organs.nii.gz"
        nib.save(nib.Nifti1Image(labels, affine), file)
        return str(file), {"label_names": self.labels, "ok": quality.ok, "reasons": list(quality.reasons)}
