"""Label tables from the output of other programs: CheXbert, CT-RATE, RadGraph, and language models."""

from monai_pylon.labeler.other_labelers.classes import chexbert_labels, ct_rate_labels
from monai_pylon.labeler.other_labelers.language_model import language_model_labels
from monai_pylon.labeler.other_labelers.radgraph import radgraph_labels

__all__ = ["chexbert_labels", "ct_rate_labels", "language_model_labels", "radgraph_labels"]
