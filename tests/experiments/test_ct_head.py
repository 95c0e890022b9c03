"""Head on features of the chest CT encoder: its map, the places of evidence by hand, and agreement of page and file."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from torch import nn

from tests.experiments import ct_head
from tests.experiments.axialnet_cohort import LABELS


def test_page_agrees_with_the_file():
    page = ct_head.PAGE.read_text(encoding="utf-8")
    found = json.loads(ct_head.JSON.read_text(encoding="utf-8"))
    assert ct_head.filled(page, found) == page, "python -m tests.experiments.ct_head --only-page"


def test_head_is_a_mean_of_its_map_and_starts_at_the_labels_frequencies():
    features, labels = torch.rand(5, 6, 2, 3, 4), torch.tensor([[1.0, 0], [1, 0], [0, 0], [0, 1], [0, 0]])
    head = ct_head.Head(features.mean((2, 3, 4)), labels)
    logits, attention = head(features)
    assert attention.shape == (5, 2, 2, 3, 4)
    torch.testing.assert_close(torch.sigmoid(logits), torch.tensor([[0.4, 0.2]]).expand(5, 2))
    nn.init.normal_(head.layer.weight)
    logits, attention = head(features)
    torch.testing.assert_close(attention.mean((2, 3, 4)), logits)


def test_training_separates_labels_and_the_mask_loss_moves_evidence():
    torch.manual_seed(0)
    labels = torch.tensor([[0.0], [1]]).repeat(8, 1)
    features = 0.1 * torch.rand(16, 2, 2, 1, 1)
    features[1::2, 0, 0] += 1  # in the allowed cell
    features[1::2, 1, 1] += 1  # in the other cell
    allowed = torch.zeros(16, 1, 2, 1, 1, dtype=torch.bool)
    allowed[1::2, :, 0] = True
    shares = []
    for mask in (0.0, 5.0):
        head, seconds = ct_head.trained(features, labels, allowed, mask, epochs=200, seed=0)
        logits, attention = head(features)
        assert (logits[1::2].min() > logits[::2].max()).all()
        assert seconds > 0
        shares.append((attention[1::2, 0, 0] - attention[1::2, 0, 1]).mean().item())
    assert shares[1] > shares[0] + 0.1


def test_evidence_is_divided_among_organs_and_the_rest():
    attention = torch.tensor([[[3.0, 1, 2, 2, -9], [-1, -1, 0, -1, -1]]])[..., None, None]
    organs = torch.tensor([[[1, 1, 0, 0, 1], [0, 0, 1, 0, 0], [0, 0, 0, 0, 0]]], dtype=torch.bool)[..., None, None]
    found = ct_head.places(attention, organs)
    np.testing.assert_allclose(found[0, 0], [0.5, 0.25, 0, 0.25])
    assert np.isnan(found[0, 1]).all()


def test_phantom_is_read_in_hu_and_prepared_like_a_scan(tmp_path):
    image = np.zeros((128, 128, 81), dtype=np.uint8)
    image[20:100, 30:110] = 255
    np.savez(tmp_path / "0.npz", image=image, label=np.ones(8))
    scan, arrays = ct_head.phantom(tmp_path / "0.npz")
    assert (float(scan.min()), float(scan.max())) == (-1000, 800)
    assert arrays["label"].sum() == 8
    prepared = ct_head.PREPARE(scan)
    assert prepared.shape == (1, *ct_head.SIZE)
    assert float(prepared.min()) == 1, "cut to what is not air, and clipped"


class Encoder(nn.Module):
    """Pools to the cells of the chest CT encoder."""

    def forward(self, x):
        return [nn.functional.avg_pool3d(x, (32, 32, 16))]


def test_scan_is_encoded_once_with_the_organs_of_its_cells(tmp_path):
    """Cell i along x looks at voxel 32 i of the prepared scan, turned to RAS: voxel 127 - 32 i of the phantom."""
    np.savez(tmp_path / "0.npz", image=np.full((128, 128, 80), 200, dtype=np.uint8))
    scan, _ = ct_head.phantom(tmp_path / "0.npz")
    organs = np.zeros((128, 128, 80), dtype=np.uint8)
    organs[95] = 1
    found = ct_head.encoded(tmp_path / "scan.npz", scan, organs, Encoder())
    assert found.features.shape == (1, 4, 4, 5)
    assert found.organs[0, :, 0, 0].tolist() == [False, True, False, False]
    again = ct_head.encoded(tmp_path / "scan.npz", None, None, None)
    np.testing.assert_array_equal(again.features, found.features)


@pytest.mark.parametrize("count", [1, 3])
def test_figures_of_a_head(count):
    torch.manual_seed(0)
    patients = 12
    labels = (torch.arange(patients)[:, None] % 2).repeat(1, len(LABELS)).float()
    features = torch.rand(patients, 4, 2, 2, 2) + labels[:, :1, None, None, None]
    organs = torch.zeros(patients, 3, 2, 2, 2, dtype=torch.bool)
    organs[:, 0] = True
    head = ct_head.Head(features.mean((2, 3, 4)), labels)
    nn.init.constant_(head.layer.weight, 1.0)
    nn.init.constant_(head.layer.bias, 0.0)
    test = {"features": features, "labels": labels, "organs": organs, "fat": torch.arange(patients).float()}
    scan = ct_head.Scan(features[1].numpy(), organs[1].numpy())
    found = ct_head.figures(head, test, [scan] * count)
    assert found["AUROC"] == 1
    assert found["evidence, scans"]["nodule"]["right lung"] == pytest.approx(1)
    assert len(found["probability, scans"]["nodule"]) == count
    lungs, heart = 6, 2
    assert found["evidence in the organs of the label"] == pytest.approx(lungs / (lungs + heart), abs=0.02)
