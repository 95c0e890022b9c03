"""Command line of the package: ``python -m monai_pylon COMMAND``, also installed as ``monai-pylon``.

Each command is one file of :mod:`monai_pylon.workflows.commands`. Exit codes: 0 if everything succeeded, 1 if some
inputs failed, 2 for wrong usage.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from monai_pylon.utils.version import __version__
from monai_pylon.workflows.commands.bundle import bundle
from monai_pylon.workflows.commands.compare import compare
from monai_pylon.workflows.commands.ct import ct
from monai_pylon.workflows.commands.labels import labels
from monai_pylon.workflows.commands.limits import limits
from monai_pylon.workflows.commands.lung_boxes import compare_boxes
from monai_pylon.workflows.commands.organs import organs
from monai_pylon.workflows.commands.run import CONTEXT
from monai_pylon.workflows.commands.xray import xray

__all__ = ["main"]


@click.group(context_settings=CONTEXT)
@click.version_option(__version__, prog_name="monai-pylon")
def _group() -> None:
    """Explain chest radiographs and chest CTs: organ masks, findings with maps, labels from reports.

    For research. Not a medical device.
    """


for _command in (organs, xray, ct, compare, labels, compare_boxes, limits, bundle):
    _group.add_command(_command)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: Arguments of the command line, without the program's name. None takes those of the process.

    Returns:
        The exit code: 0 if everything succeeded, 1 if some inputs failed, 2 for wrong usage.
    """
    try:
        arguments = None if argv is None else list(argv)
        return _group.main(args=arguments, prog_name="monai-pylon", standalone_mode=False) or 0
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.exceptions.Abort:
        return 130


if __name__ == "__main__":
    sys.exit(main())
