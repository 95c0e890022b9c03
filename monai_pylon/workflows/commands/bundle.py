"""Command ``bundle``: the folder of an installed bundle."""

from __future__ import annotations

import click

from monai_pylon.workflows.bundle.folders import bundle_folder, bundle_names
from monai_pylon.workflows.commands.run import CONTEXT, DONE, one_line_errors

__all__ = ["bundle"]


@click.command(context_settings=CONTEXT, epilog="Example: monai-pylon bundle chest_ct_partition")
@click.argument("name", metavar="[NAME]", required=False)
@one_line_errors
def bundle(name: str | None) -> int:
    """Print the folder of an installed MONAI bundle. Without NAME, list the bundles."""
    click.echo("\n".join(bundle_names()) if name is None else bundle_folder(name))
    return DONE
