"""Radiographs with labels of any name: a folder or table of the user, or CheXpert."""

__all__: list[str] = []
