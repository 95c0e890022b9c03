"""Checks of what scans and radiographs state in their headers, and of pixels that are no radiograph."""

__all__: list[str] = []
