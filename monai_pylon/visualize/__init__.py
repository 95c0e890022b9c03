"""Slices in radiological display and radiographs, what is painted over them, and class activation maps."""

from monai_pylon.visualize.audit import ExplanationAudit, audit_explanation
from monai_pylon.visualize.class_activation import grad_cam, hires_cam
from monai_pylon.visualize.heatmap import Peak, heatmap_on_image, heatmap_peak, paint_heatmap
from monai_pylon.visualize.overlay import DisplaySlice, paint_labels, radiological_slice, square_pixels, window_to_gray
from monai_pylon.visualize.perturbation import PerturbationCurve, perturbation_curve
from monai_pylon.visualize.sanity import (
    RandomizationCurve,
    label_randomization,
    parameter_randomization,
    rank_correlation,
)
from monai_pylon.visualize.visualizers import (
    ActivationMapInferer,
    HiResCAM,
    LabelMaps,
    LayerGradCAM,
    explain_by_methods,
)

__all__ = [
    "ActivationMapInferer",
    "DisplaySlice",
    "ExplanationAudit",
    "HiResCAM",
    "LabelMaps",
    "LayerGradCAM",
    "Peak",
    "PerturbationCurve",
    "RandomizationCurve",
    "audit_explanation",
    "explain_by_methods",
    "grad_cam",
    "heatmap_on_image",
    "heatmap_peak",
    "hires_cam",
    "label_randomization",
    "paint_heatmap",
    "paint_labels",
    "parameter_randomization",
    "perturbation_curve",
    "radiological_slice",
    "rank_correlation",
    "square_pixels",
    "window_to_gray",
]
