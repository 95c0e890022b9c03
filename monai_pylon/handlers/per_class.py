"""A metric that has a value for each class, in an ignite engine: every value under its own name.

MONAI's IgniteMetricHandler expects one number of a metric, and of a list it keeps the first. Metrics of this package
give a dictionary: here each of its values becomes a scalar of ``engine.state.metrics``, where the handlers for
TensorBoard, MLflow, logs and files find it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from monai.handlers import IgniteMetricHandler
from monai.metrics import CumulativeIterationMetric

from monai_pylon.utils import check, check_choice

__all__ = ["PerClassMetricHandler"]


class PerClassMetricHandler(IgniteMetricHandler):
    """Writes a metric's averages and its value for each class into ``engine.state.metrics``.

    Attached as "points" it writes "points" (the average that `key` names), "points_macro", "points_weighted", and
    "points_Mass" for each class; NaN where a value is undefined.

    Args:
        metric_fn: a metric whose `aggregate` gives per_class (M,), macro and weighted.
        class_names: of the M classes; without, they are numbered.
        key: which average stands for the metric, such as when the best checkpoint is chosen: "macro" or "weighted".
        output_transform: makes (y_pred, y) of the engine's output. Lists of boxes do not survive MONAI's decollation:
            evaluate with ``decollate=False``.
        save_details: keep the values of every image in ``engine.state.metric_details`` for MONAI's MetricsSaver; not
            for metrics that keep scores and labels (AUROC).

    Raises:
        ValueError: for another key; while running, where there is not one name for each class.

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

    def compute(self) -> Any:
        """The average that `key` names; the others are kept for `completed`."""
        found = super().compute()
        values = found["per_class"].tolist()
        names = self.class_names or tuple(str(number) for number in range(len(values)))
        check(len(names) == len(values), "class_names", f"{len(values)} names, one for each class", names)
        self._scalars = {
            "macro": found["macro"],
            "weighted": found["weighted"],
            **dict(zip(names, values, strict=True)),
        }
        return found[self.key]

    def completed(self, engine: Any, name: str) -> None:
        """Called by the engine at the end of an epoch: write all values under their names."""
        super().completed(engine, name)
        engine.state.metrics.update({f"{name}_{part}": value for part, value in self._scalars.items()})
