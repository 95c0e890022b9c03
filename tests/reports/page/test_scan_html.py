"""Tests of the reading page of a scan, without a browser."""

from __future__ import annotations

import importlib
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from monai_pylon.reports.page.content import PageFinding, PageText
from monai_pylon.reports.page.scan_html import scan_page
from tests.reports.page.pages import NASTY, page_data, planted_scan, planted_scan_page, volume


class Elements(HTMLParser):
    """Elements of a page with their attributes, and the texts of its scripts."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_volumes_decode_to_arrays_and_affines() -> None:
    made = planted_scan()
    data = page_data(planted_scan_page())
    scan = volume(data["ct"])
    assert np.allclose(scan.affine, made.affine)
    assert np.abs(scan.get_fdata() - made.ct).max() <= 4, "8 bits in steps of 8 HU"
    assert scan.get_data_dtype() == np.uint8
    assert np.array_equal(volume(data["organs"]).get_fdata(), made.organs)
    first = data["findings"][0]
    assert first["name"] == "lung nodule", "the most probable first"
    native = volume(first["map"]["volume"])
    assert np.array_equal(native.get_fdata().astype(np.float32), made.map), "on its own grid"
    assert np.allclose(native.affine, made.map_affine)
    assert first["scores"] == pytest.approx(made.map.sum((0, 1)), rel=1e-4)
    assert data["heights"][2] == pytest.approx(556)


@pytest.mark.parametrize(
    ("flip", "order"), [((-1, -1, 1), (0, 1, 2)), ((1, 1, 1), (0, 1, 2)), ((1, -1, -1), (2, 0, 1))]
)
def test_the_peak_is_at_the_lesion_in_any_orientation(flip: tuple[int, ...], order: tuple[int, ...]) -> None:
    made = planted_scan(flip, order)  # type: ignore[arg-type]
    data = page_data(planted_scan_page(flip=flip, order=order))
    assert np.linalg.norm(np.array(data["findings"][0]["map"]["peak"]) - made.lesion_mm) < 16
    weights = np.array(data["slicing"]["weights"])
    axis = int(np.argmax(np.abs(made.affine[2, :3])))
    bottom, top = (made.affine @ [*corner, 1] for corner in _ends(made.affine, axis))
    assert weights @ bottom == pytest.approx(0)
    assert weights @ top == pytest.approx(63)


def _ends(affine: np.ndarray, axis: int) -> tuple[list[int], list[int]]:
    """Return the lowest and the highest voxel along the axis of the slices."""
    first, last = [5, 5, 5], [5, 5, 5]
    first[axis], last[axis] = (0, 63) if affine[2, axis] > 0 else (63, 0)
    return first, last


def test_the_summary_names_finding_probability_and_organ() -> None:
    html = planted_scan_page()
    assert "Most probable of 3 findings: lung nodule, 70 %. The strongest evidence" in html
    assert "evidence for it lies inside the outline of the right lung." in html


def test_the_summary_names_every_probable_finding() -> None:
    made = planted_scan()
    found = [PageFinding("mass", 0.995, made.map, made.map_affine), PageFinding("pneumothorax", 0.7)]
    html = scan_page(PageText("a"), made.ct, made.affine, [*found, PageFinding("cyst", 0.49)], made.organs)
    assert "Also probable: pneumothorax, 70 %.</p>" in html


def test_evidence_against_is_a_share_of_the_strongest() -> None:
    made = planted_scan()
    signed = np.where(made.map > 0, made.map, -0.25 * made.map.max())
    html = scan_page(PageText("a"), made.ct, made.affine, [PageFinding("mass", 0.7, signed, made.map_affine)])
    entry = page_data(html)["findings"][0]["map"]
    np.testing.assert_allclose(entry["against"] * entry["limit"], 0.25 * made.map.max(), rtol=1e-5)
    assert entry["strongest"] == "for"
    html = scan_page(PageText("a"), made.ct, made.affine, [PageFinding("mass", 0.7, -made.map, made.map_affine)])
    assert page_data(html)["findings"][0]["map"]["strongest"] == "against"


def test_evidence_outside_of_the_organs_is_a_warning() -> None:
    made = planted_scan()
    moved = made.map_affine.copy()
    moved[1, 3] -= 80  # behind the lungs
    findings = [PageFinding("mass", 0.7, made.map, moved)]
    html = scan_page(PageText("a"), made.ct, made.affine, findings, made.organs)
    assert '<p class="warn">The strongest evidence for it lies outside of the lungs and the mediastinum' in html


def test_everything_is_escaped() -> None:
    text = PageText(NASTY, [(NASTY, [NASTY]), ("two", [NASTY, NASTY])], {NASTY: NASTY})
    made = planted_scan()
    html = scan_page(text, made.ct, made.affine, [PageFinding(NASTY, 0.5, made.map, made.map_affine)])
    assert "alert(1)" in html
    assert "<script>alert" not in html
    assert page_data(html)["findings"][0]["name"] == NASTY
    scripts = [attributes for tag, attributes in Elements(html).found if tag == "script"]
    assert len(scripts) == 3, "data, NiiVue, and our own"


def test_nothing_comes_from_a_network() -> None:
    html = planted_scan_page()
    for tag, attributes in Elements(html).found:
        for name in ("src", "href", "srcset", "action"):
            assert (attributes.get(name) or "data:").startswith("data:"), tag
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', html)
    assert policy is not None
    assert policy.group(1).startswith("default-src 'none'")
    assert "http" not in policy.group(1)


def test_a_page_without_findings_shows_the_organs() -> None:
    made = planted_scan()
    html = scan_page(PageText("a"), made.ct, made.affine, organs=made.organs)
    data = page_data(html)
    assert (data["findings"], data["heights"], len(data["pictures"])) == ([], None, 1)
    assert np.array_equal(volume(data["organs"]).get_fdata(), made.organs)
    assert 'id="findings"' not in html


def test_a_flat_map_is_drawn_without_evidence() -> None:
    made = planted_scan()
    found = PageFinding("mass", 0.5, np.zeros_like(made.map), made.map_affine)
    html = scan_page(PageText("a"), made.ct, made.affine, [found], made.organs)
    assert page_data(html)["findings"][0]["map"]["limit"] == 0
    assert "No place speaks for it." in html


def test_a_noisy_scan_is_reduced_until_the_page_is_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Noise does not compress, so its number of voxels says little about the size of the page."""
    module = importlib.import_module("monai_pylon.reports.page.scan_html")
    monkeypatch.setattr(module, "_MOST_TEXT", 300_000)
    noise = np.random.default_rng(0).uniform(-1000, 1000, (96, 96, 40)).astype(np.float32)
    smooth = np.zeros_like(noise)
    sizes = []
    for ct in (noise, smooth):
        data = page_data(scan_page(PageText("a"), ct, np.diag([1.4, 1.4, 4.0, 1])))
        assert len(data["ct"]) <= 300_000
        sizes.append(volume(data["ct"]).shape)
    assert sizes[0][0] < 96
    assert sizes[1] == (96, 96, 40)


def test_shapes_that_do_not_fit_are_refused() -> None:
    made = planted_scan()
    with pytest.raises(ValueError, match="organs"):
        scan_page(PageText("a"), made.ct, made.affine, organs=made.organs[1:])
    scores = PageFinding("mass", 0.5, scores=np.zeros(3))
    with pytest.raises(ValueError, match="scores"):
        scan_page(PageText("a"), made.ct, made.affine, [scores], heights=np.zeros(4))


def test_remarks_and_warnings_are_at_the_top() -> None:
    made = planted_scan()
    text = PageText("a", remarks=["A remark."], warnings=["A doubt <i>."])
    head = scan_page(text, made.ct, made.affine).split("<main")[0]
    assert "<p>A remark.</p>" in head
    assert '<p class="warn">A doubt &lt;i&gt;.</p>' in head
