"""Scripts of docs/researchers/organ_pooling.md: figures by hand, a tiny run, and agreement of page and file."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from monai_pylon.metrics import organ_iou
from tests.experiments.axialnet_cohort import LABELS, SEEN, SEEN_GRID
from tests.experiments.axialnet_runs import Settings
from tests.experiments.organ_regions import judging, training
from tests.experiments.organ_regions.page import PAGE, RESULTS, figures, filled, value
from tests.experiments.organ_regions.patients import ORGANS, TEST, Patients
from tests.experiments.organ_regions.summary import auroc_difference, difference, fat_by_chance, variant_summary


def test_page_agrees_with_the_file():
    found = json.loads(RESULTS.read_text(encoding="utf-8"))
    page = PAGE.read_text(encoding="utf-8")
    assert filled(page, found) == page, "python -m tests.experiments.organ_regions.page"


def test_table_has_the_interval_or_each_seed():
    own = {
        "seeds": [0, 1],
        "AUROC": {"mean": 0.6, "low": 0.5, "high": 0.7},
        "fat": {"mean": -0.2, "seeds": [0.1, -0.5]},
    }
    cohort = {"variants": {"AxialNet": own}}
    assert figures(cohort, ["AxialNet", "pooling"], {"AUROC": "AUROC", "fat": "fat", "x": "x"}).splitlines()[2:] == [
        "| AxialNet | 2 | 0.60 (0.50 … 0.70) | −0.20 (0.10, −0.50) | – |"
    ]
    assert value(own["AUROC"], signed=True) == "+0.60 (+0.50 … +0.70)"


def patients(count=3):
    """Return patients of noise with a right lung, a mediastinum and a left lung along x, and a lesion of each label."""
    generator = torch.Generator().manual_seed(0)
    organs = torch.tensor([0, 1, 2, 3]).repeat_interleave(28)[None, None, :, None, None].expand(count, 1, *SEEN)
    labels = torch.ones(count, len(LABELS))
    labels[0] = 0
    lesions = torch.zeros(count, len(LABELS), *SEEN_GRID)
    lesions[1:, :, 6, 5, 10] = 4
    locations = np.zeros((count, len(LABELS), 3), dtype=bool)
    locations[1:] = ORGANS
    images = torch.randint(0, 255, (count, 1, *SEEN), dtype=torch.uint8, generator=generator)
    return Patients(images, organs.to(torch.uint8), labels, locations, lesions, torch.arange(count).float())


@pytest.mark.parametrize(("cell", "hit"), [((5, 5, 10), 1), ((8, 5, 9), 1), ((9, 5, 10), 0), ((6, 5, 12), 0)])
def test_peak_within_one_and_a_half_cells_of_a_lesion_is_a_hit(cell, hit):
    """Block 6 has the voxels 48 to 55: cells 5 to 8 look at 40 to 64, within 12 of its center 52; cell 9 at 72."""
    attention = torch.full((3, len(LABELS), *SEEN_GRID), -1.0)
    attention[(slice(None), slice(None), *cell)] = 1
    found = judging.peaks_near_lesions(attention, patients(), 0)
    assert np.isnan(found[0]).all()
    assert (found[1:] == hit).all()


def test_peak_of_the_small_grid_is_that_of_the_same_place():
    attention = torch.full((3, len(LABELS), 6, 6, SEEN_GRID[2]), -1.0)
    attention[:, :, 2, 1, 10] = 1  # cells 6 and 5 of the large grid
    assert (judging.peaks_near_lesions(attention, patients(), 4)[1:] == 1).all()
    attention = attention.flip(2)  # cell 3 becomes the highest: cell 7 of the large grid, still near; cell 5 is not
    attention[:, :, :, :, 10] = -1
    attention[:, :, 5, 1, 10] = 1
    assert (judging.peaks_near_lesions(attention, patients(), 4)[1:] == 0).all()


def test_lost_evidence_is_split_by_where_it_lies():
    attention = torch.tensor([[[8.0, 7, 6, 5, 1], [-1, 0, -2, -1, -1]]])[..., None, None]
    allowed = torch.tensor([[[1, 0, 0, 0, 0], [1, 0, 0, 0, 0]]], dtype=torch.bool)[..., None, None]
    possible = torch.tensor([[[1, 1, 0, 0, 0]] * 2], dtype=torch.bool)[..., None, None]
    shares = torch.tensor([[[0.9, 0.2, 0.3, 0, 0]] * 2])[..., None, None]
    arguments = (torch.tensor([0.5, 0.5]), allowed, possible, shares)
    found = judging.losses_of_evidence(attention, *arguments, torch.ones(1, 2))
    assert judging.LOSSES == ("no evidence", "wrong side", "border", "outside")
    np.testing.assert_allclose(found[0], [[0, 0.25, 0.25, 0.25], [1, 0, 0, 0]])
    iou = organ_iou(attention[0], allowed[0], torch.tensor([0.5, 0.5]), torch.ones(2))
    np.testing.assert_allclose(1 - found[0].sum(-1), iou)
    absent = judging.losses_of_evidence(attention, *arguments, torch.tensor([[0.0, 1.0]]))
    assert np.isnan(absent[0, 0]).all()
    assert not np.isnan(absent[0, 1]).any()


def test_regions_of_mirrored_volumes_lie_where_the_named_lung_has_gone():
    """A right lung in the voxels 28 to 55 comes to 56 to 83: the cells 7 to 10, which look at 56 to 80."""
    people = patients()
    people.locations[1:] = [True, False, False]
    network = training.make_network(training.Variant(), Settings())
    plain, turned = (each[1, 0, :, 0, 0] for each in training.sides_of_regions(people, network, training.Variant()))
    assert plain.nonzero().flatten().tolist() == [4, 5, 6]  # 28 to 55: 32, 40, 48
    assert turned.nonzero().flatten().tolist() == [7, 8, 9, 10]


def test_cells_of_organs_count_by_share_or_as_a_whole():
    people, network = patients(), training.make_network(training.Variant(), Settings())
    shares, turned = training.organ_cells(people, network, whole=False)
    assert shares[0, 0, 0, 0, 3:8].tolist() == [0.0, 1, 1, 1, 0.5]  # cell 7 has the voxels 52 to 59
    assert turned[0, 0, 2, 0, 6:12].tolist() == [0.0, 0.5, 1, 1, 1, 0]  # the left lung, once the right, in 56 to 83
    whole, turned = training.organ_cells(people, network, whole=True)
    assert whole[0, 0, 0, 0, 3:8].tolist() == [0.0, 1, 1, 1, 0]
    assert turned[0, 0, 2, 0, 6:12].tolist() == [0.0, 1, 1, 1, 1, 0]


def arrays(shift, count=40):
    """Return the arrays of a run: scores of noise, higher by a shift with the label, and constant OrganIoU."""
    random = np.random.default_rng(0)
    labels = (np.arange(count)[:, None] % 2).repeat(len(LABELS), 1)
    table = np.full((count, len(LABELS)), 0.3 + shift / 10)
    return {"scores": random.normal(size=labels.shape) + shift * labels, "labels": labels, "OrganIoU, even": table}


def test_differences_are_paired_by_seed_and_patient():
    better, worse = [arrays(9), arrays(9)], [arrays(0), arrays(0)]
    found = difference(better, worse, "OrganIoU, even")
    assert [found[key] for key in ("mean", "low", "high")] == pytest.approx([0.9, 0.9, 0.9])
    areas = auroc_difference(better, worse)
    assert areas["low"] > 0.4
    same = auroc_difference(worse, worse)
    assert same["low"] == same["high"] == 0, "the same draws for both"


def test_correlation_by_chance_is_that_of_noise():
    labels = np.zeros((30, len(LABELS)))
    random, ranks = np.random.default_rng(0), np.arange(30)
    noise = [abs(np.corrcoef(random.permutation(30), ranks)[0, 1]) for _ in range(4000)]
    assert fat_by_chance(labels) == pytest.approx(np.mean(noise), abs=0.01)
    labels[:20, :2] = 1
    assert fat_by_chance(labels) == pytest.approx(np.sqrt(2 / np.pi / 9))


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["mask loss", "pooling, masked input, whole cells", "6 x 6, mask loss, true", "mask loss, area, dilated"]
)
def test_run_gives_every_figure(name):
    variant, people = training.VARIANTS[name], patients()
    parts = dict.fromkeys(("training", "validation", TEST), people)
    settings = Settings(epochs=1)
    torch.manual_seed(0)
    network = training.make_network(variant, settings)
    pooled = [] if network.organ_pooling is None else training.organ_cells(people, network, variant.whole_cells)
    cache = training.Cached(training.encoder_maps(people, network), pooled)
    found, tables = judging.run(variant, 0, parts, dict.fromkeys(parts, cache), settings)
    assert set(found) >= {"AUROC", "OrganIoU, even", "peak", "fat, confounded labels", "lost"}
    assert ("OrganIoU, true" in found) == variant.paper_reduction
    assert ("OrganIoU, own" in found) == ("dilated" in name)
    np.testing.assert_allclose(1 - tables["lost"].sum(-1), tables["OrganIoU, even"], atol=1e-6)
    if variant.pooling:
        assert found["lost"]["outside"] == found["lost"]["border"] == 0, "whole cells are those of the region"
    summary = variant_summary([({"seed": 0, "settings": {}} | found, tables)] * 2)
    assert summary["OrganIoU, even"]["mean"] == pytest.approx(found["OrganIoU, even"], abs=1e-6)
