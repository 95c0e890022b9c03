"""The comparison of the PYLON paper (Table 2) in miniature: ``python -m tests.benchmarks.pylon_evidence``."""
