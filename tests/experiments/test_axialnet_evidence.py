"""Scripts of docs/researchers/axialnet_evidence.md: statistics, a tiny experiment, and agreement of page and files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from monai_pylon.metrics.auroc import auroc_per_class
from tests.experiments import axialnet_cohort as cohort
from tests.experiments.axialnet_evidence import experiment, plain, plan
from tests.experiments.axialnet_page import PAGE, curves, filled, table_1
from tests.experiments.axialnet_runs import METHODS, NETWORKS, Settings, maps_of, normalized, peaks_on_lesions
from tests.experiments.axialnet_summary import (
    REACH,
    TESTS,
    Draws,
    auroc_draws,
    fat_in_scores,
    mask_loss_gain,
    mean_interval,
    slice_curves,
)


def test_page_agrees_with_the_files() -> None:
    found, real = (
        json.loads((PAGE.parent / name).read_text(encoding="utf-8"))
        for name in ("axialnet_evidence.json", "axialnet_real.json")
    )
    page = PAGE.read_text(encoding="utf-8")
    assert page.count("<!-- table: ") == page.count("<!-- end -->") == 10
    assert filled(page, found, real) == page, "python -m tests.experiments.axialnet_page"


def test_maps_are_the_attention_on_the_grid_of_the_regions() -> None:
    network = NETWORKS["AxialNet"][0](Settings()).eval()
    images = torch.randint(255, (1, 1, *cohort.SEEN), dtype=torch.uint8)
    maps, scores = maps_of(network, "reduction", "HiResCAM", images)
    found = network.explain(normalized(images))
    torch.testing.assert_close(maps, found.attention.detach() / 27)
    torch.testing.assert_close(scores, found.logits.detach())


def test_peak_beside_a_lesion_is_a_hit() -> None:
    data = cohort.Section.__new__(cohort.Section)
    data.labels, data.lesions = torch.tensor([[1.0, 1.0, 1.0, 0.0]]), torch.zeros(1, 4, 5, 5, 5)
    data.lesions[..., 2, 2, 2] = 1
    maps = torch.full((1, 4, 5, 5, 5), -1.0)
    maps[0, 0, 3, 2, 1] = maps[0, 1, 4, 2, 2] = maps[0, 3, 2, 2, 2] = 1
    maps[0, 2, 2, 2, 2] = -0.5  # the peak is on the lesion but not positive
    assert plain(peaks_on_lesions(maps, data).numpy()) == [[1.0, 0.0, 0.0, None]]


def test_interval_resamples_seeds_and_patients() -> None:
    values = np.array([0.0, 0.0, 0.0, 1.0])[:, None, None] + np.zeros((4, 50, 3))
    values[:, 7:, 1] = np.nan
    found = mean_interval(values)
    assert (found["mean"], found["low"], found["high"], found["seeds"].tolist()) == (0.25, 0.0, 0.75, [0, 0, 0, 1])


def test_interval_weights_all_defined_values_equally() -> None:
    """Half of the patients have three values of 1, the others a single 0: three quarters of all values are 1."""
    values = np.ones((1, 40, 3))
    values[:, ::2], values[:, ::2, 0] = np.nan, 0
    found = mean_interval(values)
    assert found["mean"] == pytest.approx(0.75)
    draws = np.random.default_rng(1).binomial(40, 0.5, 100_000)  # patients with three values among 40 resampled ones
    low, high = np.quantile(3 * draws / (3 * draws + 40 - draws), (0.025, 0.975))
    assert (found["low"], found["high"]) == (pytest.approx(low, abs=0.02), pytest.approx(high, abs=0.02))


def test_auroc_draws_equal_the_auroc_of_the_resampled_patients() -> None:
    random = np.random.default_rng(0)
    both = np.stack([random.integers(9, size=(2, 30, 3)), random.integers(2, size=(2, 30, 3))], axis=2).astype(float)
    draws = Draws(2, 30, resamples=5)
    areas = auroc_draws(both, draws)
    for r, s in np.ndindex(5, 2):
        chosen = np.repeat(both[s], draws.patients[r].astype(int), axis=0)
        each = auroc_per_class(torch.from_numpy(chosen[:, 0]), torch.from_numpy(chosen[:, 1]))
        assert areas[r, s] == pytest.approx(float(each.mean()))


def patients(labels: list[int], slices: int = 27) -> cohort.Section:
    """Return patients of whom some have every label, without lesions."""
    data = cohort.Section.__new__(cohort.Section)
    data.labels = torch.tensor(labels).float()[:, None].expand(-1, len(cohort.LABELS))
    data.lesions = torch.zeros(*data.labels.shape, 2, 2, slices)
    data.fat = torch.arange(len(labels)).float()
    return data


def test_mask_loss_gain_is_with_minus_without() -> None:
    part = patients([0, 1, 1, 0])

    def found(scores: torch.Tensor, value: float) -> dict[str, np.ndarray]:
        same = np.full(part.labels.shape, value)
        names = [f"{what} {method}/{test}" for what in ("OrganIoU", "peak") for method in METHODS for test in TESTS]
        return {f"scores/{test}": scores.numpy() for test in TESTS} | dict.fromkeys(names, same)

    gain = mask_loss_gain([found(part.labels, 0.7)], [found(0 * part.labels, 0.5)], dict.fromkeys(TESTS, part))
    for test in TESTS:
        assert gain[test]["AUROC"]["mean"] == 0.5, "from a half to one"
        for name in ("OrganIoU Grad-CAM", "OrganIoU HiResCAM", "peak Grad-CAM", "peak HiResCAM"):
            assert gain[test][name]["mean"] == pytest.approx(0.2)
            assert list(gain[test][f"{name} by label"].values()) == pytest.approx([0.2] * len(cohort.LABELS))


def test_fat_correlates_with_scores_of_patients_without_the_label() -> None:
    part = patients([0, 0, 0, 1, 1, 0])
    scores = torch.tensor([1.0, 2, 3, 9, -9, 4])[:, None].expand_as(part.labels)
    runs = [{"scores/test, plain": sign * scores.numpy()} for sign in (1, -1)]
    assert fat_in_scores(runs, part)["nodule"] == [pytest.approx(1), pytest.approx(-1)]


def test_slice_curves_are_centered_on_the_lesion() -> None:
    part = patients([1, 0, 0])
    part.lesions[0, 0, 0, 1, 8:11] = 5
    scores = np.zeros((3, len(cohort.LABELS), 27))
    scores[0, 0, 8:11] = 1, 2, 1
    scores[1:, 0] = np.arange(27) / 100, np.arange(27) / 50
    curves = slice_curves([{"slices/test, plain": scores}] * 2, part)
    assert set(curves) == {"nodule"}, "the only label with a lesion"
    found = curves["nodule"]
    assert found["patients"] == 1
    assert found["AUROC"]["mean"] == 1
    assert plain(found["mean"]) == [None, *[0] * (REACH - 2), 1, 2, 1, *[0] * (REACH - 1)]
    np.testing.assert_allclose(found["elsewhere"][1:], 0.015 * np.arange(2 * REACH), atol=1e-9)


@pytest.mark.slow
def test_tiny_experiment_resumes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = [run for run in plan(1, 1) if run.network in ("AxialNet", "BodyConv", "3DConv") and run.longer == 1]
    settings = Settings(epochs=1, first_epochs=1)
    found = plain(experiment(tmp_path, runs, settings, most=4))
    assert capsys.readouterr().out.count("of training") == len(runs)
    assert set(found["networks"]) >= {"AxialNet", "AxialNet, mask loss", "BodyConv", "3DConv"}
    assert "OrganIoU HiResCAM" not in found["networks"]["3DConv"]["test, plain"]
    assert "| BodyConv | 1 |" in table_1(found, "test, plain")
    assert len(curves(found, ("AxialNet", "AxialNet, mask loss")).axes) == 8
    experiment(tmp_path, runs, settings, most=4)
    assert "of training" not in capsys.readouterr().out, "all runs were finished"
