"""What a batch is to a trainer: pairs where regions are known; images of which nothing is known do not count."""

import torch

from monai_pylon.workflows.bundle import logits_and_labels, prepare_training
from monai_pylon.workflows.bundle.batches import known_samples

LABEL = torch.tensor([[1.0, 0.0], [torch.nan, torch.nan]])


def test_a_batch_with_and_without_regions() -> None:
    batch = {"image": torch.zeros(2, 1, 4, 4, 3), "label": LABEL, "name": ["a", "b"]}
    image, target = prepare_training(batch, dtype=torch.float64)
    assert image.dtype == target.dtype == torch.float64
    image, target = prepare_training({**batch, "allowed": torch.ones(2, 2, 1, 1, 1)})
    assert isinstance(target, tuple)
    assert target[1].shape == (2, 2, 1, 1, 1)


def test_counts_images_with_a_known_label_only() -> None:
    assert known_samples(LABEL) == known_samples((LABEL, None)) == 1


def test_logits_and_labels_of_both_kinds_of_output() -> None:
    logits = torch.randn(2, 2, dtype=torch.bfloat16)
    for pred in (logits, (logits, None, None)):
        for label in (LABEL, (LABEL, None), {"label": LABEL}):
            found = logits_and_labels({"pred": pred, "label": label})
            torch.testing.assert_close(found[0], logits.float())
            torch.testing.assert_close(found[1], LABEL, equal_nan=True)
