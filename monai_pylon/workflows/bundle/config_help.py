"""Help for the configurations of a bundle: every setting with its default and its meaning."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Sequence
from os import PathLike
from pathlib import Path

from monai.bundle import ConfigParser

__all__ = ["config_help"]


def config_help(config_file: Sequence[str | PathLike[str]]) -> str:
    """List the settings of a configuration, with the meanings of the bundle's metadata.

    Args:
        config_file: The configuration file, or several that are merged; ``metadata.json`` is beside the first one.

    Returns:
        A text for the terminal.

    Example:
        >>> from monai_pylon.workflows.bundle.folders import bundle_folder
        >>> text = config_help([bundle_folder("chest_ct_partition") / "configs" / "inference.json"])
        >>> "--method robust" in text
        True
    """
    files = [Path(file) for file in config_file]
    metadata = ConfigParser.load_config_file(files[0].parent / "metadata.json")
    config = {key: value for file in files for key, value in ConfigParser.load_config_file(file).items()}
    lines = [metadata["name"], f"Settings of {', '.join(file.name for file in files)}, with their defaults:", ""]
    for key, value in config.items():
        if meaning := metadata.get("options", {}).get(key):
            lines.append(f"  --{key} {value if isinstance(value, str) else json.dumps(value)}")
            lines += textwrap.wrap(meaning, 96, initial_indent=" " * 6, subsequent_indent=" " * 6)
    readme = files[0].parents[1] / "docs" / "README.md"
    lines += ["", f"Every other entry can be overridden too, such as --a#b 3 for entry b of a. Read {readme}."]
    return "\n".join(lines)
