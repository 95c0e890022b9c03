"""Command line of the package: ``python -m monai_pylon COMMAND``, also installed as ``monai-pylon``.

Each command is one function that takes the parsed arguments and returns the exit code: 0 if everything succeeded, 1 if
some inputs failed, 2 for wrong usage. ``_parser`` lists the commands.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from monai_pylon.utils.version import __version__
from monai_pylon.workflows.bundle.folders import bundle_folder, bundle_names

__all__ = ["main"]


def _bundle(arguments: argparse.Namespace) -> int:
    """Print the folder of an installed bundle, or the names of all bundles."""
    print("\n".join(bundle_names()) if arguments.name is None else bundle_folder(arguments.name))
    return 0


def _parser() -> argparse.ArgumentParser:
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--debug", action="store_true", help="show the traceback of an error")
    parser = argparse.ArgumentParser(
        prog="monai-pylon", description="Explanations of chest radiographs and chest CT. Not a medical device."
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    bundle = commands.add_parser(
        "bundle",
        parents=[shared],
        help="print the folder of an installed bundle",
        description="Print the folder of an installed MONAI bundle. Without NAME, list the bundles.",
    )
    bundle.add_argument("name", metavar="NAME", nargs="?", help="name of the bundle, such as chest_ct_partition")
    bundle.set_defaults(command=_bundle)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: Arguments of the command line, without the program's name. None takes those of the process.

    Returns:
        The exit code: 0 if everything succeeded, 1 if some inputs failed, 2 for a wrong value.

    Raises:
        SystemExit: With code 2 for an unknown command or option, with code 0 after ``--help`` and ``--version``.
    """
    arguments = _parser().parse_args(argv)
    try:
        return arguments.command(arguments)
    except (ValueError, OSError) as error:
        if arguments.debug:
            raise
        print(f"monai-pylon: error: {error}", file=sys.stderr)
        return 2 if isinstance(error, ValueError) else 1


if __name__ == "__main__":
    sys.exit(main())
