"""Label tables from the output of other programs: CheXbert, CT-RATE, RadGraph, and language models."""

__all__: list[str] = []
