"""Demo: organ masks of one chest CT, PYLON on phantom radiographs and AxialNet on phantom CTs."""

__all__: list[str] = []
