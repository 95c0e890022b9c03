"""Findings of the CT phantom: their position and size, and the change of the lung that each causes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.ndimage import map_coordinates

from monai_pylon.data.phantoms.anatomy import Anatomy
from monai_pylon.data.phantoms.shapes import Ellipsoid, cover

__all__ = ["CT_FINDINGS", "PhantomFinding", "LungFields", "Texture", "WHOLE_LUNG", "alter_lung", "draw_findings"]

#: Findings in the order of drawing and reporting.
CT_FINDINGS = ("nodule", "mass", "effusion", "collapse", "consolidation", "ild", "pneumothorax")

#: Severity from which the whole lung is collapsed instead of its lower lobe.
WHOLE_LUNG = 0.9


class PhantomFinding(NamedTuple):
    """Finding of one lung.

    Attributes:
        name: One of ``CT_FINDINGS``.
        side: +1 right lung, -1 left lung.
        balls: Ellipsoids of a nodule, a mass or a consolidation.
        severity: Size, 0 to 1.
        lobe: "upper", "middle" or "lower".

    Example:
        >>> PhantomFinding("effusion", -1).side
        -1
    """

    name: str
    side: int
    balls: tuple[Ellipsoid, ...] = ()
    severity: float = 0.5
    lobe: str = "lower"


class Texture:
    """Smooth random values in space, interpolated from a coarse lattice.

    Args:
        rng: Random numbers.
        step: Distance between the nodes of the lattice, mm.

    Example:
        >>> texture = Texture(np.random.default_rng(0), step=20.0)
        >>> texture(np.zeros((4, 1, 1)), np.zeros((1, 3, 1)), np.zeros((1, 1, 2))).shape
        (4, 3, 2)
    """

    def __init__(self, rng: np.random.Generator, step: float) -> None:
        self.step = step
        nodes = tuple(int(np.ceil(extent / step)) + 2 for extent in (340.0, 260.0, 320.0))
        self.values = rng.standard_normal(nodes, dtype=np.float32)

    def __call__(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Return values (...) of about unit standard deviation at coordinates in mm that broadcast to ``(...)``."""
        where = np.stack(np.broadcast_arrays((x + 170) / self.step, (y + 130) / self.step, (z + 170) / self.step))
        return map_coordinates(self.values, where, order=1, mode="grid-wrap", output=np.float32)


class LungFields(NamedTuple):
    """Lung on a grid while findings change it: its extent, its HU, and the other content of the pleural cavity.

    Attributes:
        x, y, z: Coordinates that broadcast to (X, Y, Z), mm.
        up: Height against gravity, mm; equal to y unless the patient is rotated.
        side: +1 right, -1 left.
        wall: (X, Y, Z), depth from the chest wall, mm.
        lung: (X, Y, Z), depth inside the lung, mm.
        hu: (X, Y, Z), HU of the lung.
        air: Depth inside pleural air, mm, or None.
        fluid: Depth inside pleural fluid, mm, or None.
        masks: Depth inside each finding by name, mm.

    Example:
        >>> LungFields._fields[:4]
        ('x', 'y', 'z', 'up')
    """

    x: np.ndarray
    y: np.ndarray
    z: np.ndarray
    up: np.ndarray
    side: int
    wall: np.ndarray
    lung: np.ndarray
    hu: np.ndarray
    air: np.ndarray | None
    fluid: np.ndarray | None
    masks: dict[str, np.ndarray]


def _lobe(centre: np.ndarray, side: int, anatomy: Anatomy) -> str:
    if anatomy.fissure_depth(centre[0], centre[1], centre[2], side) > 0:
        return "lower"
    # the left lung has no middle lobe
    return "middle" if side > 0 and centre[2] < -10.0 else "upper"


def _place(rng: np.random.Generator, anatomy: Anatomy, side: int, low: float, high: float) -> np.ndarray:
    """Return a point (3,) with a depth inside the lung between two values, mm."""
    points = rng.uniform((12, -100, -115), (140, 95, anatomy.apex), size=(1500, 3)) * (side, 1, 1)
    depth = anatomy.lung_depth(points[:, 0], points[:, 1], points[:, 2], side)
    fit = (depth > low) & (depth < high)
    return points[np.argmax(fit)] if fit.any() else points[np.argmax(depth)]


def draw_findings(
    rng: np.random.Generator,
    anatomy: Anatomy,
    wanted: dict[str, tuple[int, ...]],
    severity: float,
    mass_place: str = "lung",
) -> list[PhantomFinding]:
    """Place the findings that were requested for a phantom.

    Args:
        rng: Random numbers.
        anatomy: The patient.
        wanted: Sides (+1 right, -1 left) by name of the finding; one finding for each side.
        severity: 0 to 1.
        mass_place: "lung" for a mass anywhere, "hilum" for a larger one against the mediastinum.

    Returns:
        The findings, in the order of ``CT_FINDINGS``.

    Example:
        >>> from monai_pylon.data.phantoms.anatomy import make_anatomy
        >>> rng = np.random.default_rng(0)
        >>> [f.name for f in draw_findings(rng, make_anatomy(rng), {"mass": (1,)}, 0.5)]
        ['mass']
    """
    found = []
    for name in CT_FINDINGS:
        for number, side in enumerate(wanted.get(name, ())):
            balls: tuple[Ellipsoid, ...] = ()
            if name == "nodule":
                radius = float(rng.uniform(3.0, 4.0 + 8.0 * severity))
                # every third nodule sits on the pleura
                low, high = (-1.0, 1.5) if number % 3 == 2 else (radius + 3.0, 60.0)
                balls = (
                    Ellipsoid(_place(rng, anatomy, side, low, high), (radius, radius * rng.uniform(0.8, 1.1), radius)),
                )
            elif name in ("mass", "consolidation"):
                radius = (16.0 + 22.0 * severity) if name == "mass" else (24.0 + 34.0 * severity)
                # a consolidation reaches the pleura
                low, high = (8.0, radius) if name == "mass" else (2.0, 0.5 * radius)
                centre = _place(rng, anatomy, side, low, high)
                if name == "mass" and mass_place == "hilum":
                    radius = 30.0 + 30.0 * severity
                    hilum = anatomy.mediastinum.hila[0 if side > 0 else 1]
                    centre = hilum + np.array([0.5 * radius * side, 0.0, 0.0])
                lobes = 4 if name == "mass" else 6
                offsets = rng.normal(0.0, 0.33 * radius, (lobes, 3))
                sizes = radius * rng.uniform(0.5, 0.8, (lobes, 3))
                balls = tuple(Ellipsoid(centre + o, s) for o, s in zip(offsets, sizes, strict=True))
            lobe = _lobe(np.asarray(balls[0].centre), side, anatomy) if balls else "lower"
            found.append(PhantomFinding(name, side, balls, severity, lobe))
    return found


def _pneumothorax(lung: LungFields, finding: PhantomFinding, anatomy: Anatomy) -> LungFields:
    # the patient lies on the back, so that air collects in front and at the apex
    front = np.clip((lung.up + 40.0) / 110.0, 0.0, 1.0) + np.clip((lung.z - anatomy.apex + 70.0) / 90.0, 0.0, 0.8)
    gap = (8.0 + 44.0 * finding.severity) * np.minimum(front, 1.0)
    air = np.minimum(lung.lung, gap - lung.wall)
    return lung._replace(lung=np.minimum(lung.lung, lung.wall - gap), air=air, masks=lung.masks | {"pneumothorax": air})


def _effusion(lung: LungFields, finding: PhantomFinding, anatomy: Anatomy) -> LungFields:
    # fluid collects at the back, higher towards the base and along the wall
    level = -105.0 + 115.0 * finding.severity - 0.16 * (lung.z + 20.0) + 16.0 * np.exp(-np.maximum(lung.wall, 0) / 9.0)
    above = (lung.up - level) * 0.95
    fluid = np.minimum(lung.lung, -above)
    # the lung next to it is compressed and airless
    pressed = cover(10.0 + 10.0 * finding.severity - above, 5.0)
    hu = lung.hu + pressed * (38.0 - lung.hu) * np.clip((10.0 - lung.z) / 60.0, 0.0, 1.0)
    rest = np.minimum(lung.lung, above)
    return lung._replace(lung=rest, hu=hu, fluid=fluid, masks=lung.masks | {"effusion": fluid})


def _collapse(lung: LungFields, finding: PhantomFinding, anatomy: Anatomy) -> LungFields:
    # the lower lobe, retracted towards spine and diaphragm
    behind = anatomy.fissure_depth(lung.x, lung.y, lung.z, lung.side) + 0.35 * (48.0 - lung.side * lung.x)
    within = np.minimum(behind - 46.0 + 40.0 * finding.severity, lung.lung)
    if finding.severity >= WHOLE_LUNG:
        within = lung.lung
    hu = lung.hu + cover(within, 3.0) * (42.0 - lung.hu)
    return lung._replace(hu=hu, masks=lung.masks | {"collapse": within})


def _consolidation(lung: LungFields, finding: PhantomFinding, texture: Texture) -> LungFields:
    within = np.max([ball.depth(lung.x, lung.y, lung.z) for ball in finding.balls], axis=0)
    within = np.minimum(within + 5.0 * texture(lung.x, lung.y, lung.z), lung.lung)
    hu = lung.hu + cover(within, 9.0) * (25.0 - lung.hu)
    within = np.maximum(within, lung.masks.get("consolidation", within))
    return lung._replace(hu=hu, masks=lung.masks | {"consolidation": within})


def _ild(lung: LungFields, finding: PhantomFinding, textures: dict[str, Texture]) -> LungFields:
    # thickened septa and small cysts under the pleura, patchy, most severe at the back and at the bases
    worse = np.clip((50.0 - lung.z - 0.5 * lung.y) / 130.0, 0.05, 1.0)
    reach = (6.0 + 44.0 * finding.severity) * worse + 5.0 * textures["patchy"](lung.x, lung.y, lung.z)
    within = np.minimum(lung.lung, reach - lung.wall)
    values = textures["fine"](lung.x, lung.y, lung.z)
    mesh = np.clip(1.0 - np.abs(values) / 0.35, 0.0, 1.0)
    hu = lung.hu + cover(within, 10.0) * (90.0 + 480.0 * mesh - 110.0 * (np.abs(values) > 0.9))
    return lung._replace(hu=hu, masks=lung.masks | {"ild": within})


def alter_lung(
    lung: LungFields, findings: list[PhantomFinding], anatomy: Anatomy, textures: dict[str, Texture]
) -> LungFields:
    """Apply every finding that changes the lung as a whole; nodules and masses are painted later.

    Args:
        lung: One lung on a grid.
        findings: All findings; those of the other side are skipped.
        anatomy: The patient.
        textures: "patchy" and, with ILD, "fine".

    Returns:
        The changed lung.

    Example:
        >>> alter_lung(LungFields(*[np.zeros(1)] * 4, 1, *[np.zeros(1)] * 3, None, None, {}), [], None, {}).masks
        {}
    """
    for finding in findings:
        if finding.side != lung.side:
            continue
        if finding.name == "effusion":
            lung = _effusion(lung, finding, anatomy)
        elif finding.name == "pneumothorax":
            lung = _pneumothorax(lung, finding, anatomy)
        elif finding.name == "collapse":
            lung = _collapse(lung, finding, anatomy)
        elif finding.name == "consolidation":
            lung = _consolidation(lung, finding, textures["patchy"])
        elif finding.name == "ild":
            lung = _ild(lung, finding, textures)
    return lung
