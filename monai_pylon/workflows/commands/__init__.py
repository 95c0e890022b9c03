"""Commands of the command line, one file each. They run the bundles."""

from monai_pylon.workflows.commands.bundle import bundle
from monai_pylon.workflows.commands.compare import compare
from monai_pylon.workflows.commands.ct import ct
from monai_pylon.workflows.commands.labels import labels
from monai_pylon.workflows.commands.lung_boxes import compare_boxes
from monai_pylon.workflows.commands.organs import organs
from monai_pylon.workflows.commands.xray import xray

__all__ = ["bundle", "compare", "compare_boxes", "ct", "labels", "organs", "xray"]
