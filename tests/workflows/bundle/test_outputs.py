"""Parts of an engine's output."""

from __future__ import annotations

import torch

from monai_pylon.networks import Explanation
from monai_pylon.workflows.bundle import logits_and_labels


def test_logits_and_labels_of_every_kind_of_output() -> None:
    logits, labels = torch.rand(2, 3).half(), torch.ones(2, 3, dtype=torch.int64)
    preds = [logits, Explanation(logits, torch.rand(2, 3, 4, 4))]
    targets = [labels, (labels, None), {"label": labels, "boxes": []}]
    for pred in preds:
        for target in targets:
            found = logits_and_labels({"pred": pred, "label": target})
            torch.testing.assert_close(found[0], logits.float())
            torch.testing.assert_close(found[1], labels.float())
