"""Organ masks by the robust method (PARTITION), step by step: lungs, airway, sides, spine and mediastinum."""

__all__: list[str] = []
