"""Explanations of chest radiographs and chest CT: PYLON, HiResCAM, AxialNet, PARTITION and OrganIoU for MONAI.

The subpackages, from the bottom up; each imports only from those that docs/contributing.md allows:

- ``utils``: argument checks, geometry, resizing, files.
- ``taxonomy``: label lists, organs, and the mappings between them.
- ``networks``: encoders, classifiers with an explanation, checkpoints.
- ``losses``: the mask loss, and losses for partly known labels.
- ``transforms``: organ masks of a chest CT (PARTITION), allowed regions, image and box transforms.
- ``labeler``: labels and their locations from radiology reports.
- ``data``: readers, data lists of public datasets, phantoms.
- ``metrics``: AUROC, localization, OrganIoU, bootstrap intervals.
- ``handlers``: metrics, checkpoints and history for ignite engines.
- ``visualize``: class activation maps, their audit and sanity checks.
- ``reports``: figures, NIfTI files and HTML pages.
- ``workflows``: components that the configurations of the bundles name.

Importing the package imports every subpackage, so that MONAI's configuration parser finds the classes by short name.
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
