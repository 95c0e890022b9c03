"""Tests of the CT findings: position and size, textures, and the change of a lung."""

import numpy as np

from monai_pylon.data.phantoms.anatomy import make_anatomy
from monai_pylon.data.phantoms.ct_findings import (
    CT_FINDINGS,
    LungFields,
    PhantomFinding,
    Texture,
    alter_lung,
    draw_findings,
)

ANATOMY = make_anatomy(np.random.default_rng(1))


def draw(wanted: dict, severity: float = 0.5, seed: int = 0) -> list[PhantomFinding]:
    return draw_findings(np.random.default_rng(seed), ANATOMY, wanted, severity)


def test_findings_have_the_order_and_sides_requested():
    found = draw({"pneumothorax": (1,), "mass": (-1, 1), "nodule": (1, 1)})
    assert [(f.name, f.side) for f in found] == [
        ("nodule", 1), ("nodule", 1), ("mass", -1), ("mass", 1), ("pneumothorax", 1)
    ]  # fmt: skip
    assert [len(f.balls) for f in found] == [1, 1, 4, 4, 0]
    assert draw({}) == []


def test_every_third_nodule_lies_on_the_pleura():
    for seed in range(5):
        balls = [finding.balls[0] for finding in draw({"nodule": (1, 1, 1)}, seed=seed)]
        depths = ANATOMY.lung_depth(*np.array([ball.centre for ball in balls]).T, 1)
        assert (depths[:2] > np.array([ball.radii[0] for ball in balls[:2]]) + 3).all()
        assert -1.0 < depths[2] < 1.5


def test_lobe_is_that_of_the_fissure_and_the_left_lung_has_no_middle_lobe():
    lobes = {"right": set(), "left": set()}
    for seed in range(30):
        for f in draw({"mass": (1, -1)}, seed=seed):
            lobes["right" if f.side > 0 else "left"].add(f.lobe)
            behind = ANATOMY.fissure_depth(*np.asarray(f.balls[0].centre), f.side) > 0
            assert (f.lobe == "lower") == behind
    assert lobes == {"right": {"upper", "middle", "lower"}, "left": {"upper", "lower"}}


def test_texture_is_smooth_with_unit_deviation():
    texture = Texture(np.random.default_rng(0), step=20.0)
    x = np.linspace(-160, 160, 161, dtype=np.float32)
    values = texture(x[:, None, None], x[None, :, None], np.zeros((1, 1, 1), np.float32))
    assert 0.4 < values.std() < 1.1
    assert np.abs(np.diff(values, axis=0)).max() < 0.1 * np.ptp(values) + 0.3


def lung(side: int = 1) -> LungFields:
    """Return a lung on a line of five points from back to front, 20 mm below the chest wall."""
    y = np.linspace(-80.0, 80.0, 5)
    depth, hu = np.full(5, 20.0), np.full(5, -850.0)
    return LungFields(np.full(5, 70.0), y, np.zeros(5), y, side, depth, depth, hu, None, None, {})


def test_findings_of_the_other_side_are_skipped():
    fields = lung(side=-1)
    for name in CT_FINDINGS[2:]:
        assert alter_lung(fields, [PhantomFinding(name, 1)], ANATOMY, {}) is fields


def test_effusion_lies_at_the_back_and_pneumothorax_in_front():
    fluid = alter_lung(lung(), [PhantomFinding("effusion", 1, severity=0.6)], ANATOMY, {}).fluid
    air = alter_lung(lung(), [PhantomFinding("pneumothorax", 1, severity=0.6)], ANATOMY, {}).air
    assert fluid[0] > 0 > fluid[-1]
    assert air[0] < 0 < air[-1]


def test_collapse_is_of_the_whole_lung_from_severity_0_9_on():
    lower, whole = (alter_lung(lung(), [PhantomFinding("collapse", 1, severity=s)], ANATOMY, {}) for s in (0.89, 0.9))
    assert lower.masks["collapse"][0] > 0 > lower.masks["collapse"][-1]
    assert (whole.masks["collapse"] == 20.0).all()
    assert (whole.hu == 42.0).all()
