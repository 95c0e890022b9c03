"""Loading of weights from files of several origins, or of ImageNet weights."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from monai.networks.nets import ResNet
from torch import nn

from monai_pylon.networks.checkpoint_files import read_tensors
from monai_pylon.networks.ct_encoder import read_chest_ct_weights
from monai_pylon.networks.imagenet import read_imagenet_weights
from monai_pylon.networks.state_matching import NAMINGS, Match, flat_tensors, match_tensors
from monai_pylon.utils import check, check_type

__all__ = ["LoadReport", "load_weights", "read_weights"]

State = dict[str, torch.Tensor]

_LOGGER = logging.getLogger(__name__)


class LoadReport(NamedTuple):
    """Report on weights that were loaded.

    Attributes:
        file: File, or "imagenet".
        part: "network" if all its tensors come from the file, "encoder" if only those of its encoder do.
        match: Assignment of the file's tensors; see :class:`~monai_pylon.networks.state_matching.Match`.
        summed: Names of first convolutions for three channels that were summed for the network's.
        kept: Names of the network's tensors that kept their values, as `keep` asked.

    Example:
        >>> from monai_pylon.networks.state_matching import match_tensors
        >>> own = {"weight": torch.zeros(2)}
        >>> print(LoadReport("a.pth", "network", match_tensors({"model.weight": torch.ones(2)}, own), (), ()))
        1 tensor of the network from 'a.pth', found at 'model' by the network's own names.
    """

    file: str
    part: str
    match: Match
    summed: tuple[str, ...]
    kept: tuple[str, ...]

    def __str__(self) -> str:
        """Describe in a few sentences what was loaded, and what was not."""
        match, count = self.match, len(self.match.found)
        place = f", found at {match.prefix.rstrip('.')!r}" if match.prefix else ", found"
        text = f"{count} tensor{'s' * (count != 1)} of the {self.part} from {self.file!r}{place} by {match.naming}."
        for names, meaning in (
            (self.summed, "summed over the input channels"),
            (self.kept, "of the network that keep their values"),
            (match.heads, "of a classification head that the network does not have"),
            (match.unused, "not used"),
        ):
            text += f" {len(names)} {meaning}: {_some(names)}." if names else ""
        if match.others:
            copies = _some([prefix.rstrip(".") for prefix in match.others])
            text += f" Other copies of the network: {copies} (choose one with entry=)."
        return text


def read_weights(weights: str | Path, encoder: str = "") -> State:
    """Read the tensors of a file, or ImageNet weights.

    Args:
        weights: "imagenet" (see :func:`~monai_pylon.networks.imagenet.read_imagenet_weights`), "chest_ct" (see
            :func:`~monai_pylon.networks.ct_encoder.read_chest_ct_weights`), or a file of ``torch.save`` or
            safetensors. It is read as tensors only and cannot run code.
        encoder: Name of the encoder, for ImageNet weights.

    Returns:
        Tensors, such as (64, C, 7, 7), by their names in the file; see
        :func:`~monai_pylon.networks.state_matching.flat_tensors`.

    Raises:
        ValueError: If there is no such file, it cannot be read, or it has no weights. The message names the cause.
        RuntimeError: If ImageNet weights are not available. The message tells how to add them by hand.

    Example:
        >>> read_weights("nowhere.pth")
        Traceback (most recent call last):
        ...
        ValueError: weights must be "imagenet" or a file that exists, but is 'nowhere.pth'.
    """
    check_type(weights, (str, Path), "weights")
    if weights == "chest_ct":
        return flat_tensors(read_chest_ct_weights())
    if weights == "imagenet":
        return flat_tensors(read_imagenet_weights(encoder))
    path = Path(weights).expanduser()
    check(path.is_file(), "weights", '"imagenet" or a file that exists', str(weights))
    state = flat_tensors(read_tensors(path))
    check(bool(state), "weights", "a file with a state dict, names to tensors", str(weights))
    moments = [key for key in state if re.search(r"(^|\.)(exp_avg(_sq)?|momentum_buffer|max_exp_avg_sq|step)$", key)]
    if len(moments) == len(state):
        raise ValueError(f"{weights} holds the state of an optimizer alone, without weights. Give the model's file.")
    return state


def load_weights(
    network: nn.Module, weights: str | Path, entry: str | None = None, keep: Sequence[str] = (), whole: bool = False
) -> LoadReport:
    """Load weights into a network, or into its encoder, in place. Either every tensor fits, or it is an error.

    Weights of a whole network are loaded into a network as a whole; into an encoder, those of its encoder are loaded.
    Weights of an encoder are loaded into the network's encoder, and its other weights do not change. If an encoder has
    another number of channels, a first convolution for three is summed over them, and the sum is shared equally among
    the network's channels. A gray image then gives the same response as its copy in three channels. A network with its
    head is refused then, because its scores also depend on a normalization that may differ from channel to channel.

    The tensors are found by comparison with the network: in nested dictionaries, behind the prefixes of Lightning,
    DataParallel, ``torch.compile`` and FSDP, by the names of torchvision (old and new), torchxrayvision, CheXNet, timm,
    EfficientNet-PyTorch and the PYLON authors, as well as by those of MONAI and of this package.

    Args:
        network: Encoder, or any network, with ``encoder`` or without, for images (N, C, *spatial).
        weights: "imagenet" or a file; see :func:`read_weights`.
        entry: Path to the network in a file that holds several, such as "state_dict_ema". None: the only one; a network
            is preferred to its moving average.
        keep: Beginnings of names of tensors that keep their values, such as "class_layers.out" for other labels.
        whole: Whether weights of an encoder alone are an error.

    Returns:
        Report on what was loaded, and from where.

    Raises:
        ValueError: If the weights belong to another network, or contain NaN. The message names tensors and shapes.

    Example:
        >>> import tempfile
        >>> from monai.networks.nets import DenseNet121
        >>> trained, network = DenseNet121(2, 1, 3), DenseNet121(2, 1, 3)
        >>> with tempfile.NamedTemporaryFile(suffix=".ckpt") as file:
        ...     torch.save({"state_dict": {f"net.{key}": value for key, value in trained.state_dict().items()}}, file)
        ...     _ = file.seek(0)
        ...     load_weights(network, file.name).match.prefix
        'state_dict.net.'
    """
    bare = _unwrapped(network)
    encoder = getattr(bare, "encoder", bare)
    state = read_weights(weights, getattr(encoder, "name", ""))
    report = _matched(bare, state, "network", weights, entry, keep)
    if not report.match.complete and encoder is not bare and not whole:
        alone = _matched(encoder, state, "encoder", weights, entry, keep)
        found_more = len(alone.match.found) > 0 and not any(k.startswith("encoder.") for k in report.match.found)
        report = alone if (alone.match.complete and found_more) or not report.match.found else report
    target = bare if report.part == "network" else encoder
    _check_match(target, state, report)
    _check_stride(target, report)
    own = target.state_dict()
    found = {key: state[name] for key, name in report.match.found.items()}
    summed = {key: _shared_sum(found[key], own[key]) for key in report.summed}
    target.load_state_dict({**own, **found, **summed})
    (_LOGGER.warning if report.match.others else _LOGGER.debug)("%s", report)
    return report


def _shared_sum(value: torch.Tensor, own: torch.Tensor) -> torch.Tensor:
    """Sum a first convolution over its input channels and share the sum among those of the network."""
    return (value.to(own.dtype).sum(1, keepdim=True) / own.shape[1]).expand(own.shape).contiguous()


def _matched(
    target: nn.Module, state: State, part: str, weights: str | Path, entry: str | None, keep: Sequence[str]
) -> LoadReport:
    """Match a network's tensors with a file's, and set aside first convolutions that may be averaged."""
    own = target.state_dict()
    kept = tuple(key for key in own if keep and key.startswith(tuple(keep)))
    unknown = [name for name in keep if not any(key.startswith(name) for key in kept)]
    check(not unknown or part == "encoder", "keep", "beginnings of names of the network's tensors", unknown)
    match = match_tensors(state, {key: value for key, value in own.items() if key not in kept}, entry)
    spare = tuple(name for name in match.unmatched if _names_kept(name, match, kept))
    match = match._replace(
        unmatched=tuple(name for name in match.unmatched if name not in spare), unused=(*match.unused, *spare)
    )
    headless = part == "encoder" or bool(match.heads) or hasattr(target, "channels")
    summed = tuple(key for key in match.conflicts if headless and _can_sum(state[match.found[key]], own[key], key))
    match = match._replace(conflicts=tuple(key for key in match.conflicts if key not in summed))
    return LoadReport(str(weights), part, match, summed, kept)


def _names_kept(name: str, match: Match, kept: Sequence[str]) -> bool:
    """Return whether a file's name is that of a tensor of the network that keeps its value."""
    return NAMINGS[match.naming](name.removeprefix(match.prefix)) in kept


def _can_sum(value: torch.Tensor, own: torch.Tensor, key: str) -> bool:
    """Return whether a tensor is a first convolution for three channels, and the network's for another number."""
    stem = key.endswith(("conv1.weight", "conv0.weight", "_conv_stem.weight"))
    return stem and value.ndim == own.ndim >= 3 and value.shape[1] == 3 and value.shape[2:] == own.shape[2:]


def _check_match(target: nn.Module, state: State, report: LoadReport) -> None:
    """Raise an error unless every tensor fits and is finite."""
    match, own = report.match, target.state_dict()
    odd = [f"{key} {_kind(state[match.found[key]], own[key])}" for key in match.conflicts]
    differences = sorted([*match.missing, *match.unmatched]) + odd
    remedy = "Give the arguments that they were made with"
    remedy += "; load_weights(net.encoder, file) takes the encoder alone." if hasattr(target, "encoder") else "."
    if any(_can_sum(state[match.found[key]], own[key], key) for key in match.conflicts):
        remedy = "They are for images of three channels: make the network for three, and repeat a gray image."
    elif 0 < len(match.conflicts) <= 2 and not match.missing and not match.unmatched:
        remedy += " For other labels, name the last layer in keep=."
    read = f" at {match.prefix.rstrip('.')!r}" if match.prefix else ""
    count = f"{len(match.found) - len(match.conflicts)} of {len(own)} tensors fit{read} by {match.naming}"
    requirement = f"those of this {type(target).__name__} (they differ in {_some(differences)}; {count})"
    check(not differences, "weights", requirement, report.file, remedy)
    broken = [n for n in match.found.values() if state[n].is_floating_point() and not bool(state[n].isfinite().all())]
    check(not broken, "weights", f"finite (NaN or infinity in {_some(broken)})", report.file, "The training failed.")


def _kind(value: torch.Tensor, own: torch.Tensor) -> str:
    """Describe in what a tensor differs from the network's."""
    for name in ("shape", "dtype", "layout"):
        theirs, ours = getattr(value, name), getattr(own, name)
        if theirs != ours:
            pair = (tuple(theirs), tuple(ours)) if name == "shape" else (theirs, ours)
            return f"{pair[0]} instead of {pair[1]}".replace("torch.", "")
    return "of another kind"


def _check_stride(target: nn.Module, report: LoadReport) -> None:
    """Refuse or warn if a ResNet of MONAI has another first stride than those of torchvision, which no weight shows."""
    first = getattr(target, "conv1", None)
    if not isinstance(target, ResNet) or not isinstance(first, nn.Conv2d) or max(first.stride) > 1:
        return
    foreign = any(name.split(".")[-1] == "op_threshs" for name in report.match.unused)
    remedy = "Make the network with conv1_t_stride=2."
    check(not foreign, "network", "a ResNet with a first stride of 2, as in torchxrayvision", first.stride, remedy)
    if "layer2.0.downsample.0.weight" in report.match.found and "layer2.0.downsample.0.bias" not in report.match.found:
        text = "%s: the network's first stride is 1, that of torchvision's ResNets 2. If the weights are of these: %s"
        _LOGGER.warning(text, report.file, remedy)


def _some(names: Sequence[str]) -> str:
    """Name the first three of many."""
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _unwrapped(network: nn.Module) -> nn.Module:
    """Return the network inside DataParallel, DistributedDataParallel and torch.compile."""
    while True:
        if isinstance(network, nn.parallel.DataParallel | nn.parallel.DistributedDataParallel):
            network = network.module
        elif isinstance(inner := getattr(network, "_orig_mod", None), nn.Module):
            network = inner
        else:
            return network
