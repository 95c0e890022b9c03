"""Maximum or soft maximum in training, on real radiographs: ``python -m tests.experiments.soft_maximum``."""
