"""Reading page of an explained radiograph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from monai.data import MetaTensor
from torch import nn

from monai_pylon.data.radiographs.reader import SIDES
from monai_pylon.reports.page.content import PageFinding, PageText
from monai_pylon.reports.page.radiograph_html import radiograph_page
from monai_pylon.taxonomy import CHEST_XRAY14_LABELS
from monai_pylon.visualize import MapGeometry
from monai_pylon.workflows.cohort.notice import case_name
from monai_pylon.workflows.cohort.page_writer import LayerAudit, audit_sentences, provenance

__all__ = ["RadiographPage"]

_DISTRUST = (
    "The strongest place lies where the finding cannot be: outside of the chest, on a letter, a tube or an implant.",
    "The radiograph is rotated, cropped, lateral, of a child, or of another body part.",
    "The radiograph differs from those the network was trained on: bedside, lying, other gray values.",
    "A place points to a region, not to the border of a finding.",
)


class RadiographPage:
    """Function that builds the reading page of an explained radiograph, for `PageWriter`.

    Args:
        labels: Names of the M findings.
        network: The network, for its audit; None leaves it out.
        layer: Layer of the maps.
        settings: Settings for the page's provenance.
        radiograph_key: Item with the radiograph as it was read, (1, H, W) between 0 and 1.

    Example:
        >>> item = {"scan": "a", "radiograph": torch.zeros(1, 16, 16), "image": torch.zeros(1, 8, 8)}
        >>> item |= {"logits": torch.zeros(1), "attention": torch.zeros(1, 4, 4)}
        >>> "Mass, 50 %" in RadiographPage(["Mass"])(item)
        True
    """

    def __init__(
        self,
        labels: Sequence[str] = CHEST_XRAY14_LABELS,
        network: nn.Module | None = None,
        layer: str | None = "head",
        settings: Mapping[str, Any] | None = None,
        radiograph_key: str = "radiograph",
    ) -> None:
        self.labels, self.settings, self.radiograph_key = tuple(labels), dict(settings or {}), radiograph_key
        self.audited, self.audit = network is not None, LayerAudit(network, layer)

    def __call__(self, data: Mapping[str, Any]) -> str:
        """Return the page of an item that `ExplainItem` explained."""
        radiograph = data[self.radiograph_key]
        meta = radiograph.meta if isinstance(radiograph, MetaTensor) else {}
        image = np.clip(torch.as_tensor(radiograph)[0].cpu().numpy(), 0, 1)
        maps = torch.as_tensor(data["attention"]).float().sigmoid().cpu().numpy()
        geometry = data.get("geometry")
        if geometry is None:
            scale = tuple(n / cells for n, cells in zip(image.shape, maps.shape[1:], strict=True))
            geometry = MapGeometry(tuple(step / 2 - 0.5 for step in scale), scale)
        else:
            geometry = geometry.resized(data["input_size"], image.shape)
        chances = data["logits"].cpu().sigmoid().tolist()
        boxes = data.get("radiograph_boxes")
        findings = [
            PageFinding(
                name.replace("_", " "),
                chance,
                map,
                geometry.affine,
                boxes=() if boxes is None else boxes[boxes[:, 4] == k, :4],
            )
            for k, (name, chance, map) in enumerate(zip(self.labels, chances, maps, strict=True))
        ]
        notes: list[tuple[str, Sequence[str]]] = []
        warnings = [data["notice"]] if data.get("notice") else []
        if self.audited:
            audit = self.audit(data["image"])
            notes.append(("Can the map be trusted?", audit_sentences(audit, "map")))
            if audit is not None and not audit.provable["map"]:
                warnings.append("The map is not guaranteed to show what the network used, see below.")
        notes.append(("When to distrust the map", _DISTRUST))
        name = case_name(data, "Chest radiograph")
        text = PageText(name, notes, provenance(self.settings), warnings=warnings)
        return radiograph_page(text, image, findings, str(meta.get(SIDES) or ""))
