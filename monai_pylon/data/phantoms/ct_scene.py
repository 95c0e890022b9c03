"""Scene of a CT phantom: patient, findings, trees and textures; everything random except the noise."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from monai_pylon.data.phantoms.anatomy import Anatomy, make_anatomy
from monai_pylon.data.phantoms.ct_findings import PhantomFinding, Texture, draw_findings
from monai_pylon.data.phantoms.lung_trees import grow_lung_tree

__all__ = ["Scene", "make_scene"]


class Scene(NamedTuple):
    """Content of one CT before rendering.

    Attributes:
        anatomy: The patient.
        findings: The findings.
        vessels: (B, 8), branches of the arteries and veins of both lungs.
        bronchi: (B, 8), branches of both bronchial trees beyond the main bronchi.
        textures: "soft" (lung), "patchy" (consolidation) and, with ILD, "fine".
        chances: (16,) uniform numbers for everything else that varies (table, stomach, bowel).
        contrast: Phase of the contrast medium: "none", "arterial", "venous" or "streaks".
        gas: Places full of gas: "oesophagus", "stomach", "bowel", "subcutaneous".

    Example:
        >>> make_scene(0, {}, severity=0.5, arms="up").findings
        []
    """

    anatomy: Anatomy
    findings: list[PhantomFinding]
    vessels: np.ndarray
    bronchi: np.ndarray
    textures: dict[str, Texture]
    chances: np.ndarray
    contrast: str = "none"
    gas: tuple[str, ...] = ()


def make_scene(
    seed: int, sides: dict[str, tuple[int, ...]], severity: float, arms: str, mass_place: str = "lung"
) -> Scene:
    """Draw a patient.

    Each part has a random stream of its own, so that a finding does not change the rest of the chest.

    Args:
        seed: The patient.
        sides: Sides (+1 right, -1 left) by name of the finding; one finding for each side.
        severity: 0 to 1.
        arms: "up" or "down".
        mass_place: "lung" or "hilum".

    Returns:
        The scene.

    Example:
        >>> make_scene(0, {"effusion": (-1,)}, severity=0.5, arms="up").findings[0].name
        'effusion'
    """
    patient, positions, growth, speckle = (np.random.default_rng([seed, part]) for part in range(4))
    collapsed = sides.get("collapse", ())
    # a collapsed lung draws the heart towards it and raises the diaphragm
    pull = 16.0 * severity * (collapsed[0] if len(collapsed) == 1 else 0)
    right, left = (24.0 * severity * (side in collapsed) for side in (1, -1))
    anatomy = make_anatomy(patient, arms=arms, shift=pull, dome_rise=(right, left))
    findings = draw_findings(positions, anatomy, sides, severity, mass_place)
    vessels, bronchi = [], []
    for side in (1, -1):
        vessels += [grow_lung_tree(growth, anatomy, side, kind) for kind in ("arteries", "veins")]
        bronchi.append(grow_lung_tree(growth, anatomy, side, "bronchi"))
    textures = {"soft": Texture(speckle, 9.0), "patchy": Texture(speckle, 7.0)}
    chances = speckle.uniform(size=16)
    if "ild" in (finding.name for finding in findings):
        textures["fine"] = Texture(speckle, 4.2)
    return Scene(anatomy, findings, np.concatenate(vessels), np.concatenate(bronchi), textures, chances)
