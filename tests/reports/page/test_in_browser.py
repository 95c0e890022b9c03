"""Tests of the pages in a headless Chromium: a planted lesion lies under the map's peak on the screen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial.transform import Rotation

from monai_pylon.reports.page.compare import compare_pages
from monai_pylon.reports.page.content import PageFinding, PageText
from monai_pylon.reports.page.scan_html import scan_page
from tests.reports.page.chromium import Chromium
from tests.reports.page.pages import planted_radiograph_page, planted_scan, planted_scan_page

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def browser() -> Iterator[Chromium]:
    with Chromium() as started:
        yield started


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages")
    (folder / "scan.html").write_text(planted_scan_page(), encoding="utf-8")
    (folder / "radiograph.html").write_text(planted_radiograph_page(), encoding="utf-8")
    turned = planted_scan_page(flip=(1, -1, -1), order=(2, 0, 1))
    (folder / "turned.html").write_text(turned, encoding="utf-8")
    return folder


def stage(browser: Chromium, element: str = "byId('canvas')") -> np.ndarray:
    """Return the pixels of the viewer's canvas, or of another element."""
    box = browser.evaluate(f"(({{x, y, width, height}}) => [x, y, width, height])({element}.getBoundingClientRect())")
    x, y, width, height = (round(part) for part in box)
    return browser.screenshot()[y : y + height, x : x + width]


def middle(mask: np.ndarray) -> np.ndarray:
    """Return the mean row and column of a mask."""
    assert mask.sum() > 20, "nothing there"
    return np.argwhere(mask).mean(0)


def orange(pixels: np.ndarray) -> np.ndarray:
    return (pixels[..., 0] - pixels[..., 2] > 60) & (pixels[..., 0] > pixels[..., 1] + 15)


def blue(pixels: np.ndarray) -> np.ndarray:
    return pixels[..., 2] - pixels[..., 0] > 40


def bare(browser: Chromium) -> None:
    """Show the axial plane without outlines, crosshair, letters and scale bar."""
    browser.press("a")
    browser.press("o")
    browser.evaluate("{reader.nv.opts.crosshairWidth = 0; reader.marks.hidden = true; reader.nv.drawScene(); 0}")
    browser.frame()


@pytest.mark.parametrize("page", ["scan.html", "turned.html"])
def test_the_lesion_lies_under_the_peak_of_the_map(browser: Chromium, pages: Path, page: str) -> None:
    browser.resize(1440, 1000)
    browser.open(pages / page)
    bare(browser)
    colored = stage(browser)
    browser.press("m")
    gray = stage(browser)
    assert not orange(gray).any(), "without the map everything is gray"
    bright = gray[..., 0] > 150
    parts, _ = ndimage.label(bright)
    sizes = np.bincount(parts.ravel())
    lesion_part = np.argsort(sizes[1:])[-2] + 1  # the body is the largest part, the lesion in the lung the second
    lesion, evidence = middle(parts == lesion_part), middle(orange(colored))
    columns = np.flatnonzero(bright.any(0))
    pixels_per_mm = (columns[-1] - columns[0]) / 280
    assert evidence[1] < gray.shape[1] / 2, "the patient's right is on the left"
    assert np.abs(lesion - evidence).max() < 5 * pixels_per_mm
    assert not browser.messages()
    assert browser.requests()[-1].startswith("file:")


def test_evidence_against_is_blue_and_the_finding_can_be_changed(browser: Chromium, pages: Path) -> None:
    browser.resize(1440, 1000)
    browser.open(pages / "scan.html")
    bare(browser)
    assert orange(stage(browser)).sum() > 200
    browser.press("n")  # the improbable finding, whose map has the other sign
    browser.evaluate("new Promise(done => setTimeout(done, 1500))")
    at = browser.evaluate("(reader.goTo([74, -36, 548]), reader.position())")
    browser.frame()
    assert at == pytest.approx([74, -36, 548], abs=5)
    assert blue(stage(browser)).sum() > 200
    assert browser.evaluate("byId('findings').querySelector('[aria-pressed=true] .name').textContent") == "improbable"


def test_the_threshold_hides_weak_evidence_against_too(browser: Chromium, pages: Path) -> None:
    browser.resize(1440, 1000)
    browser.open(pages / "scan.html")
    bare(browser)
    browser.evaluate("(reader.goTo([-54, -36, 556]), 1)")  # the cell with -0.5
    for key in "++++":
        browser.press(key)
    assert blue(stage(browser)).sum() > 100
    assert "against" not in browser.evaluate("byId('limits').textContent")
    for key in "]]]]]":  # 50 to 75 %
        browser.press(key)
    assert not blue(stage(browser)).any()
    assert "evidence against: at most 73 %, not colored" in browser.evaluate("byId('limits').textContent")
    browser.press("n")  # the same map with the other sign, whose evidence for the finding is weak
    browser.evaluate("new Promise(done => setTimeout(done, 1500))")
    for key in "]]]]]":
        browser.press(key)
    assert "evidence for: at most 73 %, not colored" in browser.evaluate("byId('limits').textContent")
    assert "of the strongest (against, 0.69 logit)" in browser.evaluate("byId('limits').textContent")
    assert "Elsewhere the evidence against it is stronger." in browser.evaluate("byId('chosen').textContent")


def test_the_note_on_slice_scores_says_how_they_give_the_probability(browser: Chromium, tmp_path: Path) -> None:
    made = planted_scan()
    heights = made.map_affine[2, 3] + made.map_affine[2, 2] * np.arange(12)
    scores = np.array([2.0, *[0.0] * 10, 10.0])  # their mean is 1, a probability of 0.73
    findings = [
        PageFinding("mean", 1 / (1 + np.exp(-1)), made.map, made.map_affine, scores),
        PageFinding("other", 0.5, made.map, made.map_affine, scores),
    ]
    page = scan_page(PageText("a"), made.ct, made.affine, findings, heights=heights)
    (tmp_path / "scores.html").write_text(page, encoding="utf-8")
    browser.open(tmp_path / "scores.html")
    note = browser.evaluate("byId('curve-note').textContent")
    assert "Their mean, 1.0 logit, gives the probability, 73 %. The map splits this mean among all places" in note
    browser.press("n")
    browser.evaluate("new Promise(done => setTimeout(done, 1500))")
    assert "Their mean" not in browser.evaluate("byId('curve-note').textContent"), "another way to the probability"


def bar_runs(pixels: np.ndarray) -> tuple[int, int]:
    """Return the length of the longest run of white pixels in a row, and of the black rim below it."""
    white, black = (pixels.min(-1) > 250), (pixels.max(-1) < 5)

    def longest(row: np.ndarray) -> int:
        parts, _ = ndimage.label(row)
        return int(np.bincount(parts)[1:].max(initial=0))

    row = max(range(len(pixels)), key=lambda k: longest(white[k]))
    return longest(white[row]), longest(black[row + 2])


@pytest.mark.parametrize("size", [(1440, 1000), (390, 844)])
def test_each_plane_has_a_scale_bar_of_the_right_length(browser: Chromium, pages: Path, size: tuple[int, int]) -> None:
    browser.resize(*size, mobile=size[0] < 500)
    browser.open(pages / "scan.html")
    browser.press("m")
    browser.evaluate("(reader.goTo([10, -20, 500]), 1)")  # the middle of the body: 280 mm wide, 220 mm deep
    for key in "acs":
        browser.press(key)
        marks = stage(browser)
        browser.evaluate("{reader.nv.opts.crosshairWidth = 0; reader.marks.hidden = true; reader.nv.drawScene(); 0}")
        image = stage(browser)
        browser.evaluate("{reader.marks.hidden = false; reader.nv.drawScene(); 0}")
        columns = np.flatnonzero((image[..., 0] > 150).any(0))
        pixels_per_mm = (columns[-1] - columns[0]) / (220 if key == "s" else 280)
        drawn, rim = bar_runs(marks[-40:, : marks.shape[1] // 2])
        length = browser.evaluate("scaleBar(1, Math.abs(reader.nv.screenSlices[0].fovMM[0])).length")
        assert length in (50, 100, 200)
        assert drawn == pytest.approx(length * pixels_per_mm, rel=0.04, abs=4)
        assert rim > 0.9 * drawn, "a dark rim, so that it shows on white"


def test_letters_show_on_a_white_background(browser: Chromium, tmp_path: Path) -> None:
    ct = np.full((32, 32, 32), 3000.0)  # white up to the edges
    (tmp_path / "a.html").write_text(scan_page(PageText("a"), ct, np.diag([-8.0, -8, 8, 1])), encoding="utf-8")
    browser.resize(1440, 1000)
    browser.open(tmp_path / "a.html")
    browser.press("c")
    marks = stage(browser)
    white = (marks.min(-1) > 250).any(0)
    left = np.flatnonzero(white)[0]
    middle_rows = slice(marks.shape[0] // 2 - 12, marks.shape[0] // 2 + 12)
    letter = marks[middle_rows, :40]
    assert (letter.min(-1) > 250).sum() > 30, "R in white"
    assert left < 40
    browser.evaluate("{reader.nv.drawScene(); byId('canvas').style.background = '#fff'; 0}")
    browser.evaluate("{reader.nv.opts.backColor = [1, 1, 1, 1]; reader.nv.drawScene(); 0}")
    letter = stage(browser)[middle_rows, :40]
    assert (letter.max(-1) < 5).sum() > 30, "with a black rim"


def test_a_finding_opens_in_its_window(browser: Chromium, tmp_path: Path) -> None:
    ct, affine = np.full((32, 32, 32), -700.0), np.diag([-8.0, -8, 8, 1])
    cells, position = np.zeros((2, 2, 2), np.float32), np.diag([-128.0, -128, 128, 1])
    names = ["lung nodule", "Pleural effusion", "fracture"]
    findings = [PageFinding(name, 0.5 - k / 10, cells + 1, position) for k, name in enumerate(names)]
    (tmp_path / "a.html").write_text(scan_page(PageText("a"), ct, affine, findings), encoding="utf-8")
    browser.resize(1440, 1000)
    browser.open(tmp_path / "a.html")
    pressed = "byId('windows').querySelector('[aria-pressed=true]').textContent"
    limits = "[reader.nv.volumes[0].cal_min, reader.nv.volumes[0].cal_max]"
    seen = []
    for _ in names:
        browser.evaluate("new Promise(done => setTimeout(done, 800))")
        seen.append((browser.evaluate(pressed), browser.evaluate(limits)))
        browser.press("n")
    assert seen == [("lung", [-1350, 150]), ("mediastinal", [-160, 240]), ("bone", [-440, 1040])]
    browser.press("1")
    assert browser.evaluate(pressed) == "lung", "the buttons choose another"


def test_the_curve_moves_the_slice(browser: Chromium, pages: Path) -> None:
    browser.resize(1440, 1000)
    browser.open(pages / "scan.html")
    x, y, width, height = browser.evaluate(
        "(({x, y, width, height}) => [x, y, width, height])(byId('curve').getBoundingClientRect())"
    )
    browser.click(x + width / 2, y + height * (1 - 14 / 520))
    low = browser.evaluate("reader.position()[2]")
    assert low == pytest.approx(412, abs=6), "the lowest slice group"
    before = browser.evaluate("byId('readout').textContent")
    browser.press("ArrowUp")
    assert browser.evaluate("reader.position()[2]") == pytest.approx(low + 5, abs=1)
    assert browser.evaluate("byId('readout').textContent") != before
    assert "HU · W 1500 L -600 ·" in before
    browser.press("2")
    assert "HU · W 400 L 40 ·" in browser.evaluate("byId('readout').textContent")
    assert "slice" in before


def test_window_opacity_and_threshold_change_the_picture(browser: Chromium, pages: Path) -> None:
    browser.resize(1440, 1000)
    browser.open(pages / "scan.html")
    bare(browser)
    first = stage(browser)
    for key in ("]", "]", "]", "]"):
        browser.press(key)
    assert orange(stage(browser)).sum() < orange(first).sum() * 0.9
    for key in "++++":
        browser.press(key)
    assert not np.array_equal(stage(browser), first)
    browser.press("2")
    mediastinal = stage(browser)
    assert (mediastinal.max(-1) < 10).mean() > (first.max(-1) < 10).mean() + 0.05, "lung is black in this window"


def test_it_fits_a_phone(browser: Chromium, pages: Path) -> None:
    browser.resize(390, 844, mobile=True)
    for page in ("scan.html", "radiograph.html"):
        browser.open(pages / page)
        assert browser.evaluate("document.documentElement.scrollWidth") <= 390
        assert orange(stage(browser)).any()


def test_the_disk_lies_under_the_peak_of_the_radiograph(browser: Chromium, pages: Path) -> None:
    browser.resize(1300, 900)
    browser.open(pages / "radiograph.html")
    browser.press("b")
    colored = stage(browser)
    browser.press("m")
    gray = stage(browser)
    assert not orange(gray).any()
    disk = (gray[..., 0] > 190) & (np.arange(gray.shape[0])[:, None] > 100)
    scale = gray.shape[0] / 300
    assert np.abs(middle(disk) - middle(orange(colored))).max() < 12 * scale
    assert "column 90, row 209 · probability 79 %" in browser.evaluate("byId('readout').textContent")
    browser.press("i")
    assert (stage(browser)[..., 0] > 170).mean() > 0.4, "inverted"
    assert not browser.messages()


def test_a_picture_stands_in_without_webgl(pages: Path) -> None:
    with Chromium((1200, 900), ("--disable-3d-apis",)) as without:
        without.open(pages / "scan.html")
        assert without.evaluate("byId('fallback').naturalWidth") > 300
        assert "no WebGL" in without.evaluate("byId('readout').textContent")
        assert orange(stage(without, "document.querySelector('.stage')")).sum() > 200
        assert without.evaluate("document.querySelector('.tools').offsetHeight") == 0, "no control without effect"
        without.press("n")
        assert without.evaluate("byId('fallback').src === page.pictures[1]")


def test_a_full_scan_opens_fast_and_stays_small(tmp_path: Path) -> None:
    """Two idle cores without a GPU need half of the processor time, which other programs do not change."""
    rng = np.random.default_rng(0)
    ct = np.kron(rng.normal(0, 300, (64, 64, 40)), np.ones((6, 6, 5))).astype(np.float32) - 400
    ct += rng.normal(0, 20, ct.shape).astype(np.float32)
    affine, organs = np.diag([-0.9, -0.9, 1.5, 1.0]), (ct > 0).astype(np.uint8)
    cells = rng.normal(0, 1, (6, 6, 67)).astype(np.float32)
    findings = [PageFinding(f"finding {k}", 0.5, cells, np.diag([-60.0, -60, 4.5, 1.0])) for k in range(3)]
    (tmp_path / "a.html").write_text(scan_page(PageText("a"), ct, affine, findings, organs), encoding="utf-8")
    assert (tmp_path / "a.html").stat().st_size < 12e6
    with Chromium() as browser:
        before = browser.processor_seconds()
        taken = browser.open(tmp_path / "a.html")
        used = browser.processor_seconds() - before
    assert min(taken, used / 2) < 3, f"{taken:.1f} s, {used:.1f} s of processor time"


def test_two_pages_choose_findings_and_move_together(browser: Chromium, pages: Path, tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(compare_pages([pages / "scan.html", pages / "scan.html"]), encoding="utf-8")
    browser.resize(1800, 1100)
    done = "f.contentWindow.linked && f.contentDocument.getElementById('readout').dataset.ready"
    ready = f"window.link && frames.every((f) => {done})"
    browser.open(tmp_path / "a.html", ready=ready)
    shown = (
        "frames.map((f) => f.contentWindow.document.querySelector('#findings [aria-pressed=true] .name').textContent)"
    )
    assert browser.evaluate(shown) == ["lung nodule", "lung nodule"]
    browser.evaluate("document.querySelector('button[data-name=improbable]').click()")
    assert browser.evaluate(shown) == ["improbable", "improbable"]
    browser.evaluate("frames[0].contentWindow.document.querySelector('#findings [data-finding=\"0\"]').click()")
    assert browser.evaluate(shown) == ["lung nodule", "lung nodule"]
    browser.evaluate("(frames[1].contentWindow.reader.goTo([20, -50, 480]), 1)")
    position = browser.evaluate("frames[0].contentWindow.reader.position()")
    assert position == pytest.approx([20, -50, 480], abs=3)
    browser.evaluate("document.getElementById('together').click()")
    browser.evaluate("(frames[1].contentWindow.reader.goTo([-20, -50, 520]), 1)")
    assert browser.evaluate("frames[0].contentWindow.reader.position()") == pytest.approx(position)
    assert not browser.messages()


def test_an_oblique_scan_is_shown_at_the_lesion(browser: Chromium, tmp_path: Path) -> None:
    turn = Rotation.from_euler("zyx", [17, -8, 11], degrees=True).as_matrix()
    affine = np.eye(4)
    affine[:3, :3] = 4 * turn
    affine[:3, 3] = -affine[:3, :3] @ np.full(3, 31.5)
    world = np.moveaxis(np.indices((64,) * 3), 0, -1) @ affine[:3, :3].T + affine[:3, 3]
    lesion = np.array([50.0, -20.0, 30.0])
    ct = np.where(np.linalg.norm(world - lesion, axis=-1) < 14, 500.0, -800.0)
    map_affine = np.diag([-20.0, -20.0, 10.0, 1.0])
    map_affine[:3, 3] = lesion - map_affine[:3, :3] @ [3, 3, 6]
    cells = np.zeros((8, 8, 12), np.float32)
    cells[3, 3, 6] = 1
    (tmp_path / "a.html").write_text(
        scan_page(PageText("a"), ct, affine, [PageFinding("mass", 0.5, cells, map_affine)])
    )
    browser.resize(1440, 1000)
    browser.open(tmp_path / "a.html")
    assert browser.evaluate("reader.position()") == pytest.approx(lesion, abs=5)
    assert browser.evaluate("Number(byId('readout').textContent.match(/(-?\\d+) HU/)[1])") == pytest.approx(500, abs=8)
    bare(browser)
    colored = stage(browser)
    browser.press("m")
    gray = stage(browser)
    assert np.abs(middle(gray[..., 0] > 200) - middle(orange(colored))).max() < 20
