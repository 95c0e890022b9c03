"""Files that are either there as a whole or not at all, even where the power fails in the middle of writing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path

__all__ = ["written_whole"]


@contextmanager
def written_whole(path: str | PathLike[str]) -> Iterator[Path]:
    """Give a temporary path beside a file; when the block ends well, it takes the file's place in one step.

    Where the block raises, the temporary file is removed and the old file, if there was one, stays as it was.

    Args:
        path: the file to write. Its folder is made where it is missing.

    Yields:
        the path to write to, with the same ending.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with written_whole(Path(folder, "a.txt")) as part:
        ...         _ = part.write_text("all of it")
        ...     [file.name for file in Path(folder).iterdir()]
        ['a.txt']
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".part-{os.getpid()}-{path.name}")
    try:
        yield part
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
