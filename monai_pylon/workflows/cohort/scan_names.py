"""Names of scans for their folders and files: safe on every file system, unique, and short enough for endings."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

__all__ = ["ending_of", "safe_name", "unique_names"]

#: Bytes of a name, at most. File systems allow 255 for a file; results add up to 75, such as a finding and its ending.
_MOST_BYTES = 180
_HASH_DIGITS = 12
#: Files of a cohort beside the folders of its scans.
_TAKEN = (
    *("quality.csv", "probabilities.csv", "cohort.sqlite", "manifest.csv"),
    *("matches.csv", "regions.csv", "labels.csv"),
)


def ending_of(path: Path, suffixes: Sequence[str]) -> str:
    """Return the longest of some endings that a file name has.

    Args:
        path: The file.
        suffixes: Endings in lower case, such as ".nii" and ".nii.gz".

    Returns:
        The ending, or an empty text.

    Example:
        >>> ending_of(Path("a.NII.gz"), [".gz", ".nii.gz"])
        '.nii.gz'
    """
    longest_first = sorted(suffixes, key=len, reverse=True)
    return next((suffix for suffix in longest_first if path.name.lower().endswith(suffix)), "")


def safe_name(text: str) -> str:
    """Make a file name of a text: without spaces, quotes, line breaks, dots at its ends, or bytes that are not UTF-8.

    Args:
        text: Any text, such as a path whose parts were joined.

    Returns:
        The name, with an underscore for other characters. Of a text of more than 180 bytes, the beginning and a hash of
        the whole text. Empty if nothing is left.

    Example:
        >>> safe_name("ward 7, 'new'/ct"), len(safe_name("x" * 300))
        ('ward_7_new_ct', 180)
    """
    name = re.sub(r"[^\w.+-]+", "_", text).strip("_.")
    if len(name.encode()) <= _MOST_BYTES:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:_HASH_DIGITS]
    head = name.encode()[: _MOST_BYTES - _HASH_DIGITS - 1].decode("utf-8", "ignore")
    return f"{head}_{digest}"


def _folded(name: str) -> str:
    """Return what a file system that ignores case and the form of accents sees of a name."""
    return unicodedata.normalize("NFC", name).casefold()


def unique_names(paths: Sequence[Path], root: Path, suffixes: Sequence[str]) -> list[str]:
    """Return a unique name for each path: its path below the root, then with its ending, then with a number.

    Args:
        paths: Files or folders.
        root: Folder of the input. Of a path outside of it, the last part counts.
        suffixes: Endings that are not part of a name.

    Returns:
        The names, which differ even where case does not count, also from those of a cohort's tables.

    Example:
        >>> unique_names([Path("in/a/ct.nii"), Path("in/a/ct.mha"), Path("in/A.nii")], Path("in"), [".nii", ".mha"])
        ['a__ct_nii', 'a__ct_mha', 'A']
    """
    relative = [
        path.relative_to(root) if path != root and path.is_relative_to(root) else Path(path.name) for path in paths
    ]
    endings = [ending_of(path, suffixes) for path in relative]
    stems = [path.name[: len(path.name) - len(ending)] for path, ending in zip(relative, endings, strict=True)]
    joined = ["__".join((*path.parts[:-1], stem)) for path, stem in zip(relative, stems, strict=True)]
    safe = [safe_name(name) or "scan" for name in joined]
    counts = Counter(_folded(name) for name in safe)
    names = dict.fromkeys(_TAKEN, "")
    for ending, name in zip(endings, safe, strict=True):
        name = name + ending.replace(".", "_") if counts[_folded(name)] > 1 else name
        unique, number = name, 2
        while _folded(unique) in names:
            unique, number = f"{name}_{number}", number + 1
        names[_folded(unique)] = unique
    return [name for name in names.values() if name]
