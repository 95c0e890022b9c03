"""Title of a case in its results, and the notice of a checkpoint: "Trained on phantoms. Never use on patients."."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from typing import Any

from monai_pylon.networks.checkpoints import read_description

__all__ = ["case_name", "case_title", "checkpoint_notice"]


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


def case_name(data: Mapping[str, Any], otherwise: str = "") -> str:
    """Return the name under which results show a case: its title if it has one, and otherwise its own name.

    Args:
        data: Item with "scan", the name, and perhaps "title" in its place, which may be empty.
        otherwise: Name for an empty title.

    Returns:
        The name.

    Example:
        >>> case_name({"scan": "a"}), case_name({"scan": "a", "title": ""}, "Chest CT")
        ('a', 'Chest CT')
    """
    return data.get("title", data["scan"]) or otherwise


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
    return ". ".join(filter(None, (case_name(data), data.get("notice"))))
