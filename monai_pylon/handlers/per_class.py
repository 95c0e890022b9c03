"""Metrics with one value per class in an ignite engine.

MONAI's IgniteMetricHandler expects one number, and keeps the first of a list. Metrics of this package return a
dictionary. Here each of its values becomes a scalar of ``engine.state.metrics``, for TensorBoard, MLflow and logs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from monai.handlers import IgniteMetricHandler
from monai.metrics import CumulativeIterationMetric

from monai_pylon.utils import check, check_choice

__all__ = ["PerClassMetricHandler"]


class PerClassMetricHandler(IgniteMetricHandler):
    """Metric handler that writes the averages and the value of each class into ``engine.state.metrics``.

    Attached as "points" it writes "points" (the average that `key` names), "points_macro", "points_weighted", and
    "points_Mass" for each class. NaN means undefined.

    Args:
        metric_fn: Metric whose `aggregate` returns per_class (M,), macro and weighted.
        class_names: Names of the M classes; by default their numbers.
        key: Average that stands for the metric, for example to choose the best checkpoint: "macro" or "weighted".
        output_transform: Function from the engine's output to (y_pred, y). MONAI's decollation breaks plain lists of
            boxes and explanations: evaluate with ``decollate=False``.
        save_details: Whether to keep the values of every image in ``engine.state.metric_details`` for MONAI's
            MetricsSaver. Not for metrics that keep scores and labels (AUROC).

    Raises:
        ValueError: If `key` is unknown, or, while running, if the names are not as many as the classes.

    Example:
        >>> from monai_pylon.metrics import PerClassAUROCMetric
        >>> handler = PerClassMetricHandler(PerClassAUROCMetric(), ["Mass", "Nodule"], save_details=False)
        >>> handler.key
        'macro'
    """

    def __init__(
        self,
        metric_fn: CumulativeIterationMetric,
        class_names: Sequence[str] | None = None,
        key: str = "macro",
        output_transform: Callable = lambda output: output,
        save_details: bool = True,
    ) -> None:
        check_choice(key, ("macro", "weighted"), "key")
        self.class_names = None if class_names is None else tuple(class_names)
        self.key = key
        self._scalars: dict[str, float] = {}
        super().__init__(metric_fn=metric_fn, output_transform=output_transform, save_details=save_details)

    def update(self, output: Any) -> None:
        """Check and keep the output of one iteration."""
        super().update(output)
        kept = getattr(self.metric_fn, "_buffers", None)
        if kept and kept[0]:
            self._names(kept[0][-1].shape[0])

    def _names(self, count: int) -> tuple[str, ...]:
        """Return the names of the classes."""
        names = self.class_names or tuple(str(number) for number in range(count))
        check(len(names) == count, "class_names", f"{count} names, one for each class", names)
        return names

    def compute(self) -> Any:
        """Return the average that `key` names; the others are kept for `completed`."""
        found = super().compute()
        values = found["per_class"].tolist()
        names = self._names(len(values))
        self._scalars = {
            "macro": found["macro"],
            "weighted": found["weighted"],
            **dict(zip(names, values, strict=True)),
        }
        return found[self.key]

    def completed(self, engine: Any, name: str) -> None:
        """Write all values under their names; called at the end of an epoch."""
        super().completed(engine, name)
        engine.state.metrics.update({f"{name}_{part}": value for part, value in self._scalars.items()})
