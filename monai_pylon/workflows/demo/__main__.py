"""Command line of the demo: ``python -m monai_pylon.workflows.demo``."""

import sys

import click

from monai_pylon.workflows.demo.run import demo

if __name__ == "__main__":
    try:
        sys.exit(demo.main(prog_name="python -m monai_pylon.workflows.demo", standalone_mode=False) or 0)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
