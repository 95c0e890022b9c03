"""Synthetic chests with a known truth: chest CTs and radiographs rendered from one analytic anatomy."""

__all__: list[str] = []
