"""Phantoms of the demo: their findings, and the files."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
from PIL import Image

from monai_pylon.data import phantom_chest_ct
from monai_pylon.taxonomy import CHEST_CT_LABELS, CHEST_XRAY14_LABELS
from monai_pylon.workflows.demo import phantoms
from monai_pylon.workflows.demo.checkpoints import demo_description


def test_the_labels_of_the_checkpoints_are_those_of_the_phantoms() -> None:
    known = demo_description("chest_ct_classification_axialnet")
    assert set(known["network"]["labels"]) <= set(phantoms.CT_FINDINGS.values()) <= set(CHEST_CT_LABELS)
    radiograph = phantoms.demo_radiograph()
    present = {name for name, there in zip(CHEST_XRAY14_LABELS, radiograph.labels, strict=True) if there}
    assert present <= set(demo_description("chest_xray_classification_pylon")["network"]["labels"])


def test_no_patient_of_the_demo_was_trained_on() -> None:
    for bundle in ("chest_xray_classification_pylon", "chest_ct_classification_axialnet"):
        training = demo_description(bundle)["training"]
        last = training["first_seed"] + training["patients"]
        assert last <= min(phantoms._CT_SEED, phantoms._RADIOGRAPH_SEED)


def test_a_ct_is_written_in_hu_with_its_organs(tmp_path: Path) -> None:
    small = phantom_chest_ct(5, shape=(40, 36, 36), spacing=(9, 9, 9))
    file = phantoms.write_phantom_ct(tmp_path, small)
    written = nibabel.load(file)
    assert np.abs(np.asarray(written.dataobj) - small.image).max() <= 0.5
    np.testing.assert_allclose(written.affine, small.affine)
    organs = nibabel.load(tmp_path / "truth" / "phantom_ct_organs.nii.gz")
    assert np.array_equal(np.asarray(organs.dataobj), small.organs)


def test_a_radiograph_is_written_as_it_is_seen(tmp_path: Path) -> None:
    radiograph = phantoms.demo_radiograph()
    with Image.open(phantoms.write_phantom_radiograph(tmp_path, radiograph)) as written:
        assert np.abs(np.asarray(written) / 255 - radiograph.image[0]).max() <= 0.5 / 255 + 1e-6
