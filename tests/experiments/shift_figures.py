"""Shift equivariance of the networks of the PYLON comparison: ``python -m tests.experiments.shift_figures``.

Untrained networks with a ResNet-18 whose batch norms are calibrated on phantoms, and phantoms of 320 pixels, of which
two windows of 256 pixels, 64 pixels apart, are compared. The margin of two cells at stride 32 leaves out the padding of
the last layers. With ``--trained RUNS`` also the networks of the soft maximum experiment. ``--groups 1 32 128`` prints
FPN with these numbers of groups in its group normalizations instead, each network with the same weights.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch import nn

from monai_pylon.data import phantom_radiograph
from monai_pylon.visualize import shift_equivariance
from monai_pylon.workflows.bundle import make_network
from monai_pylon.workflows.bundle.networks import network_table
from tests.experiments.pylon_evidence.radiographs import DEVIATION, MEAN
from tests.experiments.soft_maximum.training import scaled

SHIFT, WINDOW = 64, 256
#: Channels that FPN normalizes.
NORMALIZED = 128


def attention(x: torch.Tensor, network: nn.Module) -> torch.Tensor:
    """Return the network's heatmap."""
    return network.explain(x).attention  # type: ignore[operator]


def calibrated(network: nn.Module, x: torch.Tensor, rounds: int = 3) -> nn.Module:
    """Set the statistics of the batch norms to those of some images."""
    norms = [part for part in network.modules() if isinstance(part, nn.BatchNorm2d)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the mean of all passes
    with torch.no_grad():
        for _ in range(rounds):
            network.train()(x[:, :, :WINDOW, :WINDOW])
    return network.eval()


def row(title: str, networks: list[nn.Module], x: torch.Tensor) -> str:
    """Return a row of the table: mean over images and labels, then over networks."""
    found, shape = [], ""
    for network in networks:
        with torch.no_grad():
            grid = attention(x[:1, :, :WINDOW, :WINDOW], network).shape[2:]
        shape, margin = f"{grid[0]} x {grid[1]}", 2 * grid[0] * 32 // WINDOW
        each = shift_equivariance(network, attention, x, (0, SHIFT), margin=margin)
        found.append(torch.stack([each.correlation.nanmean(), each.relative_difference.nanmedian()]))
    mean = torch.stack(found).mean(0).tolist()
    return f"| {title} | {shape} | {mean[0]:.2f} | {mean[1]:.2f} |"


def group_sizes(seeds: list[int], groups: list[int], x: torch.Tensor) -> None:
    """Print a row for each number of groups of FPN's group normalizations."""
    networks = []
    for seed in seeds:
        torch.manual_seed(seed)
        networks.append(calibrated(make_network({"name": "fpn", "encoder": "resnet18"}), x))
    for count in groups:
        for part in (part for network in networks for part in network.modules() if isinstance(part, nn.GroupNorm)):
            part.num_groups = count
        print(row(f"FPN, {count} groups of {NORMALIZED // count} channels", networks, x), flush=True)


def main() -> None:
    """Print a row for each network."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=4)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--groups", type=int, nargs="+", help="numbers of groups of FPN's group normalizations")
    parser.add_argument("--trained", type=Path, help="folder of the runs of tests.experiments.soft_maximum")
    args = parser.parse_args()
    torch.set_num_threads(1)
    phantoms = [torch.from_numpy(phantom_radiograph(seed, size=WINDOW + SHIFT).image) for seed in range(args.images)]
    x = (torch.stack(phantoms).float() - MEAN) / DEVIATION
    print("| network | map | correlation | relative difference |\n|---|---|---|---|")
    if args.groups:
        group_sizes(args.seeds, args.groups, x)
        return
    for name, entry in network_table().items():
        networks = []
        for seed in args.seeds:
            torch.manual_seed(seed)
            networks.append(calibrated(make_network({"name": name, "encoder": "resnet18"}), x))
        print(row(entry["_desc_"], networks, x), flush=True)
    for file in sorted(args.trained.glob("*.pt")) if args.trained else ():
        network = make_network({"name": file.name.split("-")[0], "encoder": "efficientnet_lite0"})
        network.load_state_dict(torch.load(file, weights_only=True))
        print(row(file.stem, [network.eval()], scaled(x)), flush=True)


if __name__ == "__main__":
    main()
