"""The soft maximum experiment: one short training, its baselines, and a page that agrees with the files."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from monai_pylon.handlers.soft_maximum import soft_maximum_sharpness
from monai_pylon.metrics import bootstrap_interval
from monai_pylon.networks.blocks.multi_instance_pool import NoisyOrPool
from monai_pylon.networks.checkpoints import read_description
from monai_pylon.utils import file_hash
from monai_pylon.workflows.bundle import make_network
from tests.experiments.pylon_evidence.radiographs import phantom_radiographs, real_radiographs
from tests.experiments.soft_maximum import __main__ as command
from tests.experiments.soft_maximum import release, summary
from tests.experiments.soft_maximum.training import Recipe, run, scaled, sharpness_at


def test_sharpness_is_that_of_the_bundle_or_infinite() -> None:
    soft = Recipe("pylon", "soft")
    steps = [step / 10 for step in range(11)]
    assert [sharpness_at(step, soft) for step in steps] == [soft_maximum_sharpness(step) for step in steps]
    assert {sharpness_at(step, Recipe("pylon", "maximum")) for step in steps} == {math.inf}


@pytest.mark.parametrize("pooling", ["soft", "maximum"])
def test_a_run_reports_peaks_that_the_baselines_agree_with(pooling: str) -> None:
    """The hits of the run and those that the summary computes from its peaks are the same."""
    radiographs = phantom_radiographs(24, 64, num_folds=2)
    recipe = Recipe("pylon", pooling, encoder="resnet18", size=64, epochs=1, frozen_stages=1)
    held = radiographs.folds == 1
    figures, network = run(recipe, radiographs.of(~held), radiographs.of(held), 0, None, lambda text: None)
    assert len(figures["peaks"]) == len(figures["hits"])
    assert torch.equal(network.encoder.bn1.running_mean, torch.zeros(64)), "the first stage is frozen"
    record = {"fold": 1, "seed": 0, "recipe": {"size": 64}, "versions": {}, **figures}
    found = summary.with_baselines(record, radiographs)
    assert len(found["other_patients"]) == len(found["hits"])
    assert "logits" not in found


def test_a_network_keeps_its_own_pooling() -> None:
    radiographs = phantom_radiographs(16, 64, num_folds=2)
    recipe = Recipe("li2018", "own", encoder="resnet18", size=64, epochs=1, frozen_stages=1)
    held = radiographs.folds == 1
    _, network = run(recipe, radiographs.of(~held), radiographs.of(held), 0, None, lambda text: None)
    assert isinstance(network.pool, NoisyOrPool)


def test_names_of_runs_are_distinct() -> None:
    soft = Recipe("pylon", "soft")
    assert command.key_of(soft, 3, 1) == "pylon-soft-fold3-seed1-192px"
    kinds = [soft, replace(soft, epochs=8), replace(soft, encoder="resnet18"), replace(soft, size=256)]
    kinds += [replace(soft, mask_loss=0.3333)]
    assert len({command.key_of(recipe, 0, 0) for recipe in kinds}) == 5


def test_the_mask_loss_adds_to_the_loss_of_a_training_with_boxes() -> None:
    radiographs = phantom_radiographs(16, 64, num_folds=2)
    held = radiographs.folds == 1
    losses = []
    for weight in (0.0, 1.0):
        recipe = Recipe("pylon", "soft", encoder="resnet18", size=64, epochs=1, frozen_stages=1, mask_loss=weight)
        figures, _ = run(recipe, radiographs.of(~held), radiographs.of(held), 0, None, lambda text: None)
        losses += figures["losses"]
    assert losses[1] > losses[0] + 0.01


def test_tables_by_hand() -> None:
    fold = {"fold": 0, "classes": [1, 0, 0], "patients": [0, 1, 2], "random_point": [0.1, 0.2, 0.3]}
    fold |= {"image_center": [1, 0, 0], "class_point": [1, 1, 0]}
    base = {"fold": 0, "seed": 0, "auroc": 0.5}
    recipe = {"pooling": "soft", "encoder": "efficientnet_lite0", "size": 192, "epochs": 4}
    runs = [
        {**base, "recipe": {**recipe, "network": "pylon"}, "hits": "110", "other_patients": [1, 0, None]},
        {**base, "recipe": {**recipe, "network": "backbone"}, "hits": "100", "other_patients": [1, 0, None]},
        {**base, "recipe": {**recipe, "network": "backbone"}, "hits": "000", "other_patients": [1, 0, None], "seed": 1},
    ]
    result = {"folds": [fold], "phantoms": [fold], "runs": runs}
    rows = summary.table(result).splitlines()
    assert rows[2].startswith("| Backbone | soft, becoming the maximum | Lite0, 192, 4 | 2 | .167 (")
    assert "| .236 | .500 | " in rows[2], "the standard deviation of a third and 0, and other patients' maps"
    assert rows[3].startswith("| PYLON | soft, becoming the maximum | Lite0, 192, 4 | 1 | .667")
    assert "|  | .500 | +.500 (" in rows[3], (
        "no deviation of one seed, other patients' maps, and the gain over them where they are known"
    )
    assert rows[3].endswith("| .500 | .500 |"), "without cardiomegaly, and AUROC"
    assert [row.split("|")[5].split()[0] for row in rows[4:]] == [".200", ".333", ".667"]
    difference = bootstrap_interval([1, 1, 0], [1, 0, 0], groups=[0, 1, 2])
    assert f"+{difference.estimate:.3f}".replace("0.", ".") in summary.differences(result)
    assert "| the image's center, always | .333" in summary.fixed_points(result)


def test_page_agrees_with_the_file() -> None:
    page = summary.PAGE.read_text(encoding="utf-8")
    result = json.loads(summary.RESULTS.read_text(encoding="utf-8"))
    assert summary.filled(page, result) == page
    for table in (summary.table, summary.differences, summary.fixed_points):
        assert table(result) in page


@pytest.mark.slow
def test_command_resumes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(command, "real_radiographs", lambda size: phantom_radiographs(16, size, num_folds=2))
    weights = tmp_path / "lite.pth"
    torch.save(make_network({"name": "pylon", "encoder": "efficientnet_lite0"}).encoder.state_dict(), weights)
    call = ["x", "--folds", "0", "--size", "64", "--epochs", "1", "--weights", str(weights), "--runs", str(tmp_path)]
    monkeypatch.setattr("sys.argv", call)
    command.main()
    assert len(list(tmp_path.glob("*.json"))) == 4
    assert "epoch 1 of 1" in capsys.readouterr().out
    command.main()
    assert not capsys.readouterr().out


def test_the_research_checkpoint_is_small_and_agrees_with_its_model_card() -> None:
    text, found = release.MODEL_CARD.read_text(encoding="utf-8"), read_description(release.FILE)
    assert release.FILE.stat().st_size < 10e6
    assert f"`{file_hash(release.FILE)}`" in text
    assert found["notice"] == release.NOTICE
    assert release.table(found["figures"]) in text
    every = found["figures"]["labels"]["all"]
    assert every["instances"] == len(found["figures"]["hits"])
    assert every["peak"] == pytest.approx(found["figures"]["hits"].count("1") / every["instances"], abs=1e-4)
    assert "{" not in text


def test_the_released_state_takes_normalized_radiographs_and_has_the_findings_with_boxes() -> None:
    network = make_network({"name": "pylon", "encoder": "efficientnet_lite0"}).eval()
    fewer = make_network({"name": "pylon", "encoder": "efficientnet_lite0"}, num_classes=8).eval()
    state = release.released_state(network.state_dict())
    fewer.load_state_dict({key: value.float() for key, value in state.items()})
    image = torch.randn(1, 1, 64, 64)
    with torch.no_grad():
        expected = network(scaled(image))[:, :8]
        torch.testing.assert_close(fewer(image), expected, atol=0.02, rtol=0.02)


@pytest.mark.real
@pytest.mark.slow
def test_the_figures_of_the_research_checkpoint_come_out_again() -> None:
    radiographs = real_radiographs(release.SIZE)
    found = release.figures(release.released(), radiographs.of(radiographs.folds == release.FOLD))
    stored = read_description(release.FILE)["figures"]
    assert sum(a != b for a, b in zip(found["hits"], stored["hits"], strict=True)) <= 2, "rounding of another machine"
    assert found["labels"]["all"]["AUROC"] == pytest.approx(stored["labels"]["all"]["AUROC"], abs=0.002)
