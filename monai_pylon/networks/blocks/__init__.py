"""Building blocks of the networks."""

__all__ = []
