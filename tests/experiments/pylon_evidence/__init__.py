"""The comparison of the PYLON paper (Table 2) in miniature: ``python -m tests.experiments.pylon_evidence``."""
