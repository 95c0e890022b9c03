"""Tests of the page of a radiograph."""

from __future__ import annotations

import base64

import numpy as np
import torch
from monai.data import MetaTensor

from monai_pylon.data.radiographs.reader import SIDES
from monai_pylon.networks.nets import PYLON
from monai_pylon.workflows.radiographs.page import RadiographPage
from monai_pylon.workflows.radiographs.writer import ExplainItem, RadiographWriter
from tests.reports.page.pages import page_data


def test_the_map_is_that_of_the_network(tmp_path: object) -> None:
    torch.manual_seed(0)
    labels = ["Mass", "Nodule"]
    network = PYLON(encoder="resnet18", num_classes=2).eval()
    radiograph = MetaTensor(torch.rand(1, 96, 128), meta={SIDES: "RL"})
    item = {"scan": "b", "radiograph": radiograph, "image": torch.rand(1, 64, 64), "boxes": [[8, 4, 20, 30, 1]]}
    item = ExplainItem(network)(item)
    item = RadiographWriter(str(tmp_path), labels, top=1, overlay=False, nifti=False)(item)
    html = RadiographPage(labels, network, settings={"checkpoint": "cd34"})(item)
    data = page_data(html)
    order = item["logits"].argsort(descending=True).tolist()
    assert [finding["name"] for finding in data["findings"]] == [labels[k] for k in order]
    found = data["findings"][0]["map"]
    cells = np.frombuffer(base64.b64decode(found["values"]), "<f4").reshape(found["shape"])
    assert np.allclose(cells, item["attention"][order[0]].sigmoid().numpy())
    resized = item["geometry"].resized((64, 64), (96, 128))
    assert (found["origin"], found["spacing"]) == (list(resized.origin), list(resized.spacing))
    boxed = next(finding for finding in data["findings"] if finding["name"] == "Nodule")
    assert boxed["boxes"] == [[8, 4, 20, 30]]
    assert data["sides"] == "RL"
    assert "that map is itself the explanation" in html
    assert "cd34" in html
