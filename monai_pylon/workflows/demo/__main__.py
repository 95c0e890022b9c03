"""Command line of the demo: ``python -m monai_pylon.workflows.demo``."""

from monai_pylon.workflows.demo.run import main

if __name__ == "__main__":
    main()
