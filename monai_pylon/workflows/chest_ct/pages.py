"""Reading pages of chest CTs: of organ masks, and of a network's findings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from monai.data import MetaTensor
from torch import nn

from monai_pylon.reports.page.content import PageFinding, PageText
from monai_pylon.reports.page.scan_html import scan_page
from monai_pylon.taxonomy import ORGANS
from monai_pylon.taxonomy.organs import OK_MEANING
from monai_pylon.transforms import partition_organs
from monai_pylon.transforms.mask_quality import REASONS, MaskQuality
from monai_pylon.transforms.partition import quality_of_item
from monai_pylon.utils import check_type
from monai_pylon.workflows.chest_ct.writer import slice_heights
from monai_pylon.workflows.cohort.notice import case_name
from monai_pylon.workflows.cohort.page_writer import LayerAudit, audit_sentences, provenance

__all__ = ["OrganPage", "ScanPage", "organ_sentences"]

_DISTRUST_ORGANS = (
    "The outline of the mediastinum reaches below the diaphragm: parts of liver, stomach and spleen lie in it.",
    "The outlines leave out part of a lung, or include bowel, stomach or the air around the patient.",
    "The patient lies in an unusual position, or the scan shows only a part of the chest.",
    "A lung is full of fluid or collapsed: its mask is completed by the other side and only approximate.",
)
_DISTRUST_MAP = (
    "The strongest evidence lies where the finding cannot be: outside of the body, or in another organ.",
    "Evidence for and against lies side by side everywhere: the network has no clear place.",
    "The scan differs from those the network was trained on: contrast, dose, kernel, thick slices, implants.",
    "A cell of the map is large: it points to a region, not to the border of a finding.",
)


def _doubts(quality: MaskQuality) -> list[str]:
    """Put the reasons and remarks of a quality into words, such as a lung that was completed."""
    boxes = ["The masks are boxes at the usual places, not the organs' shapes."] if quality.heuristic else []
    return [*(REASONS.get(reason, reason) for reason in quality.reasons), *boxes]


def organ_sentences(quality: MaskQuality) -> list[str]:
    """Put the quality of organ masks into words.

    Args:
        quality: Quality of the masks.

    Returns:
        Sentences: the verdict, its reasons, and the volumes.

    Example:
        >>> organ_sentences(MaskQuality(True, (), {"left lung": 2000.4}, False))
        ['The automatic outlines (PARTITION) show both lungs and ...).', 'Left lung 2000 mL.']
    """
    verdict = f"The automatic outlines (PARTITION) show both lungs and the mediastinum ({OK_MEANING})."
    if not quality.ok:
        verdict = "Check the organ outlines by eye: they may be wrong."
    known = {organ: quality.volumes_ml.get(organ, np.nan) for organ in ORGANS}
    volumes = ", ".join(f"{organ} {ml:.0f} mL" for organ, ml in known.items() if np.isfinite(ml))
    return [verdict, *_doubts(quality), *([f"{volumes[0].upper()}{volumes[1:]}."] if volumes else [])]


class OrganPage:
    """Function that builds the reading page of a scan's organ masks, for `PageWriter`.

    Args:
        settings: Settings for the page's provenance.

    Example:
        >>> scan = MetaTensor(torch.zeros(1, 8, 8, 8), affine=torch.diag(torch.tensor([30.0, 30, 30, 1])))
        >>> from monai_pylon.transforms.partition import quality_item
        >>> item = {"scan": "a", "image": scan}
        >>> doubt = quality_item(MaskQuality(False, ("no_lung",), {}, False))
        >>> item |= {"organs": torch.zeros(1, 8, 8, 8), "quality": doubt}
        >>> "No air-filled lung was found" in OrganPage({})(item)
        True
    """

    def __init__(self, settings: Mapping[str, Any] | None = None) -> None:
        self.settings = dict(settings or {})

    def __call__(self, data: Mapping[str, Any]) -> str:
        """Return the page of an item with "scan", "image", "organs" and "quality"."""
        image, quality = data["image"], quality_of_item(data["quality"])
        check_type(image, MetaTensor, "image", "Read it by ReadVolumed, which keeps its affine.")
        sentences = organ_sentences(quality)
        notes = [("Organ masks", sentences), ("When to distrust the outlines", _DISTRUST_ORGANS)]
        doubts = _doubts(quality)
        remarks, warnings = (sentences[:1], doubts) if quality.ok else ((), [*sentences[:1], *doubts])
        return scan_page(
            PageText(case_name(data, "Chest CT"), notes, provenance(self.settings), remarks, warnings),
            torch.as_tensor(image)[0].cpu().numpy(),
            np.asarray(image.affine, dtype=np.float64),
            organs=torch.as_tensor(data["organs"])[0].cpu().numpy(),
        )


class ScanPage:
    """Function that builds the reading page of an explained scan, for `PageWriter`.

    Args:
        labels: Names of the M labels.
        network: The network, for its audit; None leaves it out.
        layer: Layer of the maps; None if the network keeps no positions.
        settings: Settings for the page's provenance.
        organs: Whether to segment the organs for outlines, verdict and the place of the evidence.
        scan_key: Item with the scan as it was read, MetaTensor (1, X, Y, Z) in HU.

    Example:
        >>> scan = MetaTensor(torch.zeros(1, 8, 8, 8), affine=torch.diag(torch.tensor([30.0, 30, 30, 1])))
        >>> item = {"scan": "a", "image": scan, "scan_hu": scan, "logits": torch.zeros(1)}
        >>> page = ScanPage(["mass"], organs=False)({**item, "maps": None, "mapped": [], "slice_scores": None})
        >>> "mass, 50 %" in page
        True
    """

    def __init__(
        self,
        labels: Sequence[str],
        network: nn.Module | None = None,
        layer: str | None = None,
        settings: Mapping[str, Any] | None = None,
        organs: bool = True,
        scan_key: str = "scan_hu",
    ) -> None:
        self.labels, self.settings, self.organs, self.scan_key = tuple(labels), dict(settings or {}), organs, scan_key
        self.audited, self.audit = network is not None, LayerAudit(network, layer)

    def __call__(self, data: Mapping[str, Any]) -> str:
        """Return the page of an item that `ExplainScan` explained."""
        image, scan = data["image"], data[self.scan_key]
        check_type(scan, MetaTensor, self.scan_key, "Read it by ReadVolumed, which keeps its affine.")
        ct, affine = torch.as_tensor(scan)[0].cpu().numpy(), np.asarray(scan.affine, dtype=np.float64)
        notes: list[tuple[str, Sequence[str]]] = []
        warnings = [data["notice"]] if data.get("notice") else []
        if self.audited:
            audit = self.audit(image)
            notes.append(("Can the map be trusted?", audit_sentences(audit)))
            if audit is not None and not audit.provable["HiResCAM"]:
                warnings.append("The map is not guaranteed to show what the network used, see below.")
        masks = None
        if self.organs:
            found = partition_organs(ct, affine)
            masks = found.labels
            sentences = organ_sentences(found.quality)
            doubts = _doubts(found.quality)
            if doubts:
                warnings.append(" ".join([*([] if found.quality.ok else sentences[:1]), *doubts]))
            notes.append(("Organ outlines", sentences))
        notes.append(("When to distrust the map", _DISTRUST_MAP))
        findings, heights = self._findings(data, scan)
        return scan_page(
            PageText(case_name(data, "Chest CT"), notes, provenance(self.settings), warnings=warnings),
            ct,
            affine,
            findings,
            masks,
            heights,
        )

    def _findings(self, data: Mapping[str, Any], scan: MetaTensor) -> tuple[list[PageFinding], np.ndarray | None]:
        """Return the findings of an item, and the heights of its slice groups."""
        image, geometry, scores, heights = data["image"], data.get("geometry"), data["slice_scores"], None
        chances = data["logits"].cpu().sigmoid().tolist()
        if scores is not None and geometry is not None:
            scores = scores.cpu().numpy()
            heights = slice_heights(scores.shape[1], geometry, image, scan)[0]
        maps = {} if data["maps"] is None else dict(zip(data["mapped"], data["maps"], strict=True))
        findings = []
        for label, (name, chance) in enumerate(zip(self.labels, chances, strict=True)):
            native, position = None, None
            if label in maps and geometry is not None:
                native = maps[label].float().cpu().numpy()
                position = np.asarray(image.affine, dtype=np.float64) @ geometry.affine
            findings.append(PageFinding(name, chance, native, position, None if heights is None else scores[label]))
        return findings, heights
