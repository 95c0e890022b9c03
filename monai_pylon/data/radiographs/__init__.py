"""Reader for radiographs: image files and DICOM, gray values, and the checks of what was radiographed."""

__all__: list[str] = []
