"""Scripts of docs/researchers/organ_pooling.md: figures by hand, a tiny run, and agreement of page and file."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from tests.experiments import organ_regions as regions
from tests.experiments.axialnet_cohort import LABELS, SEEN, SEEN_GRID
from tests.experiments.axialnet_runs import Settings
from tests.experiments.organ_regions_page import PAGE, RESULTS, figures, filled


def test_page_agrees_with_the_file():
    runs = json.loads(RESULTS.read_text(encoding="utf-8"))["runs"]
    page = PAGE.read_text(encoding="utf-8")
    assert filled(page, runs) == page, "python -m tests.experiments.organ_regions_page"


def test_table_has_the_mean_and_each_seed():
    runs = [{"variant": "AxialNet", "seed": seed, "AUROC": value} for seed, value in ((1, 0.5), (0, 0.7))]
    assert figures(runs, ["AxialNet", "pooling"], {"AUROC": "AUROC"}).splitlines()[2:] == [
        "| AxialNet | 2 | 0.60 (0.70, 0.50) |"
    ]


def patients(count=3):
    """Return patients of noise with a right lung, a mediastinum and a left lung along x, and a lesion of each label."""
    generator = torch.Generator().manual_seed(0)
    organs = torch.tensor([0, 1, 2, 3]).repeat_interleave(28)[None, None, :, None, None].expand(count, 1, *SEEN)
    labels = torch.ones(count, len(LABELS))
    labels[0] = 0
    lesions = torch.zeros(count, len(LABELS), *SEEN_GRID)
    lesions[1:, :, 6, 5, 10] = 4
    locations = np.zeros((count, len(LABELS), 3), dtype=bool)
    locations[1:] = regions.ORGANS
    images = torch.randint(0, 255, (count, 1, *SEEN), dtype=torch.uint8, generator=generator)
    return regions.Patients(images, organs.to(torch.uint8), labels, locations, lesions, torch.arange(count).float())


@pytest.mark.parametrize(("cell", "hit"), [((5, 5, 10), 1), ((8, 5, 9), 1), ((9, 5, 10), 0), ((6, 5, 12), 0)])
def test_peak_within_one_and_a_half_cells_of_a_lesion_is_a_hit(cell, hit):
    """Block 6 has the voxels 48 to 55: cells 5 to 8 look at 40 to 64, within 12 of its center 52; cell 9 at 72."""
    attention = torch.full((3, len(LABELS), *SEEN_GRID), -1.0)
    attention[(slice(None), slice(None), *cell)] = 1
    found = regions.peaks_near_lesions(attention, patients(), 0)
    assert np.isnan(found[0]).all()
    assert (found[1:] == hit).all()


def test_peak_of_the_small_grid_is_that_of_the_same_place():
    attention = torch.full((3, len(LABELS), 6, 6, SEEN_GRID[2]), -1.0)
    attention[:, :, 2, 1, 10] = 1  # cells 6 and 5 of the large grid
    assert (regions.peaks_near_lesions(attention, patients(), 4)[1:] == 1).all()
    attention = attention.flip(2)  # cell 3 becomes the highest: cell 7 of the large grid, still near; cell 5 is not
    attention[:, :, :, :, 10] = -1
    attention[:, :, 5, 1, 10] = 1
    assert (regions.peaks_near_lesions(attention, patients(), 4)[1:] == 0).all()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mask loss", "pooling, masked input", "6 x 6, mask loss, true"])
def test_run_gives_every_figure(name):
    variant, parts = regions.VARIANTS[name], dict.fromkeys(regions.PATIENTS, patients())
    settings = Settings(epochs=1)
    torch.manual_seed(0)
    caches = dict.fromkeys(parts, regions.cached(regions.make_network(variant, settings), patients()))
    found = regions.run(variant, 0, parts, caches, settings)
    assert set(found) >= {"AUROC", "OrganIoU, even", "peak", "fat, confounded labels"}
    assert ("OrganIoU, true" in found) == variant.paper_reduction
    if variant.pooling:
        assert found["OrganIoU, even"] > 0.5, "evidence in the organs only"
