"""Tests of the pages of chest CTs."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.data import MetaTensor

from monai_pylon.data import phantom_chest_ct
from monai_pylon.networks.nets import AxialNet
from monai_pylon.transforms import partition_organs
from monai_pylon.transforms.mask_quality import REASONS, MaskQuality
from monai_pylon.transforms.partition import quality_item
from monai_pylon.workflows.chest_ct.explainer import ExplainScan
from monai_pylon.workflows.chest_ct.pages import OrganPage, ScanPage, organ_sentences
from monai_pylon.workflows.chest_ct.preprocessing import scan_transforms
from tests.reports.page.pages import page_data, volume


@pytest.mark.parametrize("reason", sorted(REASONS))
def test_every_reason_is_said_in_words(reason: str) -> None:
    doubtful = organ_sentences(MaskQuality(False, (reason,), {}, True))
    assert doubtful[0] == "Check the organ outlines by eye: they may be wrong."
    assert REASONS[reason] in doubtful
    assert "boxes" in doubtful[-1]


def test_a_note_is_no_doubt() -> None:
    found = organ_sentences(MaskQuality(True, ("left_lung_completed",), {"right lung": 1.4, "left lung": 2.6}, False))
    assert found[0].endswith("(plausible shape; dense lung and masses not judged).")
    assert found[-1] == "Right lung 1 mL, left lung 3 mL."


@pytest.mark.parametrize("reasons", [("left_lung_completed",), ("right_lung_cut", "lungs_cut_at_top")])
def test_remarks_on_good_masks_are_at_the_top(scan: MetaTensor, reasons: tuple[str, ...]) -> None:
    quality = quality_item(MaskQuality(True, reasons, {}, False))
    item = {"scan": "a", "image": scan, "organs": torch.zeros(scan.shape), "quality": quality}
    head = OrganPage()(item).split("<main")[0]
    assert "show both lungs and the mediastinum" in head
    for reason in reasons:
        assert f'<p class="warn">{REASONS[reason]}'.replace("'", "&#39;") in head


def test_every_reason_and_the_boxes_are_at_the_top(scan: MetaTensor) -> None:
    quality = quality_item(MaskQuality(False, ("no_trachea", "lungs_joined"), {}, True))
    item = {"scan": "a", "image": scan, "organs": torch.zeros(scan.shape), "quality": quality}
    head = OrganPage()(item).split("<main")[0]
    for text in (REASONS["no_trachea"], REASONS["lungs_joined"], "The masks are boxes"):
        assert text in head


@pytest.fixture(scope="module")
def scan() -> MetaTensor:
    made = phantom_chest_ct(3, shape=(60, 54, 54), spacing=(6, 6, 6))
    return MetaTensor(torch.as_tensor(np.asarray(made.image, np.float32))[None], affine=torch.as_tensor(made.affine))


def test_the_organ_page_has_masks_and_verdict(scan: MetaTensor) -> None:
    found = partition_organs(np.asarray(scan[0]), np.asarray(scan.affine))
    item = {
        "scan": "case 7",
        "image": scan,
        "organs": torch.as_tensor(found.labels)[None],
        "quality": quality_item(found.quality),
    }
    html = OrganPage({"method": "robust"})(item)
    assert np.array_equal(volume(page_data(html)["organs"]).get_fdata(), found.labels)
    for part in ("<h1>case 7</h1>", "PARTITION", "mL.", "When to distrust", "robust"):
        assert part in html


def test_a_doubtful_mask_is_a_warning_at_the_top(scan: MetaTensor) -> None:
    doubt = quality_item(MaskQuality(False, ("no_lung",), {}, False))
    item = {"scan": "a", "image": scan, "organs": torch.zeros(scan.shape), "quality": doubt}
    head = OrganPage()(item).split("<main")[0]
    assert '<p class="warn">Check the organ outlines by eye' in head
    assert '<p class="warn">No air-filled lung was found' in head


def test_the_map_has_its_own_grid_and_position(scan: MetaTensor) -> None:
    torch.manual_seed(0)
    network = AxialNet(num_classes=3, encoder="resnet18", in_plane_size=(64, 64), reduction_padding=1).eval()
    labels = ["mass", "nodule", "<b>"]
    image = scan_transforms([64, 64, 30], [5.0, 5.0, 10.0])({"image": scan.clone()})["image"]
    item = {"scan": "a", "scan_hu": scan, "image": image}
    item = ExplainScan(network, "reduction", labels, top=2)(item)
    page = ScanPage(labels, network, "reduction", {"checkpoint": "ab12"})
    html = page(item)
    data = page_data(html)
    mapped = [finding for finding in data["findings"] if finding["map"]]
    assert len(mapped) == 2
    native = volume(mapped[0]["map"]["volume"])
    assert np.allclose(native.get_fdata(), item["maps"][0].numpy())
    assert np.allclose(native.affine, np.asarray(image.affine) @ item["geometry"].affine, atol=1e-3)
    assert data["heights"] == pytest.approx(
        [(np.asarray(image.affine) @ item["geometry"].affine @ [0, 0, k, 1])[2] for k in range(10)]
    )
    scores = {finding["name"]: finding["scores"] for finding in data["findings"]}
    assert scores["nodule"] == pytest.approx(item["slice_scores"][1].tolist(), rel=1e-3)
    assert "the score is a sum over all positions" in html
    assert "ab12" in html
    assert data["organs"] is not None


def test_a_network_without_maps_has_a_page(scan: MetaTensor) -> None:
    item = {"scan": "a", "scan_hu": scan, "image": scan, "logits": torch.tensor([0.0, 1.0]), "geometry": None}
    item |= {"maps": None, "mapped": [1], "slice_scores": None}
    html = ScanPage(["a", "b"], torch.nn.Identity(), None, organs=False)(item)
    assert "Most probable of 2 findings: b, 73 %." in html
    assert "there is no map to trust" in html
