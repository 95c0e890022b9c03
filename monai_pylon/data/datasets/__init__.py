"""Data lists of further public datasets; each reads the files as their owners publish them."""

__all__: list[str] = []
