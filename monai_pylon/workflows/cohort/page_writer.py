"""Reading page of each case, after another writer has written its results."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import monai
import numpy as np
import torch
from monai.transforms import Transform
from monai.utils import TransformBackends
from torch import nn

from monai_pylon.utils import __version__, atomic_write
from monai_pylon.visualize import ExplanationAudit, audit_explanation
from monai_pylon.workflows.cohort.burned_in import may_draw

__all__ = ["LayerAudit", "PageWriter", "audit_sentences", "provenance"]


def provenance(settings: Mapping[str, Any]) -> dict[str, str]:
    """List what made a result: versions and settings, without paths and names.

    Args:
        settings: Settings by name; "checkpoint" is the hash of the model's file.

    Returns:
        Text by name.

    Example:
        >>> provenance({"checkpoint": "ab12", "network": {"name": "axialnet"}})["model (SHA-256)"]
        'ab12'
    """
    values = {"monai_pylon": __version__, "MONAI": monai.__version__, "PyTorch": torch.__version__}
    values |= {"NumPy": np.__version__, "Python": platform.python_version()}
    for name, value in settings.items():
        shown = ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, Mapping) else str(value)
        values["model (SHA-256)" if name == "checkpoint" else name] = shown or "unknown"
    return values


class LayerAudit:
    """Audit of a network's maps, computed for the first case and kept.

    Args:
        network: The network; None without one.
        layer: Layer of the maps; None if the network keeps no positions.

    Example:
        >>> LayerAudit(None, None)(torch.zeros(1)) is None
        True
    """

    def __init__(self, network: nn.Module | None, layer: str | None) -> None:
        self.network, self.layer = network, layer
        self._found: ExplanationAudit | None = None

    def __call__(self, image: torch.Tensor) -> ExplanationAudit | None:
        """Return the audit with an input (C, *spatial) as example; None without network or layer."""
        if self.network is None or self.layer is None:
            return None
        if self._found is None:
            example = torch.as_tensor(image)[None]
            slices = getattr(self.network, "slices_per_group", None)
            if slices:  # a few groups of slices suffice: the verdict does not depend on their number
                example = example[..., : 2 * slices]
            self._found = audit_explanation(self.network, self.layer, example)
        return self._found


def audit_sentences(audit: ExplanationAudit | None, map_name: str = "HiResCAM") -> list[str]:
    """Put the audit of a network's maps into words.

    Args:
        audit: The audit; None for a network without maps.
        map_name: Name of the maps in the audit's "provable".

    Returns:
        Sentences: whether the map is guaranteed to show what the score was made of, and why.

    Example:
        >>> audit_sentences(None)
        ['This network keeps no positions: there is no map to trust.']
    """
    if audit is None:
        return ["This network keeps no positions: there is no map to trust."]
    provable = audit.provable.get(map_name, False)
    verdict = "Yes, as to what the network used: " if provable else "Not guaranteed: "
    reason = audit.reason[0].lower() + audit.reason[1:] if audit.reason else "unknown."
    return [verdict + reason, "Whether the network used the right thing is for you to judge."]


class PageWriter(Transform):
    """Transform that writes ``<case>_page.html`` after another one has written the results of a case.

    Args:
        writer: Function that writes the results of an item, and adds "row" and "files" to it.
        build: Function from the item to the page's HTML.
        output: Folder to write to.
        page: Whether to write the page.
        image_key: Item with the image as it was read, whose metadata tell whether text is burned in.
        burned_in_text: Whether to write the page also if the pixels hold text that may name the patient.

    Example:
        >>> import tempfile
        >>> def write(item):
        ...     return {**item, "row": {}, "files": []}
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     PageWriter(write, lambda item: "<!DOCTYPE html>", folder)({"scan": "a"})["files"]
        ['a_page.html']
    """

    backend = [TransformBackends.NUMPY]

    def __init__(
        self,
        writer: Callable[[dict], dict],
        build: Callable[[Mapping[str, Any]], str],
        output: str | PathLike[str],
        page: bool = True,
        image_key: str = "image",
        burned_in_text: bool = False,
    ) -> None:
        self.writer, self.build, self.output, self.page = writer, build, Path(output).expanduser(), page
        self.image_key, self.burned_in_text = image_key, burned_in_text
        self.columns = tuple(getattr(writer, "columns", ()))

    def __call__(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Write an item's results and its page, and add the file to "files"."""
        item = self.writer(dict(data))
        if not self.page or not may_draw(item.get(self.image_key), self.burned_in_text, item["scan"], "page"):
            return item
        name = f"{item['scan']}_page.html"
        html = self.build(item)
        self.output.mkdir(parents=True, exist_ok=True)
        with atomic_write(self.output / name) as part:
            part.write_text(html, encoding="utf-8", errors="replace")
        return {**item, "files": [*item["files"], name]}
