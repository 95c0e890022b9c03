"""Table 2 of the PYLON paper in miniature: ``python -m tests.experiments.pylon_evidence``."""
