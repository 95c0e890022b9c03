"""Pictures of images whose pixels hold text that may name the patient."""

from __future__ import annotations

import logging
from typing import Any

from monai_pylon.data.path_transform import BURNED_IN

__all__ = ["may_draw"]

_LOGGER = logging.getLogger(__name__)


def may_draw(image: Any, burned_in_text: bool, name: str, what: str = "picture") -> bool:
    """Return whether a picture of an image may be drawn, or a page with its pixels be written, and log why not.

    Overlay planes (60xx) are never drawn: the readers leave them out.

    Args:
        image: Image as it was read, whose metadata have "burned_in" if BurnedInAnnotation is YES.
        burned_in_text: Whether the user asked for such pictures.
        name: Name of the case, for the log.
        what: What is drawn, for the log.

    Returns:
        False if the pixels hold text that may name the patient and the user did not ask.

    Example:
        >>> may_draw(None, False, "case 1")
        True
    """
    if burned_in_text or not getattr(image, "meta", {}).get(BURNED_IN, False):
        return True
    reason = "because its pixels may show the patient's name (BurnedInAnnotation YES)"
    _LOGGER.warning("%s: no %s, %s.", name, what, reason)
    return False
