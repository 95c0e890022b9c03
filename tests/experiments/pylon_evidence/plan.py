"""Which runs the comparison is made of, in the order in which they are done."""

from __future__ import annotations

from typing import NamedTuple

from tests.experiments.pylon_evidence.training import Recipe

#: The networks that are compared, by their names in the bundle's networks.json; others are set against the first.
NETWORKS = ("backbone", "pylon", "pan_no_gap", "pan", "pylon_2up", "pylon_1up", "fpn_bn", "fpn", "li2018")


class Run(NamedTuple):
    """One training.

    Attributes:
        name: of the row it belongs to.
        data: "real" or "phantoms".
        fold: which is left out of training and tests.
        seed: of weights, order and augmentation.
        recipe: everything else.
    """

    name: str
    data: str
    fold: int
    seed: int
    recipe: Recipe

    @property
    def key(self) -> str:
        """A file name."""
        return f"{self.data}-{self.name}-fold{self.fold}-seed{self.seed}"


def first(run: Run) -> Run | None:
    """The run whose encoder or network this one starts from."""
    if run.recipe.start in ("imagenet", "scratch"):
        return None
    if run.recipe.start == "phantoms":
        return next(before for before in plan("phantoms", (0,), (run.seed,)) if before.name == run.recipe.network)
    own = run.recipe
    alone = Recipe("backbone", epochs=own.first_epochs, size=own.size, batch=own.batch, decoder_rate=own.rate)
    return run._replace(name=own.start, recipe=alone)


def plan(data: str, folds: tuple[int, ...], seeds: tuple[int, ...]) -> list[Run]:
    """The runs of the table, and on real radiographs those that ask what helps PYLON."""
    epochs, first_epochs = (3, 6) if data == "real" else (1, 3)
    main = Recipe("backbone", start="encoder", epochs=epochs, first_epochs=first_epochs)
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
        runs += [Run(name, data, folds[0], seed, recipe) for seed in seeds for name, recipe in helps.items()]
    return runs
