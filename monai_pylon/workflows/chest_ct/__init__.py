"""Data, batches, explanations and result files of the chest CT bundles."""

from monai_pylon.workflows.chest_ct.batches import known_samples, prepare_scans
from monai_pylon.workflows.chest_ct.copy_scan import CopyScan, scans_of_cohort
from monai_pylon.workflows.chest_ct.data import (
    OrgansOfScand,
    SkipUnreadableDataset,
    attention_grid,
    chest_ct_data,
)
from monai_pylon.workflows.chest_ct.explainer import (
    ExplainScan,
    ScanMaps,
    ScanMapsInferer,
    maps_and_regions,
    maps_on_axes,
)
from monai_pylon.workflows.chest_ct.organ_writer import OrganWriter
from monai_pylon.workflows.chest_ct.regions import (
    RegionsInCache,
    RegionWriter,
    regions_of_training,
    training_command,
)
from monai_pylon.workflows.chest_ct.writer import ScanWriter, map_on_scan, slice_heights

__all__ = [
    "CopyScan",
    "ExplainScan",
    "OrganWriter",
    "OrgansOfScand",
    "RegionWriter",
    "RegionsInCache",
    "ScanMaps",
    "ScanMapsInferer",
    "ScanWriter",
    "SkipUnreadableDataset",
    "attention_grid",
    "chest_ct_data",
    "known_samples",
    "map_on_scan",
    "maps_and_regions",
    "maps_on_axes",
    "prepare_scans",
    "regions_of_training",
    "scans_of_cohort",
    "slice_heights",
    "training_command",
]
