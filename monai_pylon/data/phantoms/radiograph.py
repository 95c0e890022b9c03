"""Frontal chest radiographs with known boxes, labels and report, projected from the anatomy of the CT phantom."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.ndimage import gaussian_filter

from monai_pylon.data.phantoms.anatomy import make_anatomy
from monai_pylon.data.phantoms.lung_trees import grow_lung_tree
from monai_pylon.data.phantoms.projection import Detector, PatientPose
from monai_pylon.data.phantoms.radiograph_chest import CLEAR_MM, ChestLayers, project_chest
from monai_pylon.data.phantoms.radiograph_findings import (
    RADIOGRAPH_FINDINGS,
    draw_radiograph_findings,
    paint_radiograph_findings,
)
from monai_pylon.data.phantoms.radiograph_overlays import add_overlays
from monai_pylon.data.phantoms.radiograph_painters import PaintedRadiograph
from monai_pylon.data.phantoms.report_text import radiograph_report
from monai_pylon.taxonomy import CHEST_XRAY14_LABELS
from monai_pylon.utils import check, check_choice, check_type

__all__ = ["ChestRadiographPhantom", "expose", "phantom_radiograph"]


def expose(
    detector: Detector,
    layers: ChestLayers,
    absorption: np.ndarray,
    looks: np.random.Generator,
    grain: np.random.Generator,
    view: str,
) -> np.ndarray:
    """Convert absorption to the gray values of a radiograph.

    The exposure is set for the patient without findings, so that a finding changes the image only at its position.

    Args:
        detector: The detector.
        layers: The chest without findings.
        absorption: (H, W), mm of soft tissue along each ray, with findings and overlays.
        looks: Random numbers for contrast, brightness and borders.
        grain: Random numbers for the noise.
        view: "PA" or "AP"; an AP radiograph has less contrast and more noise.

    Returns:
        float32 (H, W), 0 (black) to 1 (white).

    Example:
        >>> from monai_pylon.data.phantoms.projection import PatientPose
        >>> chest = ChestLayers(np.zeros((2, 64, 64)), np.full((2, 64, 64), 99.0), np.full((64, 64), 200.0))
        >>> dice = np.random.default_rng(0), np.random.default_rng(1)
        >>> expose(Detector(64, 400.0, PatientPose()), chest, np.full((64, 64), 200.0), *dice, "PA").shape
        (64, 64)
    """
    bare = layers.solid - layers.gas.sum(axis=0)
    quarter = detector.size // 4
    lung = float(np.median(bare[layers.lungs.max(axis=0) > CLEAR_MM]))
    soft = float(np.median(bare[-quarter // 2 :, quarter:-quarter]))
    portable = view == "AP"
    dark = looks.uniform(0.28, 0.5) if portable else looks.uniform(0.2, 0.42)
    light = looks.uniform(0.68, 0.84) if portable else looks.uniform(0.78, 0.92)
    low, high = (float(np.log(gray / (1.0 - gray))) for gray in (dark, light))
    speckle = grain.standard_normal((detector.size, detector.size), dtype=np.float32)
    speckle = gaussian_filter(speckle, 0.5) if portable else speckle
    speckle *= looks.uniform(0.02, 0.05) if portable else looks.uniform(0.01, 0.03)
    contrast = max(soft - lung, 30.0)
    # fewer quanta mean more noise
    noise = speckle * np.clip(0.7 + 0.5 * (bare - lung) / contrast, 0.4, 1.5)
    image = 1.0 / (1.0 + np.exp(-(low + (high - low) * ((absorption - lung) / contrast + noise))))
    if looks.random() < 0.25:
        _collimate(image, looks)
    return np.asarray(image, dtype=np.float32)


def _collimate(image: np.ndarray, looks: np.random.Generator) -> None:
    """Blacken up to four borders, as the collimator of an X-ray tube does."""
    size = image.shape[0]
    for turn in range(4):
        edge = int(size * max(0.0, looks.uniform(-0.05, 0.05)))
        np.rot90(image, turn)[:edge] = 0.02


#: Edge of the detector, mm; a radiograph shows 88 % to 100 % of it.
_DETECTOR_MM = 430.0


class ChestRadiographPhantom(NamedTuple):
    """Phantom radiograph with its truth. Rows run from head to foot.

    Attributes:
        image: float32 (1, H, W), 0 to 1; the patient's right is on the left of the image.
        labels: uint8 (14,), in the order of ``CHEST_XRAY14_LABELS``.
        boxes: float32 (K, 5), [x1, y1, x2, y2, class] in pixels, K possibly 0; class is an index of ``labels``. One box
            for each finding, around everything that it changes.
        lungs: bool (2, H, W), fields of the right and the left lung without findings. Lung behind heart and diaphragm
            is excluded if little lung lies along the ray.
        view: "PA" or "AP".
        report: Findings section of a report with the same content.

    Example:
        >>> phantom = phantom_radiograph(0, size=64, findings=["Mass"])
        >>> CHEST_XRAY14_LABELS[int(phantom.boxes[0, 4])]
        'Mass'
    """

    image: np.ndarray
    labels: np.ndarray
    boxes: np.ndarray
    lungs: np.ndarray
    view: str
    report: str


def _pose(rng: np.random.Generator, view: str) -> PatientPose:
    """Draw the pose of a patient; AP enlarges the heart by a shorter distance from the source."""
    turn, tip, lean, bend = rng.normal(0.0, (0.05, 0.06, 0.025, 5.0))
    across, up = rng.normal((0.0, 18.0), 9.0)
    detector_at, distance = (125.0, 1800.0) if view == "PA" else (-125.0, 1050.0)
    return PatientPose(
        float(turn), float(tip), float(lean), float(bend), (float(across), float(up)), detector_at, distance
    )


def phantom_radiograph(
    seed: int = 0, size: int = 256, *, findings: Sequence[str] | None = None, view: str | None = None
) -> ChestRadiographPhantom:
    """Render a synthetic frontal chest radiograph.

    The rays cross the anatomy of the patient of ``phantom_chest_ct(seed)``, with the arms down and a deeper breath.
    View, exposure, contrast, noise, pose, breasts, wires and markers vary with the seed and do not depend on the
    findings.

    Args:
        seed: Patient and radiograph. The same seed gives the same radiograph bit by bit. Other findings change the
            radiograph only where a finding lies.
        size: H and W in pixels, at least 32.
        findings: Names of the first eight of ``CHEST_XRAY14_LABELS``, those with published boxes, one finding for each
            entry; an empty list for a normal radiograph. With None, the seed draws them with the frequencies of
            published boxes, and nearly half of the radiographs are normal.
        view: "PA", "AP", or None to let the seed choose.

    Returns:
        The image with its truth.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If a finding is not one of the eight, or the size is too small.

    Example:
        >>> phantom = phantom_radiograph(1, size=64, findings=["Nodule", "Effusion"])
        >>> phantom.image.shape, phantom.boxes.shape, int(phantom.labels.sum())
        ((1, 64, 64), (2, 5), 2)
    """
    check_type(seed, (int, np.integer), "seed")
    check(seed >= 0, "seed", "0 or more", seed)
    check_type(size, (int, np.integer), "size", "It is the number of pixels a side.")
    check(size >= 32, "size", "at least 32 pixels", size)
    check_type(
        findings, (list, tuple, type(None)), "findings", "Give a list of class names, [] for a normal radiograph."
    )
    for name in findings or ():
        check_choice(name, RADIOGRAPH_FINDINGS, "each of findings")
    if view is not None:
        check_choice(view, ("PA", "AP"), "view")

    def stream(part: int) -> np.random.Generator:
        # parts below 200 belong to the CT phantom: the same patient with the same vessels
        return np.random.default_rng([int(seed), part])

    labels = draw_radiograph_findings(stream(204)) if findings is None else list(findings)
    rng = stream(200)
    drawn = "AP" if rng.random() < 0.35 else "PA"
    view = drawn if view is None else view
    pose, width = _pose(rng, view), _DETECTOR_MM * float(rng.uniform(0.88, 1.0))
    # a standing patient inhales more deeply than one on the back
    low = float(rng.uniform(-30.0, -18.0) if view == "PA" else rng.uniform(-14.0, 4.0))
    scale = float(rng.uniform(1.2, 1.42))
    anatomy = make_anatomy(stream(0), arms="down", dome_rise=(low, low))
    larger = None
    if "Cardiomegaly" in labels:
        larger = make_anatomy(stream(0), arms="down", dome_rise=(low, low), heart_scale=scale)
    growth, kinds = stream(2), ("arteries", "veins")
    # the last generation of a CT's vessels is below the noise of a radiograph
    vessels = [grow_lung_tree(growth, anatomy, side, kind, levels=7) for side in (1, -1) for kind in kinds]
    detector = Detector(int(size), width, pose)
    lung_grain = stream(201)
    grain = detector.spread(lung_grain.standard_normal((80, 80), dtype=np.float32))
    chest = project_chest(detector, anatomy, np.concatenate(vessels), grain, lung_grain.uniform(size=16))
    painted = PaintedRadiograph(detector, anatomy, chest, chest.gas.copy())
    found = paint_radiograph_findings(painted, larger, labels, int(seed))
    absorption = chest.solid - painted.gas.sum(axis=0) + add_overlays(detector, stream(202), view)
    image = expose(detector, chest, absorption, stream(205), stream(203), view)

    classes = [CHEST_XRAY14_LABELS.index(finding.label) for finding in found]
    present = np.isin(np.arange(len(CHEST_XRAY14_LABELS)), classes).astype(np.uint8)
    rows = [(*finding.box, kind) for finding, kind in zip(found, classes, strict=True)]
    boxes = np.array(rows, dtype=np.float32).reshape(-1, 5)
    return ChestRadiographPhantom(image[None], present, boxes, chest.lungs > CLEAR_MM, view, radiograph_report(found))
