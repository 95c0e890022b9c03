"""Components for the configurations of the bundles, in one subpackage for each kind of job."""

from monai_pylon.workflows import bundle, chest_ct, cohort, radiographs

__all__ = ["bundle", "chest_ct", "cohort", "radiographs"]
