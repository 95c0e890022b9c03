"""Tests of the radiograph writer: the row, the order of the findings, the files, and errors."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813 (as in its documentation)
import torch
from matplotlib.figure import Figure

from monai_pylon.data import read_radiograph
from monai_pylon.networks.nets import MaxPoolBackbone
from monai_pylon.utils.image_orientation import unturn_image
from monai_pylon.workflows.radiographs.writer import ExplainItem, RadiographWriter
from tests.data.radiographs.test_reader import write_dicom
from tests.networks.tiny import TinyEncoder

LABELS = ["Mass", "Nodule", "Effusion"]


def item(**more: object) -> dict:
    """Return an explained radiograph: Effusion is most probable, and its peak is at the bottom right."""
    attention = torch.full((3, 2, 2), -4.0)
    attention[2, 1, 1], attention[0, 0, 0] = 2.0, 0.0
    return {
        "scan": "a",
        "radiograph": torch.rand(1, 8, 8),
        "logits": attention.amax((1, 2)),
        "attention": attention,
        **more,
    }


def test_row_has_probabilities_and_peaks_of_the_most_probable_findings(tmp_path: Path) -> None:
    row = RadiographWriter(tmp_path, LABELS, top=2, overlay=False)(item())["row"]
    assert row["Mass"] == 0.5
    assert row["Effusion"] == pytest.approx(1 / (1 + np.exp(-2)), abs=1e-5)
    assert row["top"] == "Effusion; Mass"
    assert [int(n) for n in row["peaks"].split("; ")[0].split(" ")] == [6, 6]  # the first of equal pixels
    assert tuple(row) == RadiographWriter(tmp_path, LABELS).columns
    assert row["sides"] == "unknown", "a tensor without metadata"


def test_findings_with_boxes_are_drawn_but_not_counted(tmp_path: Path) -> None:
    result = RadiographWriter(tmp_path, LABELS, top=1)(item(boxes=[[0, 0, 4, 4, 1]]))
    assert result["files"] == ["a_Effusion.nii.gz", "a_overlay.png"]
    assert len(result["row"]["peaks"].split("; ")) == 1
    assert all((tmp_path / name).is_file() for name in result["files"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"boxes": [[0, 0, 4, 4]]}, "boxes must be a list of"),
        ({"boxes": [[0, 0, 4, 4, 3]]}, "boxes must be of classes 0 to 2"),
        ({"logits": torch.zeros(4)}, "labels must be 4 names"),
        ({"logits": torch.tensor([0.0, torch.nan, 0.0])}, "logits must be finite"),
    ],
)
def test_wrong_items_are_errors(change: dict, message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        RadiographWriter(tmp_path, LABELS, top=1)(item(**change))
    with pytest.raises(ValueError, match="top must be 1 or more"):
        RadiographWriter(tmp_path, LABELS, top=0)
    with pytest.raises(ValueError, match="map_grid must be one of"):
        RadiographWriter(tmp_path, LABELS, map_grid="scan")


def test_more_findings_than_there_are_means_all(tmp_path: Path) -> None:
    result = RadiographWriter(tmp_path, LABELS, top=9)(item())
    assert len(result["row"]["top"].split("; ")) == len(LABELS)
    assert len(result["files"]) == len(LABELS) + 1


def test_explains_one_radiograph_as_a_batch_of_one() -> None:
    net = MaxPoolBackbone(encoder=TinyEncoder(), num_classes=3)
    image = torch.rand(1, 64, 64)
    explained = ExplainItem(net)({"image": image, "scan": "a"})
    expected = net.explain(image[None])
    torch.testing.assert_close(explained["logits"], expected.logits[0])
    torch.testing.assert_close(explained["attention"], expected.attention[0])
    assert explained["scan"] == "a"
    assert not net.training


@pytest.mark.skipif(importlib.util.find_spec("openvino") is None, reason="the extra [openvino] is not installed")
def test_openvino_explains_with_the_weights_at_the_first_image() -> None:
    net = MaxPoolBackbone(encoder=TinyEncoder(), num_classes=3)
    explain, image = ExplainItem(net, backend="openvino"), torch.rand(1, 64, 64)
    with torch.no_grad():
        net.head.bias += 1
    given, expected = explain({"image": image}), net.explain(image[None])
    torch.testing.assert_close(given["logits"], expected.logits[0], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(given["attention"], expected.attention[0], atol=1e-5, rtol=1e-5)
    assert explain._fast.encoder._program is not None


def test_an_unknown_or_missing_backend_is_refused_before_the_first_image(monkeypatch: pytest.MonkeyPatch) -> None:
    net = MaxPoolBackbone(encoder=TinyEncoder(), num_classes=3)
    with pytest.raises(ValueError, match="backend must be one of"):
        ExplainItem(net, backend="onnx")
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(ValueError, match="where OpenVINO is not installed"):
        ExplainItem(net, backend="openvino")


@pytest.mark.parametrize(("sides", "number"), [(["R", "F"], 2), (["H", "R"], 7), (["F", "L"], 5)])
def test_results_of_a_turned_radiograph_are_in_pixels_of_its_file(
    tmp_path: Path, sides: list[str], number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = {}
    monkeypatch.setattr(
        "monai_pylon.reports.radiograph_files.radiograph_overlay_figure",
        lambda image, findings, title, sides: drawn.update(findings=findings, sides=sides) or Figure(),
    )
    tags = {"PatientOrientation": sides, "ImagerPixelSpacing": [0.2, 0.1]}
    file = write_dicom(tmp_path / "a.dcm", np.arange(60 * 80).reshape(60, 80) // 2, **tags)
    radiograph = read_radiograph(file)
    rows, columns = radiograph.shape[1:]
    attention = torch.full((3, rows, columns), -4.0)
    attention[2, 10, 20] = 2.0
    (row,), (column,) = np.nonzero(unturn_image(attention[2].numpy() == 2, number))
    box = [column - 1, row - 2, column + 4, row + 8, 2]
    explained = {"radiograph": radiograph, "logits": attention.amax((1, 2)), "attention": attention}
    writer = RadiographWriter(tmp_path / "out", LABELS, top=1, map_grid="radiograph")
    result = writer({"scan": "a", "boxes": [box], **explained})
    assert result["row"]["peaks"] == f"{column} {row}"
    assert result["row"]["sides"] == drawn["sides"] == "RL"
    (x1, y1, x2, y2) = drawn["findings"][0].boxes[0]
    assert x1 <= 20 < x2
    assert y1 <= 10 < y2
    assert {x2 - x1, y2 - y1} == {5, 10}
    map, itk = (sitk.ReadImage(str(path)) for path in (tmp_path / "out" / "a_Effusion.nii.gz", file))
    assert map.GetSize() == itk.GetSize()
    np.testing.assert_allclose(map.GetSpacing(), itk.GetSpacing(), rtol=1e-6)
    np.testing.assert_allclose(map.GetOrigin(), itk.GetOrigin(), atol=1e-6)
    np.testing.assert_allclose(map.GetDirection(), itk.GetDirection(), atol=1e-6)
    values = sitk.GetArrayFromImage(map)[0]
    assert np.unravel_index(values.argmax(), values.shape) == (row, column)
