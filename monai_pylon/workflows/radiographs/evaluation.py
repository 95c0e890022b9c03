"""The report of an evaluation on radiographs, with a page of radiographs, boxes and maps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any

import torch
from monai.metrics import CumulativeIterationMetric

from monai_pylon.reports import RadiographFindingMap, heatmap_on_image, radiograph_page_figure, save_figure
from monai_pylon.taxonomy import CHEST_XRAY14_LABELS
from monai_pylon.workflows.bundle.evaluation import EvaluationReport
from monai_pylon.workflows.radiographs.batches import maps_and_boxes

__all__ = ["RadiographEvaluationReport"]


class RadiographEvaluationReport(EvaluationReport):
    """An :class:`EvaluationReport` with a page of overlays, `overlays/page.png`.

    For an evaluator whose network is `Explained`, with :func:`prepare_radiographs`; its batches have "name" too. In
    several processes the pictures are of the first one.

    Args:
        output: the folder to write to.
        metrics: by name, metrics of localization that are attached to the evaluator.
        labels: names of the M classes.
        about: what else the JSON says; its "title" is the page's too.
        examples: how many instances of each class are drawn, the first ones of the data; 0 for none.
        num_resamples: draws of the bootstrap.

    Example:
        >>> RadiographEvaluationReport("results", metrics={}).examples
        3
    """

    def __init__(
        self,
        output: str | PathLike[str],
        metrics: Mapping[str, CumulativeIterationMetric],
        labels: Sequence[str] = CHEST_XRAY14_LABELS,
        about: Mapping[str, Any] | None = None,
        examples: int = 3,
        num_resamples: int = 1000,
    ) -> None:
        super().__init__(output, metrics, labels, about, num_resamples)
        self.examples = examples
        self._drawn: dict[int, list[RadiographFindingMap]] = {}

    def start(self, engine: Any) -> None:
        """Called by the evaluator when it starts."""
        super().start(engine)
        self._drawn = {}

    def collect(self, engine: Any) -> None:
        """Called by the evaluator after each batch."""
        super().collect(engine)
        maps, boxes = maps_and_boxes(engine.state.output)
        for number, box in enumerate(boxes):
            for label in box[:, 4].unique().long().tolist():
                if len(self._drawn.setdefault(label, [])) < self.examples:
                    self._drawn[label].append(self._example(engine, number, label, maps[number, label], box))

    def _example(
        self, engine: Any, number: int, label: int, map: torch.Tensor, boxes: torch.Tensor
    ) -> RadiographFindingMap:
        """One finding of one radiograph, ready to be drawn."""
        image = engine.state.output["image"][number, 0].detach().float().cpu()
        radiograph = ((image - image.min()) / (image.max() - image.min()).clamp(min=1e-6)).numpy()
        heat = heatmap_on_image(map[None], radiograph.shape)[0].cpu().numpy()
        mine = boxes[boxes[:, 4] == label, :4].cpu().numpy()
        chance = float(engine.state.output["pred"].logits[number, label].float().sigmoid())
        name = str(engine.state.batch["name"][number])
        return RadiographFindingMap(self.labels[label], chance, heat, mine, radiograph, title=name)

    def _draw(self) -> None:
        examples = [example for label in sorted(self._drawn) for example in self._drawn[label]]
        if examples:
            title = f"{self.about.get('title', 'Boxes and maps')}: the first radiographs of each class"
            page = radiograph_page_figure(examples, columns=2 * self.examples, title=title)
            save_figure(self.output / "overlays" / "page.png", page)
