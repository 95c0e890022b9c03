"""Runs of the comparison, in their order."""

from __future__ import annotations

from typing import NamedTuple

from tests.experiments.pylon_evidence.training import TrainingSettings

#: Networks of the comparison by their names in the bundle's networks.json; the first is the baseline.
NETWORKS = ("backbone", "pylon", "pan_no_gap", "pan", "pylon_2up", "pylon_1up", "fpn_bn", "fpn", "li2018")


class Run(NamedTuple):
    """One training.

    Attributes:
        name: Row that the run belongs to.
        data: "real" or "phantoms".
        fold: Fold that is left out of training, for testing.
        seed: Seed of weights, order and augmentation.
        settings: All other settings.
    """

    name: str
    data: str
    fold: int
    seed: int
    settings: TrainingSettings

    @property
    def key(self) -> str:
        """Name of the run in files."""
        return f"{self.data}-{self.name}-fold{self.fold}-seed{self.seed}"


def first(run: Run) -> Run | None:
    """Return the run whose encoder or network this run starts from; None without one."""
    if run.settings.start in ("imagenet", "scratch"):
        return None
    if run.settings.start == "phantoms":
        return next(before for before in plan("phantoms", (0,), (run.seed,)) if before.name == run.settings.network)
    own = run.settings
    alone = TrainingSettings("backbone", epochs=own.first_epochs, size=own.size, batch=own.batch, decoder_rate=own.rate)
    return run._replace(name=own.start, settings=alone)


def plan(data: str, folds: tuple[int, ...], seeds: tuple[int, ...]) -> list[Run]:
    """List the runs of the table, and on real radiographs those that vary the training of PYLON."""
    epochs, first_epochs = (3, 6) if data == "real" else (1, 3)
    main = TrainingSettings("backbone", start="encoder", epochs=epochs, first_epochs=first_epochs)
    runs = []
    for seed in seeds:
        for fold in folds:
            runs += [Run(name, data, fold, seed, main.but(network=name)) for name in NETWORKS]
    if data == "real":
        pylon = main.but(network="pylon")
        helps = {
            "pylon, not encoder first": pylon.but(start="imagenet", epochs=first_epochs + epochs),
            "pylon, one learning rate": pylon.but(decoder_rate=pylon.rate),
            "pylon, bias at zero": pylon.but(prior_bias=False),
            "pylon, soft maximum": pylon.but(softness=0.1),
            "pylon, twice as long": pylon.but(epochs=2 * epochs),
            "pylon, phantoms first": pylon.but(start="phantoms", epochs=first_epochs + epochs),
        }
        runs += [Run(name, data, folds[0], seed, settings) for seed in seeds for name, settings in helps.items()]
    return runs
