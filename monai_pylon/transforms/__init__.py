"""Organ masks out of a chest CT (PARTITION) and the regions that they allow."""
