"""Checks of what the headers of scans state, before their voxels are read."""

__all__: list[str] = []
