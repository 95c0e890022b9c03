"""Matching of a checkpoint's tensors with a network's by name, whatever wraps them.

A tensor's name in a checkpoint is the path to it: dictionaries of the training program ("state_dict"), attributes that
held the network ("model", "net"), wrappers ("module", "_orig_mod"), and then the network's own name for it, possibly in
the spelling of another library. The part in front is found by comparison with the network, not from a list.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch

from monai_pylon.networks.weights import (
    deeper_efficientnet_name,
    densenet_name,
    efficientnet_name,
    old_densenet_name,
    pylon_name,
)
from monai_pylon.utils import check

__all__ = ["Match", "flat_tensors", "match_tensors"]

State = Mapping[str, torch.Tensor]

#: Functions from a name in a checkpoint to the network's name for it, by the origin of the names.
NAMINGS: dict[str, Callable[[str], str | None]] = {
    "the network's own names": lambda key: key,
    "names of a DenseNet of torchvision": densenet_name,
    "old names of a DenseNet of torchvision": old_densenet_name,
    "names of an EfficientNet of timm or EfficientNet-PyTorch": efficientnet_name,
    "names of an EfficientNet-Lite1 or Lite2": deeper_efficientnet_name,
    "names of the PYLON authors' program": pylon_name,
}
#: Wrappers that may stand anywhere in a name: torch.compile, FSDP, activation checkpointing.
_WRAPPERS = re.compile(r"(^|\.)(_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)(?=\.|$)")
#: First parts of the names of classification heads, which a network without a head does not need.
_HEADS = {"fc", "classifier", "class_layers", "_fc", "_conv_head", "_bn1", "last_linear"}
#: Tensors beside the weights: thresholds of torchxrayvision, the counter of PyTorch's AveragedModel.
_EXTRAS = {"op_threshs", "n_averaged"}
#: Parts of names of averaged copies of a network, used only if there is no other.
_AVERAGED = re.compile(r"(^|[._])(ema|swa|averaged|shadow|teacher|momentum)([._]|$|(?=\d))", re.IGNORECASE)


class Match(NamedTuple):
    """Assignment of a checkpoint's tensors to a network's.

    Attributes:
        prefix: Part of the checkpoint's names in front of the network's, with its dot; may be empty.
        naming: Origin of the names.
        found: Name in the checkpoint by the network's name.
        missing: Names of the network's tensors that the checkpoint lacks. Counters of batches are never missing.
        unmatched: Names of the checkpoint's tensors beside the matched ones for which the network has no place.
        heads: Names of the checkpoint's classification head, if the network has none.
        conflicts: Names of the network's tensors that have another shape or kind in the checkpoint.
        unused: Names of the checkpoint's other tensors, such as those of an optimizer.
        others: Prefixes of other copies of the network with other numbers, such as moving averages.

    Example:
        >>> own = {"weight": torch.zeros(2)}
        >>> match_tensors({"state_dict.module.weight": torch.ones(2)}, own).prefix
        'state_dict.module.'
    """

    prefix: str
    naming: str
    found: dict[str, str]
    missing: tuple[str, ...]
    unmatched: tuple[str, ...]
    heads: tuple[str, ...]
    conflicts: tuple[str, ...]
    unused: tuple[str, ...]
    others: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether every tensor of the network is matched, and none of the checkpoint's network is left."""
        return bool(self.found) and not (self.missing or self.unmatched or self.conflicts)


def flat_tensors(content: Mapping[Any, Any]) -> dict[str, torch.Tensor]:
    """List the tensors of nested dictionaries and lists, by their path.

    Args:
        content: Dictionary of tensors (...), dictionaries, lists and other values, which are left out.

    Returns:
        Tensors (...) by the keys on the way to them, joined by dots, without the names of wrappers.

    Example:
        >>> list(flat_tensors({"state_dict": {"_orig_mod.weight": torch.zeros(1)}, "epoch": 3}))
        ['state_dict.weight']
    """
    flat: dict[str, torch.Tensor] = {}

    def walk(value: Any, path: str) -> None:
        if isinstance(value, torch.Tensor):
            flat[_WRAPPERS.sub("", path).lstrip(".")] = value
        elif isinstance(value, Mapping | list | tuple):
            items = value.items() if isinstance(value, Mapping) else enumerate(value)
            for key, inner in items:
                walk(inner, f"{path}.{key}" if path else str(key))

    walk(content, "")
    return flat


def match_tensors(state: State, own: State, entry: str | None = None) -> Match:
    """Find the network's tensors in a checkpoint.

    Args:
        state: Tensors (...) of the checkpoint by path; see :func:`flat_tensors`.
        own: Tensors (...) of the network by name.
        entry: Path in the checkpoint to the network, if it holds several.

    Returns:
        The best assignment. It may be incomplete.

    Raises:
        ValueError: If several parts of the checkpoint fit equally well and differ, or the entry does not exist.

    Example:
        >>> own = {"weight": torch.zeros(2), "bias": torch.zeros(2)}
        >>> match_tensors({"net.weight": torch.ones(2)}, own).missing
        ('bias',)
    """
    if entry is not None:
        inside = {key: value for key, value in state.items() if key.startswith(f"{entry}.")}
        check(bool(inside), "entry", f"one of {', '.join(_groups(state))}, or a path within one", entry)
        state = inside
    match = _best(state, own)
    if not match.complete and any(".module." in key for key in state):  # DataParallel around a part of the network
        shorter = {key.replace(".module.", "."): key for key in state}
        inner = _best({short: state[key] for short, key in shorter.items()}, own)
        match = inner._replace(found={k: shorter[v] for k, v in inner.found.items()}) if inner.complete else match
    return match


def _best(state: State, own: State) -> Match:
    """Return the assignment with the best naming and prefix."""
    names = {_plain(key): key for key in own}
    scores = _scores(state, {plain: own[key] for plain, key in names.items()})
    if not scores:
        return _assigned(state, own, names, "", next(iter(NAMINGS)))
    best = max(scores.values())
    fitting = sorted((key for key, score in scores.items() if score == best), key=_preference)
    naming, prefix = fitting[0]
    match = _assigned(state, own, names, prefix, naming)
    others = [_assigned(state, own, names, each, name) for name, each in fitting[1:] if each != prefix]
    rivals = [other for other in others if _differ(state, match, other)]
    equal = [other for other in rivals if bool(_AVERAGED.search(other.prefix)) == bool(_AVERAGED.search(prefix))]
    if match.complete and equal:
        places = ", ".join(repr(each.prefix.rstrip(".")) for each in [match, *equal][:4])
        raise ValueError(f"weights hold this network several times: {places}. Choose one with entry=.")
    return match._replace(others=tuple(other.prefix for other in rivals if other.complete))


def _plain(key: str) -> str:
    """Remove the names of wrappers from a name."""
    return _WRAPPERS.sub("", key).lstrip(".")


def _preference(candidate: tuple[str, str]) -> tuple[bool, int, int]:
    """Order equally good candidates: averaged copies last, then short prefixes, then the network's own names."""
    naming, prefix = candidate
    return bool(_AVERAGED.search(prefix)), len(prefix), list(NAMINGS).index(naming)


def _scores(state: State, own: State) -> dict[tuple[str, str], tuple[int, int]]:
    """Count for each naming and prefix the tensors that fit by name and shape, and by name alone."""
    by_shape: Counter[tuple[str, str]] = Counter()
    by_name: Counter[tuple[str, str]] = Counter()
    for key, value in state.items():
        starts = [0, *(at + 1 for at, letter in enumerate(key) if letter == ".")]
        for naming, rename in NAMINGS.items():
            for start in starts:
                name = rename(key[start:])
                if name is not None and name in own:
                    by_name[naming, key[:start]] += 1
                    by_shape[naming, key[:start]] += value.shape == own[name].shape
    return {candidate: (by_shape[candidate], count) for candidate, count in by_name.items()}


def _assigned(state: State, own: State, names: Mapping[str, str], prefix: str, naming: str) -> Match:
    """Assign the tensors behind a prefix by one naming."""
    found: dict[str, str] = {}
    unmatched, heads, unused = [], [], []
    first_parts = {plain.split(".")[0] for plain in names}
    for key in state:
        if not key.startswith(prefix):
            unused.append(key)
            continue
        rest = key.removeprefix(prefix)
        name = NAMINGS[naming](rest)
        target = names.get(name) if name is not None else None
        if target is not None and target not in found:
            found[target] = key
        elif rest in _EXTRAS:
            unused.append(key)
        elif {rest.split(".")[0], (name or rest).split(".")[0]} & _HEADS - first_parts:
            heads.append(key)
        else:
            unmatched.append(key)
    missing = [key for key in own if key not in found and not key.endswith("num_batches_tracked")]
    conflicts = [key for key, theirs in found.items() if not _fits(state[theirs], own[key])]
    parts = (tuple(part) for part in (missing, unmatched, heads, conflicts, unused))
    return Match(prefix, naming, found, *parts)


def _fits(value: torch.Tensor, own: torch.Tensor) -> bool:
    """Return whether a tensor has the shape and layout of the network's, and is a fraction where that is one."""
    return (
        value.layout == own.layout and value.shape == own.shape and value.is_floating_point() == own.is_floating_point()
    )


def _differ(state: State, one: Match, other: Match) -> bool:
    """Return whether two assignments give the network different numbers."""
    same = one.found.keys() == other.found.keys()
    return not same or any(not torch.equal(state[one.found[key]], state[other.found[key]]) for key in one.found)


def _groups(state: State) -> list[str]:
    """Name the first parts of a checkpoint's names."""
    return list(dict.fromkeys(key.split(".")[0] for key in state))[:9]
