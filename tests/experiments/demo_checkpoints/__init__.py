"""Training of the checkpoints of the demo, on phantoms, and their figures on held-out phantoms."""
