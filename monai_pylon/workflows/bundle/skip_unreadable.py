"""Dataset of a run that logs and skips unreadable scans or radiographs."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from monai.data import Dataset as MonaiDataset

from monai_pylon.workflows.bundle.errors import root_cause

__all__ = ["SkipUnreadableDataset"]

_LOGGER = logging.getLogger(__name__)
_STRICT_ITEMS = 3


class SkipUnreadableDataset(MonaiDataset):
    """Dataset that logs and skips unreadable scans or radiographs.

    In training, the next readable scan replaces an unreadable one: the batch keeps its size, and batch norms see scans
    only. In validation and evaluation, an empty volume without known labels replaces it: losses and metrics leave it
    out, and no scan is counted twice. Each unreadable scan is logged once with the reason.

    Args:
        data: The scans, read or not.
        transform: Transform from a scan to an item of the network's input.
        stand_in: Item that replaces an unreadable scan: "image" (1, X, Y, Z), "label" (M,) and all other entries. None
            takes the next readable scan.

    Items are those of the transform, "error": the reason if it is a stand-in, otherwise empty, and "index".

    Raises:
        ValueError: Without a stand-in, if no scan can be read.

    Example:
        >>> def invert(item):
        ...     return {"image": 1 / item["image"]}
        >>> scans = [{"image": 1.0}, {"image": "x"}, {"image": 2.0}]
        >>> data = SkipUnreadableDataset(scans, invert, {"image": 0})
        >>> data[0]["error"], data[1]["image"], data[1]["error"][:10]
        ('', 0, 'TypeError:')
        >>> [item["image"] for item in SkipUnreadableDataset(scans, invert)]
        [1.0, 0.5, 0.5]
    """

    def __init__(
        self, data: Any, transform: Callable[[Any], Mapping[str, Any]], stand_in: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(data, transform)
        self.stand_in = None if stand_in is None else dict(stand_in)
        self._logged = torch.zeros(len(data), dtype=torch.bool).share_memory_()  # shared by the loading processes

    def _facts(self, index: int) -> dict[str, str]:
        """Return patient and name of a scan, as far as they are known without reading it."""
        source = getattr(self.data, "data", self.data)
        raw = source[index] if isinstance(source, Sequence) else {}
        return {key: str(raw.get(key, f"scan {index}")) for key in ("patient_id", "name")}

    def _read(self, index: int) -> tuple[dict[str, Any] | None, str]:
        """Return an item and "", or None and the reason, which is logged once."""
        try:
            return {**super().__getitem__(index), "error": ""}, ""
        except (OSError, RuntimeError, ValueError, TypeError) as problem:
            error = root_cause(problem)
            if not self._logged[index]:
                self._logged[index] = True
                _LOGGER.error("%s is left out. %s", self._facts(index)["name"], error)
            return None, error

    def __getitem__(self, index: Any) -> dict[str, Any]:
        item, error = self._read(index)
        if item is None and self.stand_in is not None:
            return {**self.stand_in, **self._facts(index), "error": error, "index": index}
        others = range(index + 1, index + len(self)) if item is None else ()
        found = next((other for other in (self._read(k % len(self))[0] for k in others) if other is not None), item)
        if found is None:
            raise ValueError(f"None of the {len(self)} scans can be read. The last error was: {error}")
        return {**found, "index": index}

    def check_first(self) -> None:
        """Raise the first scan's error if none of the first three can be read: then the settings are wrong."""
        problem: Exception | None = None
        for index in range(min(_STRICT_ITEMS, len(self))):
            try:
                super().__getitem__(index)
                return
            except Exception as error:
                problem = problem or error
        if problem is not None:
            raise problem
