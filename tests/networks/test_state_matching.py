"""Networks are found in checkpoints by comparison, whatever wraps them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from monai_pylon.networks.state_matching import flat_tensors, match_tensors


def small(width: int = 3) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, width, 3), nn.BatchNorm2d(width), nn.Flatten(), nn.Linear(width, 2))


def state(seed: int = 1) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    own = small().state_dict()
    return {k: torch.rand(v.shape, generator=generator) if v.is_floating_point() else v + 5 for k, v in own.items()}


def prefixed(prefix: str, values: dict[str, torch.Tensor] | None = None) -> dict[str, torch.Tensor]:
    return {prefix + key: value for key, value in (values or state()).items()}


OPTIMIZER = {"state": {0: {"step": torch.tensor(3.0), "exp_avg": torch.zeros(3, 1, 3, 3)}}, "param_groups": [{"lr": 1}]}
#: Forms in which programs save a network, and the prefix to report.
FORMS: dict[str, tuple[Any, str]] = {
    "state dict": (state(), ""),
    "DataParallel": (prefixed("module."), "module."),
    "torch.compile": (prefixed("_orig_mod."), ""),
    "compiled within DDP": (prefixed("module._orig_mod."), "module."),
    "DDP within compiled": (prefixed("_orig_mod.module."), "module."),
    "FSDP": (prefixed("_fsdp_wrapped_module._checkpoint_wrapped_module."), ""),
    "AveragedModel": ({"n_averaged": torch.tensor(9), **prefixed("module.")}, "module."),
    "state_dict": ({"state_dict": state(), "epoch": 3, "best_loss": 0.5}, "state_dict."),
    "model_state_dict": ({"model_state_dict": state(), "optimizer_state_dict": OPTIMIZER}, "model_state_dict."),
    "model": ({"model": state(), "optimizer": OPTIMIZER, "scheduler": {"base_lrs": [0.1]}}, "model."),
    "nested": ({"checkpoint": {"nets": {"a": prefixed("module.")}}}, "checkpoint.nets.a.module."),
    "in a list": ({"models": [state()]}, "models.0."),
    "Lightning, model": ({"state_dict": prefixed("model."), "optimizer_states": [OPTIMIZER]}, "state_dict.model."),
    "Lightning, net": ({"state_dict": prefixed("net.")}, "state_dict.net."),
    "Lightning, any name": (
        {"state_dict": prefixed("my_classifier_2.backbone.")},
        "state_dict.my_classifier_2.backbone.",
    ),
    "Lightning with a loss": (
        {"state_dict": {**prefixed("model."), "criterion.pos_weight": torch.ones(2), "auroc.preds": torch.ones(9)}},
        "state_dict.model.",
    ),
    "moving average beside it": ({"state_dict_ema": state(2), "state_dict": state()}, "state_dict."),
    "moving average in it": ({**prefixed("ema_model.", state(2)), **prefixed("model.")}, "model."),
    "moving average alone": ({"model_ema": state()}, "model_ema."),
    "the same twice": ({**prefixed("net."), **prefixed("model.net.")}, "net."),
    "counters left out": ({k: v for k, v in state().items() if "num_batches" not in k}, ""),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_network_is_found_in_every_form(form: str) -> None:
    content, prefix = FORMS[form]
    flat = flat_tensors(content)
    match = match_tensors(flat, small().state_dict())
    assert match.complete
    assert match.prefix == prefix
    for name, value in state().items():
        if name in match.found:
            assert torch.equal(flat[match.found[name]], value), name
    assert set(state()) - set(match.found) <= {"1.num_batches_tracked"}


def test_wrappers_in_the_network_do_not_matter() -> None:
    own = prefixed("_orig_mod.", small().state_dict())
    match = match_tensors(state(), own)
    assert match.complete
    assert match.found["_orig_mod.0.weight"] == "0.weight"
    inner = {key.replace("3.", "3.module."): value for key, value in state().items()}
    match = match_tensors(inner, small().state_dict())
    assert match.complete
    assert match.found["3.bias"] == "3.module.bias"


def test_copies_with_other_numbers_are_reported() -> None:
    match = match_tensors(flat_tensors(FORMS["moving average beside it"][0]), small().state_dict())
    assert match.others == ("state_dict_ema.",)
    assert match_tensors(flat_tensors(FORMS["the same twice"][0]), small().state_dict()).others == ()


def test_a_choice_between_equals_is_refused_unless_named() -> None:
    flat = flat_tensors({"models": [state(1), state(2)], "epoch": 1})
    with pytest.raises(ValueError, match=r"several times: 'models\.0', 'models\.1'.*entry="):
        match_tensors(flat, small().state_dict())
    assert match_tensors(flat, small().state_dict(), "models.1").prefix == "models.1."
    ema = flat_tensors(FORMS["moving average in it"][0])
    assert match_tensors(ema, small().state_dict(), "ema_model").prefix == "ema_model."
    with pytest.raises(ValueError, match="entry must be one of models"):
        match_tensors(flat, small().state_dict(), "model")


@pytest.mark.parametrize(
    ("change", "part", "names"),
    [
        (lambda s: s.pop("3.bias"), "missing", ("3.bias",)),
        (lambda s: s.update({"4.weight": torch.zeros(1)}), "unmatched", ("net.4.weight",)),
        (lambda s: s.update({"3.weight": torch.zeros(5, 3)}), "conflicts", ("3.weight",)),
        (lambda s: s.update({"3.weight": torch.zeros(2, 3, dtype=torch.int8)}), "conflicts", ("3.weight",)),
    ],
)
def test_an_incomplete_match_names_what_differs(change: Callable, part: str, names: tuple[str, ...]) -> None:
    values = state()
    change(values)
    match = match_tensors(prefixed("net.", values), small().state_dict())
    assert not match.complete
    assert getattr(match, part) == names


def test_heads_are_dropped_only_for_a_network_without_one() -> None:
    own = {"conv1.weight": torch.zeros(2)}
    theirs = {"conv1.weight": torch.ones(2), "fc.weight": torch.ones(3), "fc.bias": torch.ones(3)}
    assert match_tensors(theirs, own).heads == ("fc.weight", "fc.bias")
    assert match_tensors(theirs, own).complete
    assert match_tensors(theirs, {**own, "fc.weight": torch.zeros(3)}).unmatched == ("fc.bias",)
    assert match_tensors({**theirs, "layer5.weight": torch.ones(1)}, own).unmatched == ("layer5.weight",)


def test_a_file_of_another_network_matches_nothing() -> None:
    match = match_tensors({"transformer.query": torch.zeros(4)}, small().state_dict())
    assert not match.complete
    assert match.found == {}
    assert match.unmatched == ("transformer.query",)
