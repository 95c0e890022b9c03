"""Operator of MONAI Deploy that marks right lung, mediastinum and left lung in a chest CT."""

import numpy as np
from monai.deploy.core import Fragment, Image, Operator, OperatorSpec

from monai_pylon.transforms import partition_organs


class ChestOrgansOperator(Operator):
    """Organ masks by PARTITION.

    Input:
        image: Image (slices, rows, columns) in HU, as ``DICOMSeriesToVolumeOperator`` emits it.

    Output:
        organs: Image of the same shape: 0 background, 1 right lung, 2 mediastinum, 3 left lung.
        quality: Dictionary of ``ok``, ``reasons`` and ``volumes_ml``.
    """

    def __init__(self, fragment: Fragment, *args, method: str = "robust", **kwargs):
        self.method = method
        super().__init__(fragment, *args, **kwargs)  # the last line, as the SDK requires

    def setup(self, spec: OperatorSpec):
        """Declare the ports."""
        spec.input("image")
        spec.output("organs")
        spec.output("quality")

    def compute(self, op_input, op_output, context):
        """Mark the organs of one scan."""
        image = op_input.receive("image")
        metadata = image.metadata()
        ct = np.ascontiguousarray(image.asnumpy().T)  # (x, y, z), the axes of the affine
        organs = partition_organs(ct, np.asarray(metadata["nifti_affine_transform"]), method=self.method)
        quality = organs.quality
        op_output.emit(Image(np.ascontiguousarray(organs.labels.T), metadata), "organs")
        op_output.emit({"ok": quality.ok, "reasons": quality.reasons, "volumes_ml": quality.volumes_ml}, "quality")
