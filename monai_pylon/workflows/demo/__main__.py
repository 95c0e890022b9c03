"""Command line of the demo: ``python -m monai_pylon.workflows.demo``."""

from monai_pylon.workflows.demo.run import run_demo

if __name__ == "__main__":
    run_demo()
