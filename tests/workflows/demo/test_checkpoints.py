"""Checkpoints of the demo: size, hash, model card, and their figures, computed again."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from monai_pylon.utils import file_hash
from monai_pylon.workflows.demo.checkpoints import DEMO_CHECKPOINTS, demo_checkpoint, demo_description
from tests.experiments.demo_checkpoints import release
from tests.experiments.demo_checkpoints.__main__ import section

FILES = [demo_checkpoint(bundle) for bundle in DEMO_CHECKPOINTS]
MODEL_CARD = release.MODEL_CARD.read_text(encoding="utf-8")


def test_are_in_half_precision_and_small() -> None:
    for file in FILES:
        weights = torch.load(file, weights_only=True)
        assert {value.dtype for value in weights.values()} <= {torch.float16, torch.int64}
    assert sum(file.stat().st_size for file in FILES) <= 8e6


@pytest.mark.parametrize("bundle", DEMO_CHECKPOINTS)
def test_carry_the_notice_and_agree_with_the_model_card(bundle: str) -> None:
    description = demo_description(bundle)
    assert description["notice"] == "Trained on phantoms. Never use on patients."
    assert f"`{file_hash(demo_checkpoint(bundle))}`" in MODEL_CARD
    for label, row in description["figures"]["labels"].items():
        line = next(line for line in MODEL_CARD.splitlines() if line.startswith(f"| {label} | {row['findings']} |"))
        values = [value for key, value in row.items() if key != "findings"]
        for cell, value in zip(line.strip("| ").split(" | ")[2:], values, strict=True):
            assert float(cell) == pytest.approx(value, abs=0.0051)
    assert set(description["figures"]["labels"]) == {*description["network"]["labels"], "all"}


def test_the_model_card_has_no_gap() -> None:
    assert not re.search(r"\{\w+\.\w+\}", MODEL_CARD)


@pytest.mark.parametrize("bundle", DEMO_CHECKPOINTS)
def test_point_better_than_the_baselines_of_the_model_card(bundle: str) -> None:
    every = demo_description(bundle)["figures"]["labels"]["all"]
    assert every["AUROC"] > 0.7
    for key, value in every.items():
        if key.startswith("peak "):
            assert value > 1.5 * every[key.replace("peak", "random")], key


def test_an_unknown_bundle_is_refused() -> None:
    with pytest.raises(ValueError, match="bundle must be"):
        demo_checkpoint("chest_ct_partition")


@pytest.mark.slow
@pytest.mark.parametrize("part", release.BUNDLES)
def test_the_figures_of_the_first_held_out_phantoms_come_out_again(part: str, tmp_path: Path) -> None:
    network = release.shipped(part)
    found = release.figures(part, network, section(part, "test", release.FIRST, tmp_path))[f"first {release.FIRST}"]
    stored = release.figures_in_description(part)[f"first {release.FIRST}"]
    torch.testing.assert_close(torch.tensor(found["logits"]), torch.tensor(stored["logits"]), atol=0.02, rtol=0.01)
    assert found["hits"] == stored["hits"]
