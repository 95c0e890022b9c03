"""Tests of the radiograph painters: every finding changes the gas of its lung inside its box."""

import numpy as np
import pytest

from monai_pylon.data.phantoms.anatomy import make_anatomy
from monai_pylon.data.phantoms.projection import Detector, PatientPose
from monai_pylon.data.phantoms.radiograph_chest import ChestLayers, lung_chords
from monai_pylon.data.phantoms.radiograph_fields import FindingBox, LungField
from monai_pylon.data.phantoms.radiograph_painters import RADIOGRAPH_PAINTERS, PaintedRadiograph, paint_large_heart

DETECTOR = Detector(64, 400.0, PatientPose())
ANATOMY = make_anatomy(np.random.default_rng(0), arms="down", dome_rise=(-25.0, -25.0))
LUNGS = np.stack([lung_chords(DETECTOR, ANATOMY, side) for side in (1, -1)])


def painted() -> PaintedRadiograph:
    return PaintedRadiograph(DETECTOR, ANATOMY, ChestLayers(LUNGS, LUNGS, LUNGS[0]), LUNGS.copy())


@pytest.mark.parametrize("label", [label for label in RADIOGRAPH_PAINTERS if label != "Pneumothorax"])
def test_finding_removes_gas_of_its_lung_in_its_box(label):
    on, field = painted(), LungField.of(DETECTOR, LUNGS[0], 1)
    box = FindingBox(*field.at(0.5, 0.5), 60.0, 60.0)
    if label == "Effusion":
        box = FindingBox(field.outer[-1] - 30.0, field.bottom + 26.0, 60.0, 60.0)
    RADIOGRAPH_PAINTERS[label](on, np.random.default_rng(0), field, box)
    lost = LUNGS - on.gas
    assert lost.min() >= 0
    assert lost[0].max() > 5
    assert not lost[1].any()
    rows, columns = DETECTOR.part(*box.corners())
    lost[0, rows, columns] = 0
    assert lost.max() < 1.0


def test_pneumothorax_adds_gas_beside_the_ribs_and_draws_a_line():
    on, field = painted(), LungField.of(DETECTOR, LUNGS[0], 1)
    RADIOGRAPH_PAINTERS["Pneumothorax"](
        on, np.random.default_rng(0), field, FindingBox(field.at(0.1, 0.3)[0], field.top - 40.0, 60.0, 80.0)
    )
    change = on.gas[0] - LUNGS[0]
    assert change.min() < -5
    assert not change[DETECTOR.v[:, 0] < field.top - 85.0].any()
    np.testing.assert_array_equal(on.gas[1], LUNGS[1])


def test_fill_keeps_3_percent_of_the_gas():
    on = painted()
    on.fill(-1, (slice(None), slice(None)), np.full((64, 64), 2.0))
    np.testing.assert_allclose(on.gas[1], 0.03 * LUNGS[1], rtol=1e-5)
    np.testing.assert_array_equal(on.gas[0], LUNGS[0])


def test_large_heart_removes_gas_inside_its_box_only():
    on = painted()
    larger = make_anatomy(np.random.default_rng(0), arms="down", dome_rise=(-25.0, -25.0), heart_scale=1.4)
    box = paint_large_heart(on, larger)
    lost = LUNGS - on.gas
    assert lost.min() >= 0
    assert lost[1].sum() > lost[0].sum() > 0
    rows, columns = DETECTOR.part(*box.corners())
    lost[:, rows, columns] = 0
    assert not lost.any()
