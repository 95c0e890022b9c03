"""Networks whose attention is their explanation, the encoders that they stand on, and weights for both."""

from monai_pylon.networks import nets, weights
from monai_pylon.networks.encoders import make_encoder
from monai_pylon.networks.explanation import Explained, Explanation
from monai_pylon.networks.optimize import optimize_for_inference

__all__ = ["Explained", "Explanation", "make_encoder", "nets", "optimize_for_inference", "weights"]
