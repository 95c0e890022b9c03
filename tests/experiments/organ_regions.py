"""AxialNet with pooling inside organs, and regions of Table 6: ``python -m tests.experiments.organ_regions``.

The patients are those of :mod:`tests.experiments.axialnet_cohort`, fewer of them. The encoder is trained on other
patients to recognize tissues and stays frozen, so that its maps are computed once; reduction and head are trained. Each
run is one JSON file in the folder of runs, and a new start resumes. ``tests.experiments.organ_regions_page`` makes the
tables of docs/researchers/organ_pooling.md.
"""

from __future__ import annotations

import argparse
import platform
import time
from pathlib import Path
from typing import Any, NamedTuple

import monai
import numpy as np
import torch
from torch.nn import functional

from monai_pylon.losses import MaskLoss
from monai_pylon.metrics import OrganIoUMetric
from monai_pylon.metrics.auroc import auroc_per_class
from monai_pylon.networks.nets import AxialNet
from monai_pylon.networks.plain_encoder import PlainPyramid
from monai_pylon.taxonomy import CHEST_CT_LABELS
from monai_pylon.taxonomy.organs import possible_locations
from monai_pylon.transforms import allowed_regions
from monai_pylon.visualize import map_geometry
from tests.experiments.axialnet_cohort import CONFOUNDED, EARLIER, LABELS, SECTIONS, SEEN, _inner, make_patient, read
from tests.experiments.axialnet_evidence import write_json
from tests.experiments.axialnet_runs import Settings, first_encoder, normalized
from tests.experiments.axialnet_summary import fat_in_scores

#: Number of patients by section, and of those on whom the encoder is trained.
PATIENTS = {"training": 80, "validation": 24, "test, plain": 60}
EARLIER_PATIENTS = 24
ORGANS = possible_locations()[[CHEST_CT_LABELS.index(label) for label in LABELS.values()]]
#: Weight of the mask loss beside the paper's reduction: 6 x 6 cells, as in the paper.
PAPER_WEIGHT = 1 / 3


class Variant(NamedTuple):
    """How a network pools, and the allowed regions of the mask loss; ``mask`` is a factor of its weight."""

    mask: float = 0
    pooling: str = ""  # "", "organs", "organs, masked input" or "everywhere, masked input"
    paper_reduction: bool = False  # four unpadded convolutions: 14 x 14 cells become 6 x 6
    mode: str = "nearest"
    dilation: int = 0
    true_positions: bool = False


VARIANTS = {
    "AxialNet": Variant(),
    "mask loss": Variant(1),
    "pooling": Variant(pooling="organs"),
    "masked input": Variant(pooling="everywhere, masked input"),
    "pooling, masked input": Variant(pooling="organs, masked input"),
    "pooling, masked input, mask loss": Variant(1, "organs, masked input"),
    "6 x 6": Variant(paper_reduction=True),
    "6 x 6, mask loss, even": Variant(1, paper_reduction=True),
    "6 x 6, mask loss, true": Variant(1, paper_reduction=True, true_positions=True),
    **{
        f"6 x 6, mask loss, even, {mode}{', dilated' * dilation}": Variant(1, "", True, mode, dilation)
        for mode, dilation in (("trilinear", 0), ("area", 0), ("nearest", 1), ("trilinear", 1), ("area", 1))
    },
}


class Patients(NamedTuple):
    """Patients of a section: images, organ labels (N, 1, X, Y, Z), labels, locations, lesions in blocks, and fat."""

    images: torch.Tensor
    organs: torch.Tensor
    labels: torch.Tensor
    locations: np.ndarray
    lesions: torch.Tensor
    fat: torch.Tensor


def make_patients(folder: Path) -> None:
    """Write the patients that are missing in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    parts = [(SECTIONS[name][0], count, SECTIONS[name][2]) for name, count in PATIENTS.items()]
    for first, count, confounded in (*parts, (EARLIER[0], EARLIER_PATIENTS, False)):
        for seed in range(first, first + count):
            path = folder / f"{seed:05d}.npz"
            if not path.is_file():
                part = path.with_suffix(".part.npz")
                np.savez_compressed(part, **make_patient(seed, confounded))  # type: ignore[arg-type]
                part.rename(path)


def read_patients(folder: Path, name: str) -> Patients:
    """Read the patients of a section."""
    keys = ("image", "masks", "label", "locations", "lesions", "fat")
    image, masks, label, locations, lesions, fat = read(folder, SECTIONS[name][0], PATIENTS[name], *keys)
    return Patients(
        _inner(image[:, None]),
        _inner(masks[:, None]),
        torch.from_numpy(label).float(),
        locations,
        _inner(lesions.astype(np.int32)),
        torch.from_numpy(fat),
    )


def make_network(variant: Variant, s: Settings) -> AxialNet:
    """Make the network of a variant."""
    reduction = (16, 16, 16, 16) if variant.paper_reduction else s.reduction
    table = {"": None, "o": ORGANS, "e": np.ones_like(ORGANS)}[variant.pooling[:1]]
    return AxialNet(
        len(LABELS),
        PlainPyramid("conv5", 2, 3, s.widths),
        3,
        SEEN[:2],
        reduction,
        0 if variant.paper_reduction else 1,
        label_organs=table,
        mask_input="masked input" in variant.pooling,
    )


def regions(patients: Patients, network: AxialNet, v: Variant) -> torch.Tensor:
    """Compute the allowed regions (N, M, x, y, groups) on the network's grid."""
    rows, columns = network.head.shape[1:]
    plain = AxialNet(1, network.encoder, 3, SEEN[:2], *_reduction(network))
    geometry = map_geometry(plain, None, SEEN) if v.true_positions else None
    grid = (columns, rows, SEEN[2] // 3)
    pairs = zip(patients.organs[:, 0].numpy(), patients.locations, strict=True)
    each = [allowed_regions(organs, places, grid, v.mode, v.dilation, geometry) for organs, places in pairs]
    return torch.from_numpy(np.stack(each))


def _reduction(network: AxialNet) -> tuple[list[int], int]:
    """Return channels and padding of a network's reduction."""
    convolutions = [part for part in network.reduction if hasattr(part, "padding")]
    return [part.out_channels for part in convolutions], int(convolutions[0].padding[0])


class Cached(NamedTuple):
    """The deepest maps (N, G, C, rows, columns) of the frozen encoder and the weights of the cells, also mirrored."""

    maps: list[torch.Tensor]
    weights: list[torch.Tensor | None]


@torch.no_grad()
def cached(network: AxialNet, patients: Patients) -> Cached:
    """Compute the maps of the frozen encoder for volumes as they are and mirrored along x."""
    network.eval()
    maps, weights = [], []
    for turned in (False, True):
        found, each = [], []
        for image, organs in zip(patients.images.split(1), patients.organs.split(1), strict=True):
            x = torch.cat([normalized(image), organs.float()], 1)
            if turned:
                x = x.flip(2)
                x[:, 1] = torch.tensor([0.0, 3, 2, 1])[x[:, 1].long()]
            pooled = network.organ_pooling is not None
            with torch.autocast("cpu", torch.bfloat16):
                found.append(network.features(x if pooled else x[:, :1]).bfloat16())
            each.append(network._weights(x[:, 1]) if pooled else None)
        maps.append(torch.cat(found))
        weights.append(torch.cat(each) if each[0] is not None else None)  # type: ignore[arg-type]
    return Cached(maps, weights)


def train(
    network: AxialNet, data: Cached, labels: torch.Tensor, allowed: torch.Tensor, v: Variant, s: Settings
) -> None:
    """Train reduction and head with Adam and a one-cycle rate on cached maps, each mirrored half of the time."""
    parameters = [*network.reduction.parameters(), *network.head.parameters()]
    steps = s.epochs * (len(labels) // s.batch)
    optimizer = torch.optim.Adam(parameters, lr=s.rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=s.rate, total_steps=steps)
    penalty = MaskLoss(v.mask * (PAPER_WEIGHT if v.paper_reduction else s.mask_weight))
    turned = allowed.flip(2)
    for _ in range(s.epochs):
        for chosen in torch.randperm(len(labels)).split(s.batch)[: len(labels) // s.batch]:
            side = int(torch.rand(1) < 0.5)
            weights = data.weights[side]
            with torch.autocast("cpu", torch.bfloat16):
                z = network.reduced(data.maps[side][chosen])
                found = network._explain(z.float(), None if weights is None else weights[chosen])
            loss = penalty(found, labels[chosen], (turned if side else allowed)[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()


@torch.no_grad()
def explained(network: AxialNet, data: Cached) -> tuple[torch.Tensor, torch.Tensor]:
    """Return scores (N, M) and attention (N, M, x, y, groups) from cached maps, not mirrored."""
    logits, attention = [], []
    for start in range(0, len(data.maps[0]), 4):
        weights = data.weights[0]
        own = None if weights is None else weights[start : start + 4]
        one = network._explain(network.reduced(data.maps[0][start : start + 4].float()), own)
        logits.append(one.logits)
        attention.append(one.attention)
    return torch.cat(logits), torch.cat(attention)


def peaks_near_lesions(attention: torch.Tensor, patients: Patients, lost: int) -> np.ndarray:
    """Return for each map (N, M) whether its peak looks at a place within 1.5 cells of a lesion; NaN if absent.

    Cell i looks at the border of the blocks i + lost - 1 and i + lost of 8 voxels.
    """
    lesions = (patients.lesions > 0).float()
    near = functional.max_pool3d(functional.pad(lesions, (1, 1, 2, 1, 2, 1)), (4, 4, 3), 1)
    cells = attention.shape[2:]
    near = near[:, :, lost : lost + cells[0], lost : lost + cells[1]]
    highest, place = attention.flatten(2).max(2, keepdim=True)
    hit = torch.where(highest > 0, near.flatten(2).gather(2, place), 0.0)[..., 0]
    return torch.where(patients.labels == 1, hit, torch.nan).numpy()


def organ_ious(maps: dict[str, torch.Tensor], parts: dict[str, Patients], network: AxialNet, v: Variant) -> np.ndarray:
    """Return OrganIoU (N, M) of the test part; each label's threshold is tuned on the validation part."""
    metric = OrganIoUMetric()
    metric(maps["validation"], (parts["validation"].labels, regions(parts["validation"], network, v)))
    metric = OrganIoUMetric(metric.tune_thresholds())
    part = "test, plain"
    return metric(maps[part], (parts[part].labels, regions(parts[part], network, v))).numpy()


def run(v: Variant, seed: int, parts: dict[str, Patients], caches: dict[str, Cached], s: Settings) -> dict[str, Any]:
    """Train one network and return its figures on the test part."""
    torch.manual_seed(seed)
    network = make_network(v, s)
    start = time.process_time()
    data = parts["training"]
    train(network, caches["training"], data.labels, regions(data, network, v), v, s)
    seconds = time.process_time() - start
    found = {name: explained(network, caches[name]) for name in ("validation", "test, plain")}
    maps, scores = {name: pair[1] for name, pair in found.items()}, found["test, plain"][0]
    part = parts["test, plain"]
    areas = auroc_per_class(scores, part.labels).tolist()
    ways = {"even": Variant(), "true": Variant(true_positions=True)} if v.paper_reduction else {"even": Variant()}
    ious = {name: organ_ious(maps, parts, network, way) for name, way in ways.items()}
    peaks = peaks_near_lesions(maps["test, plain"], part, network.cells_lost // 2)
    fat = {name: each[0] for name, each in fat_in_scores([{"scores/test, plain": scores.numpy()}], part).items()}  # type: ignore[arg-type]
    return {
        "AUROC": float(np.nanmean(areas)),
        "AUROC by label": dict(zip(LABELS, areas, strict=True)),
        **{f"OrganIoU, {name}": float(np.nanmean(each)) for name, each in ious.items()},
        "OrganIoU by label": dict(zip(LABELS, np.nanmean(ious["even"], 0).tolist(), strict=True)),
        "peak": float(np.nanmean(peaks)),
        "peak by label": dict(zip(LABELS, np.nanmean(peaks, 0).tolist(), strict=True)),
        "fat by label": fat,
        "fat, confounded labels": float(np.mean([abs(fat[name]) for name in CONFOUNDED])),
        "training CPU s": round(seconds, 1),
    }


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("demo_output") / "organ_regions")
    parser.add_argument("--variants", nargs="+", default=list(VARIANTS), choices=list(VARIANTS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, default=50)
    args = parser.parse_args()
    torch.set_num_threads(1)
    folder, runs = args.output / "phantoms", args.output / "runs"
    runs.mkdir(parents=True, exist_ok=True)
    make_patients(folder)
    s = Settings(epochs=args.epochs)
    parts = {name: read_patients(folder, name) for name in PATIENTS}
    file = args.output / "first_encoder.pt"
    if not file.is_file():
        image, tissues = read(folder, EARLIER[0], EARLIER_PATIENTS, "image", "tissues")
        torch.save(first_encoder(_inner(image[:, None]), _inner(tissues), s), file)
    encoder, caches = torch.load(file, weights_only=True), {}
    for seed, name in [(seed, name) for seed in args.seeds for name in args.variants]:
        v, target = VARIANTS[name], runs / f"{name.replace(', ', '-').replace(' ', '_')}-seed{seed}.json"
        if target.is_file():
            continue
        if v.pooling not in caches:
            network = make_network(v, s)
            network.encoder.load_state_dict(encoder)
            caches[v.pooling] = {part: cached(network, parts[part]) for part in parts}
        row = run(v, seed, parts, caches[v.pooling], s)
        versions = {"torch": torch.__version__, "monai": monai.__version__, "python": platform.python_version()}
        about = {"variant": name, "seed": seed, "settings": {**v._asdict(), "epochs": s.epochs, "patients": PATIENTS}}
        write_json(target, about | row | {"versions": versions})
        print(f"{name} {seed}: {row['AUROC']:.2f} {row['OrganIoU, even']:.2f} {row['fat, confounded labels']:.2f}")


if __name__ == "__main__":
    main()
