"""Reading pages: a scan or radiograph with its explanation as one HTML file that needs no network."""

__all__: list[str] = []
