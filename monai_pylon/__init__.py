"""Explanations of chest X-rays and chest CT that can be trusted: PYLON, HiResCAM, AxialNet, PARTITION and OrganIoU.

The map of the house, bottom up:

- ``utils``: checks with one style of error, affine geometry.
- ``taxonomy``: the abnormality labels and the organs in which they may lie.
- ``networks``: networks whose attention is their explanation, encoders, weights.
- ``losses``: what evidence from a forbidden place costs.
- ``transforms``: organ masks out of a chest CT (PARTITION) and the regions that they allow.
- ``labeler``: labels and their places out of radiology reports.
- ``data``: phantoms, and data lists of the public data sets.
- ``metrics``: localization by points and boxes, AUROC, and bootstrap intervals.
- ``handlers``: those metrics in ignite engines.
- ``visualize``: slices in radiological display, organs painted over them.
- ``reports``: what a person opens: pictures, NIfTI files, tables.
- ``workflows``: what a bundle's JSON cannot say.

Importing the package imports every room, so that MONAI's configuration parser finds the classes by their short names.
"""

from monai_pylon import (
    data,
    handlers,
    labeler,
    losses,
    metrics,
    networks,
    reports,
    taxonomy,
    transforms,
    utils,
    visualize,
    workflows,
)
from monai_pylon.utils.version import __version__

__all__ = [
    "__version__",
    "data",
    "handlers",
    "labeler",
    "losses",
    "metrics",
    "networks",
    "reports",
    "taxonomy",
    "transforms",
    "utils",
    "visualize",
    "workflows",
]
