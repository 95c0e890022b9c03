"""Trainings of a few minutes on phantoms: PYLON beside its backbone, AxialNet without and with the mask loss."""
