"""Networks that explain their own logits, their encoders and their weights."""

from monai_pylon.networks import nets, weights
from monai_pylon.networks.checkpoints import load_checkpoint
from monai_pylon.networks.encoders import make_encoder
from monai_pylon.networks.explanation import Explained, Explanation
from monai_pylon.networks.optimize import optimize_for_inference

__all__ = [
    "Explained",
    "Explanation",
    "load_checkpoint",
    "make_encoder",
    "nets",
    "optimize_for_inference",
    "weights",
]
