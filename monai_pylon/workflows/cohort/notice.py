"""Notice of a checkpoint, such as "Trained on phantoms. Never use on patients.", in the results of each case."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from typing import Any

from monai_pylon.networks.checkpoints import read_description

__all__ = ["case_title", "checkpoint_notice"]


def checkpoint_notice(checkpoint: str | PathLike[str]) -> str:
    """Return the notice in the description beside a checkpoint.

    Args:
        checkpoint: File with the weights.

    Returns:
        The entry "notice" of the description, which all results of the checkpoint show; empty without one.

    Example:
        >>> checkpoint_notice("models/model.pt")
        ''
    """
    return str(read_description(checkpoint).get("notice") or "")


def case_title(data: Mapping[str, Any]) -> str:
    """Return the title of a case's picture: its name, and the notice of the checkpoint.

    Args:
        data: Item with "scan", the name; perhaps "title" in its place; and perhaps "notice".

    Returns:
        The title.

    Example:
        >>> case_title({"scan": "a", "notice": "Trained on phantoms."})
        'a. Trained on phantoms.'
    """
    return ". ".join(filter(None, (data.get("title", data["scan"]), data.get("notice"))))
