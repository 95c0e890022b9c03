"""A frontal chest radiograph with known boxes, labels and report, projected from the anatomy of the CT phantom."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from monai_pylon.data.anatomy import make_anatomy
from monai_pylon.data.ct_scene import grow_lung_tree
from monai_pylon.data.film_canvas import Film, FilmPose
from monai_pylon.data.film_chest import CLEAR_MM, project_chest
from monai_pylon.data.film_exposure import expose
from monai_pylon.data.film_findings import FILM_FINDINGS, draw_film_findings, paint_film_findings
from monai_pylon.data.film_overlays import add_overlays
from monai_pylon.data.film_painters import PaintedFilm
from monai_pylon.data.film_report import film_report
from monai_pylon.taxonomy import CHEST_XRAY14_LABELS
from monai_pylon.utils import check, check_choice, check_type

__all__ = ["ChestRadiographPhantom", "phantom_radiograph"]

#: A film of 43 cm, of which more or less is shown.
_FILM_MM = 430.0


class ChestRadiographPhantom(NamedTuple):
    """A phantom radiograph and everything that is known about it. Rows run from head to foot.

    Attributes:
        image: float32 (1, H, W), 0 to 1; the patient's right is on the picture's left.
        labels: uint8 (14,), in the order of ``CHEST_XRAY14_LABELS``.
        boxes: float32 (K, 5), [x1, y1, x2, y2, class] in pixels, K possibly 0; class counts as ``labels`` does. One
            box for each finding: everything it changes lies inside.
        lungs: bool (2, H, W), the fields of the right and of the left lung without findings; what lies behind heart
            and diaphragm does not belong to them where little lung is in front of it.
        view: "PA" or "AP".
        report: the findings section of a report that says the same.

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


def _pose(rng: np.random.Generator, view: str) -> FilmPose:
    """Stand a patient before a film; who lies on it is closer to the tube, which enlarges the heart."""
    turn, tip, lean, bend = rng.normal(0.0, (0.05, 0.06, 0.025, 5.0))
    across, up = rng.normal((0.0, 18.0), 9.0)
    film_at, distance = (125.0, 1800.0) if view == "PA" else (-125.0, 1050.0)
    return FilmPose(float(turn), float(tip), float(lean), float(bend), (float(across), float(up)), film_at, distance)


def phantom_radiograph(
    seed: int = 0, size: int = 256, *, findings: Sequence[str] | None = None, view: str | None = None
) -> ChestRadiographPhantom:
    """Make a frontal chest radiograph of a patient who does not exist.

    The rays run through the anatomy of the patient of ``phantom_chest_ct(seed)``, with the arms down and a deeper
    breath. View, exposure, contrast, noise, pose, breasts, wires and markers vary from seed to seed and tell nothing
    about the findings.

    Args:
        seed: patient and film: the same seed gives the same film bit by bit. Asking for other findings changes the
            film only where a finding lies.
        size: H and W in pixels, at least 32.
        findings: class names of ``FILM_FINDINGS``, one finding for each entry; an empty list for a normal film; None
            lets the seed choose as often as readers boxed them, with nearly half of the films normal.
        view: "PA", "AP", or None to let the seed choose.

    Returns:
        the image with its truth.

    Raises:
        TypeError: where an argument has the wrong type.
        ValueError: where a class has no boxes here, or the film is too small.

    Example:
        >>> phantom = phantom_radiograph(1, size=64, findings=["Nodule", "Effusion"])
        >>> phantom.image.shape, phantom.boxes.shape, int(phantom.labels.sum())
        ((1, 64, 64), (2, 5), 2)
    """
    check_type(seed, (int, np.integer), "seed")
    check(seed >= 0, "seed", "0 or more", seed)
    check_type(size, (int, np.integer), "size", "It is the number of pixels a side.")
    check(size >= 32, "size", "at least 32 pixels", size)
    check_type(findings, (list, tuple, type(None)), "findings", "Give a list of class names, [] for a normal film.")
    for name in findings or ():
        check_choice(name, FILM_FINDINGS, "each of findings")
    if view is not None:
        check_choice(view, ("PA", "AP"), "view")

    def stream(part: int) -> np.random.Generator:
        # parts below 200 are the CT phantom's: the same patient with the same vessels
        return np.random.default_rng([int(seed), part])

    labels = draw_film_findings(stream(204)) if findings is None else list(findings)
    rng = stream(200)
    drawn = "AP" if rng.random() < 0.35 else "PA"
    view = drawn if view is None else view
    pose, width = _pose(rng, view), _FILM_MM * float(rng.uniform(0.88, 1.0))
    # standing, a patient breathes in more deeply than lying on the back
    low = float(rng.uniform(-30.0, -18.0) if view == "PA" else rng.uniform(-14.0, 4.0))
    scale = float(rng.uniform(1.2, 1.42))
    anatomy = make_anatomy(stream(0), arms="down", dome_rise=(low, low))
    larger = None
    if "Cardiomegaly" in labels:
        larger = make_anatomy(stream(0), arms="down", dome_rise=(low, low), heart_scale=scale)
    growth, kinds = stream(2), ("arteries", "veins")
    # the finest generation of a CT's vessels is lost in the noise of a film
    vessels = [grow_lung_tree(growth, anatomy, side, kind, levels=7) for side in (1, -1) for kind in kinds]
    film = Film(int(size), width, pose)
    lung_grain = stream(201)
    grain = film.spread(lung_grain.standard_normal((80, 80), dtype=np.float32))
    chest = project_chest(film, anatomy, np.concatenate(vessels), grain, lung_grain.uniform(size=16))
    painted = PaintedFilm(film, anatomy, chest, chest.gas.copy())
    found = paint_film_findings(painted, larger, labels, int(seed))
    absorption = chest.solid - painted.gas.sum(axis=0) + add_overlays(film, stream(202), view)
    image = expose(film, chest, absorption, stream(205), stream(203), view)

    classes = [CHEST_XRAY14_LABELS.index(finding.label) for finding in found]
    present = np.isin(np.arange(len(CHEST_XRAY14_LABELS)), classes).astype(np.uint8)
    rows = [(*finding.box, kind) for finding, kind in zip(found, classes, strict=True)]
    boxes = np.array(rows, dtype=np.float32).reshape(-1, 5)
    return ChestRadiographPhantom(image[None], present, boxes, chest.lungs > CLEAR_MM, view, film_report(found))
