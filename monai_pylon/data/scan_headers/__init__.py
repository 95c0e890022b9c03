"""Headers of scans: fields that geometry and values depend on, checked before any voxel is read."""

__all__: list[str] = []
