"""Class activation maps of any network, the audit of their guarantees, where their cells look, and sanity checks."""

from monai_pylon.visualize.audit import ExplanationAudit, audit_explanation
from monai_pylon.visualize.cell_positions import MapGeometry, map_geometry, map_on_image
from monai_pylon.visualize.class_activation import grad_cam, hires_cam
from monai_pylon.visualize.equivariance import layer_output, shift_equivariance
from monai_pylon.visualize.inferer import ActivationMapInferer
from monai_pylon.visualize.perturbation import perturbation_curve
from monai_pylon.visualize.sanity import label_randomization, parameter_randomization
from monai_pylon.visualize.trainable_maps import HiResCAMNetwork
from monai_pylon.visualize.visualizers import HiResCAM, LayerGradCAM

__all__ = [
    "ActivationMapInferer",
    "ExplanationAudit",
    "HiResCAM",
    "HiResCAMNetwork",
    "LayerGradCAM",
    "MapGeometry",
    "audit_explanation",
    "grad_cam",
    "hires_cam",
    "label_randomization",
    "layer_output",
    "map_geometry",
    "map_on_image",
    "parameter_randomization",
    "perturbation_curve",
    "shift_equivariance",
]
