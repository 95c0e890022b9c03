"""Parts of the scripts behind docs/researchers/papers.md: tables over seeds, a fitted head, overlaps and pairs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from monai_pylon.data import pascal_voc_datalist
from monai_pylon.networks.nets import AxialNet
from tests.experiments.cohort_evidence import fit_head
from tests.experiments.pascal_voc import VGGLike, center, draw_pairs, figures, generate, load, load_vgg, overlap
from tests.experiments.seed_table import markdown, parsed


def test_settings_are_json_or_texts() -> None:
    assert parsed(["size=64", "dir=a/b", "flag=false", "list=[1, 2]"]) == {
        **{"size": 64, "dir": "a/b"},
        **{"flag": False, "list": [1, 2]},
    }


def test_the_table_has_mean_and_deviation() -> None:
    row = {"metric": "auroc", "class": "weighted", "mean": 0.5, "sd": 0.1}
    text = markdown({"a": [row, {**row, "class": "Mass"}], "b": [{**row, "sd": None}], "c": []})
    assert text.splitlines()[2:] == ["| auroc, weighted | 0.500 ± 0.100 | 0.500 |  |"]


def test_a_fitted_head_gives_its_labels_back() -> None:
    torch.manual_seed(0)
    network = AxialNet(2, "conv5", in_plane_size=(64, 64), reduction_channels=(8,), reduction_padding=1)
    scans, labels = torch.rand(4, 1, 64, 64, 6), torch.tensor([[1.0, 0], [0, 0], [1, 1], [0, 1]])
    fit_head(network, scans, labels, ridge=1e-6)
    with torch.no_grad():
        found = network.eval()(scans)
    torch.testing.assert_close(found, 4 * labels - 2, atol=0.05, rtol=0)


def test_overlap_by_hand() -> None:
    outline = np.zeros((8, 8), np.uint8)
    outline[2:6, 2:6], outline[0] = 3, 255
    assert overlap(center(), outline, 2) == 1
    assert overlap(torch.ones(2, 2), outline, 2) == 16 / 56
    assert overlap(-torch.ones(2, 2), outline, 2) == 0


def test_pairs_are_drawn_and_grouped_by_the_number_of_labels(tmp_path: Path) -> None:
    items = pascal_voc_datalist(generate(tmp_path, (2, 4), 64), "validation")
    x, y = load(items, 64)
    network = VGGLike(2, 8)
    other = VGGLike(2, 8)
    torch.save({f"features.{name}": value for name, value in other.features.state_dict().items()}, tmp_path / "w.pt")
    load_vgg(network, tmp_path / "w.pt")
    assert torch.equal(network.features[0].weight, other.features[0].weight)
    assert not torch.equal(network.classifier[1].weight, other.classifier[1].weight)
    layer = f"features.{len(network.features) - 1}"
    figure = draw_pairs(network, items, x, layer, count=3)
    assert len(figure.axes) == 6
    counts = [int(axes.get_title().split(" in image")[0][-1]) for axes in figure.axes[::2]]
    assert counts == sorted(counts)
    found = figures(network, items, x, layer)
    assert sum(found["pairs"].values()) <= int(y.sum())
    assert set(found) == {"HiResCAM", "Grad-CAM", "whole image", "middle", "pairs"}
