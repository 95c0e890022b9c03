"""Tests of the page of each case."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from monai_pylon.networks.nets import PYLON, AxialNet
from monai_pylon.visualize import ExplanationAudit
from monai_pylon.workflows.cohort import page_writer
from monai_pylon.workflows.cohort.page_writer import LayerAudit, PageWriter, audit_sentences, provenance


def write(item: dict) -> dict:
    return {**item, "row": {"x": 1}, "files": ["a.png"]}


def test_a_page_is_written_beside_the_results(tmp_path: Path) -> None:
    item = PageWriter(write, lambda found: f"<!DOCTYPE html>{found['row']['x']}é", tmp_path / "new" / "b")(
        {"scan": "a"}
    )
    assert item["files"] == ["a.png", "a_page.html"]
    assert (tmp_path / "new" / "b" / "a_page.html").read_text(encoding="utf-8") == "<!DOCTYPE html>1é"


def test_without_a_page_nothing_is_built(tmp_path: Path) -> None:
    def fail(item: object) -> str:
        raise AssertionError

    assert PageWriter(write, fail, tmp_path, page=False)({"scan": "a"})["files"] == ["a.png"]
    assert not list(tmp_path.iterdir())


def test_the_columns_are_those_of_the_writer(tmp_path: Path) -> None:
    write.columns = ("x",)  # type: ignore[attr-defined]
    assert PageWriter(write, str, tmp_path).columns == ("x",)


@pytest.mark.parametrize(
    ("network", "settings", "layer", "shape", "architecture"),
    [
        (PYLON, {"encoder": "resnet18"}, "head", (1, 64, 64), "max-pooled map"),
        (
            AxialNet,
            {"num_classes": 3, "in_plane_size": (64, 64), "reduction_padding": 1},
            "reduction",
            (1, 64, 64, 30),
            "affine head",
        ),
    ],
)
def test_the_audit_is_computed_once(
    network: type[torch.nn.Module], settings: dict, layer: str, shape: tuple[int, ...], architecture: str
) -> None:
    audit = LayerAudit(network(**settings).eval(), layer)
    first = audit(torch.rand(shape))
    assert first is not None
    assert first.architecture == architecture
    assert audit(torch.zeros(1)) is first


def test_two_groups_of_slices_suffice_for_the_audit(monkeypatch: pytest.MonkeyPatch) -> None:
    """A whole scan would take minutes."""
    monkeypatch.setattr(page_writer, "audit_explanation", lambda network, layer, example: example.shape)
    for network, slices in ((torch.nn.Identity(), 40), (AxialNet(num_classes=3, slices_per_group=5), 10)):
        assert LayerAudit(network, "reduction")(torch.zeros(1, 8, 8, 40)) == (1, 1, 8, 8, slices)


def test_the_audit_in_words() -> None:
    proved = ExplanationAudit("affine head", {"HiResCAM": True, "map": False}, 0.0, "The score is a sum.")
    assert audit_sentences(proved)[0] == "Yes, as to what the network used: the score is a sum."
    for name in ("map", "a map of another method"):
        assert audit_sentences(proved, name)[0] == "Not guaranteed: the score is a sum."
    assert LayerAudit(PYLON(encoder="resnet18"), None)(torch.zeros(1, 64, 64)) is None


def test_provenance_has_versions_and_settings() -> None:
    found = provenance({"checkpoint": "ab", "network": {"name": "pylon", "encoder": "resnet18"}, "top": 3})
    assert {"monai_pylon", "MONAI", "PyTorch", "NumPy", "Python"} <= set(found)
    assert (found["model (SHA-256)"], found["network"], found["top"]) == ("ab", "name pylon, encoder resnet18", "3")
    assert provenance({"checkpoint": ""})["model (SHA-256)"] == "unknown"
