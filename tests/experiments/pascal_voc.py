"""HiResCAM and Grad-CAM on PASCAL VOC (HiResCAM paper, section 13): ``python -m tests.experiments.pascal_voc``.

A VGG-like classifier with three linear layers is trained on labels of whole images, of a folder in the layout of VOC
2012 (``--root``, with ``--sbd`` also of SBD) or of generated images in that layout. After each epoch it prints the
overlap (IoU) of the maps of the last convolution with the outlines of their objects, by the number of labels in the
image (Figure 10). Beside it stand the overlap of the whole image and of the middle of the image, which know nothing.
``--single_linear`` trains the head of footnote 3, with exact maps. In the end ``--figure`` draws Figures 6 and 12:
pairs of HiResCAM and Grad-CAM for image-label pairs of the validation, chosen at random, fewer labels first.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

from monai_pylon.data import pascal_voc_datalist
from monai_pylon.data.sbd import read_class_map, sbd_datalist
from monai_pylon.networks.single_linear_head import single_linear_head
from monai_pylon.reports.figure_style import save_figure
from monai_pylon.reports.map_grid import MapPanel, map_grid_figure
from monai_pylon.taxonomy.labels import PASCAL_VOC_LABELS
from monai_pylon.visualize import HiResCAM, LayerGradCAM, audit_explanation

#: Cells of the last map along each edge, as in VGG-16 at 224 pixels.
GRID = 7
CLASSES = len(PASCAL_VOC_LABELS)


def generate(folder: Path, counts: tuple[int, int], size: int = 112, seed: int = 0) -> Path:
    """Write images in the layout of VOC 2012: textured discs and squares of four classes on noise, one to three each.

    Labels 0 and 1 often occur together, as persons and chairs do.
    """
    random = np.random.default_rng(seed)
    for name in ("JPEGImages", "Annotations", "SegmentationClass", "ImageSets/Main"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    y, x = np.mgrid[:size, :size]
    names = [f"{number:06d}" for number in range(sum(counts))]
    for name in names:
        chosen = random.permutation(4)[: random.integers(1, 4)].tolist()
        chosen = [0, 1] if random.random() < 0.3 else chosen
        pixels, outline = random.normal(110, 25, (size, size, 3)), np.zeros((size, size), np.uint8)
        objects = []
        for label in chosen:
            half = int(random.integers(size // 10, size // 5))
            row, column = random.integers(half, size - half, 2)
            inside = np.hypot(y - row, x - column) <= half
            if label % 2:
                inside = np.maximum(abs(y - row), abs(x - column)) <= half
            stripes = 60 * np.sign(np.sin((x if label < 2 else y) * 0.9))
            color = np.array([[220, 60, 60], [60, 60, 220], [60, 200, 60], [210, 200, 40]][label])
            pixels[inside] = (color + stripes[..., None])[inside]
            outline[inside] = label + 1
            edges = (column - half + 1, row - half + 1, column + half + 1, row + half + 1)
            frame = "".join(f"<{k}>{v}</{k}>" for k, v in zip(("xmin", "ymin", "xmax", "ymax"), edges, strict=True))
            objects.append(f"<object><name>{PASCAL_VOC_LABELS[label]}</name><bndbox>{frame}</bndbox></object>")
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / "JPEGImages" / f"{name}.jpg", quality=95)
        Image.fromarray(outline).save(folder / "SegmentationClass" / f"{name}.png")
        head = f"<size><width>{size}</width><height>{size}</height></size>"
        (folder / "Annotations" / f"{name}.xml").write_text(f"<annotation>{head}{''.join(objects)}</annotation>")
    for section, part in (("train", names[: counts[0]]), ("val", names[counts[0] :])):
        (folder / "ImageSets" / "Main" / f"{section}.txt").write_text("\n".join(part) + "\n")
    return folder


class VGGLike(nn.Module):
    """Five blocks of convolutions and three linear layers, VGG-16 with `width` instead of 64 channels."""

    def __init__(self, width: int = 64, hidden: int = 4096) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 3
        for block, (factor, count) in enumerate(((1, 2), (2, 2), (4, 3), (8, 3), (8, 3))):
            for _ in range(count):
                layers += [nn.Conv2d(before, factor * width, 3, padding=1), nn.ReLU()]
                before = factor * width
            layers += [nn.MaxPool2d(2)] if block < 4 else []
        self.features, self.pool = nn.Sequential(*layers), nn.AdaptiveMaxPool2d(GRID)
        self.classifier = nn.Sequential(
            *[nn.Flatten(), nn.Linear(before * GRID * GRID, hidden), nn.ReLU(), nn.Dropout()],
            *[nn.Linear(hidden, hidden), nn.ReLU(), nn.Dropout(), nn.Linear(hidden, CLASSES)],
        )
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(layer.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Compute the scores (N, 20) of images (N, 3, H, W)."""
        return self.classifier(self.pool(self.features(x)))


def load(items: list[dict[str, Any]], size: int) -> tuple[Tensor, Tensor]:
    """Read images (N, 3, S, S) between -1 and 1, and labels (N, 20)."""
    images = [np.asarray(Image.open(item["image"]).convert("RGB").resize((size, size))) for item in items]
    x = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float() / 127.5 - 1
    return x, torch.from_numpy(np.stack([item["label"] for item in items])).float()


def overlap(map: Tensor, outline: np.ndarray, label: int) -> float:
    """Return the IoU of a map, above half of its maximum at the outline's size, with the pixels of a label.

    Uncertain pixels (255) do not count. A map without positive values overlaps with nothing.
    """
    large = functional.interpolate(map[None, None].clamp(min=0), outline.shape, mode="bilinear")[0, 0].numpy()
    marked, known, truth = large > 0.5 * large.max(), outline != 255, outline == label + 1
    either = (marked | truth) & known
    return float((marked & truth & known).sum() / max(either.sum(), 1))


def center(size: int = 8) -> Tensor:
    """Return a map whose middle is marked: half of the rows and columns."""
    map = torch.zeros(size, size)
    map[size // 4 : -(size // 4), size // 4 : -(size // 4)] = 1
    return map


def group_of(item: dict[str, Any]) -> str:
    """Return the number of labels of an image, as Figure 10 groups them."""
    count = int(item["label"].sum())
    return "1 label" if count == 1 else f"{count} labels" if count < 4 else "4 or more labels"


def figures(network: VGGLike, items: list[dict[str, Any]], x: Tensor, layer: str) -> dict[str, dict[str, float]]:
    """Return the mean IoU by method and number of labels in the image, and the number of image-label pairs."""
    found: dict[tuple[str, str], list[float]] = {}
    cams = {"HiResCAM": HiResCAM(network.eval(), layer), "Grad-CAM": LayerGradCAM(network, layer)}
    for item, image in zip(items, x, strict=True):
        if "segmentation" not in item:
            continue
        outline = read_class_map(item["segmentation"])
        labels = np.flatnonzero(item["label"]).tolist()
        maps = {name: cam(image[None], labels)[0].cpu().float() for name, cam in cams.items()}
        for number, label in enumerate(labels):
            if not (outline == label + 1).any():
                continue
            compared = {name: maps[name][number] for name in maps}
            compared |= {"whole image": torch.ones(2, 2), "middle": center()}
            for name, map in compared.items():
                found.setdefault((name, group_of(item)), []).append(overlap(map, outline, label))
    table: dict[str, dict[str, float]] = {}
    for (name, group), values in sorted(found.items()):
        table.setdefault(name, {})[group] = round(float(np.mean(values)), 4)
        table.setdefault("pairs", {})[group] = len(values)
    return table


def draw_pairs(
    network: VGGLike, items: list[dict[str, Any]], x: Tensor, layer: str, count: int = 72, seed: int = 0
) -> Any:
    """Draw Figure 12: for image-label pairs at random HiResCAM beside Grad-CAM, images with fewer labels first.

    The title has the label, the score, and the number of labels in the image. Six pairs make a row.
    """
    pairs = [(k, int(label)) for k, item in enumerate(items) for label in np.flatnonzero(item["label"])]
    chosen = np.random.default_rng(seed).permutation(len(pairs))[:count]
    order = sorted((pairs[k] for k in chosen), key=lambda pair: (int(items[pair[0]]["label"].sum()), *pair))
    network.eval()
    panels = []
    for k, label in order:
        image = (x[k].permute(1, 2, 0).numpy() + 1) / 2
        with torch.no_grad():
            chance = float(network(x[k : k + 1])[0, label].sigmoid())
        text = f"{PASCAL_VOC_LABELS[label]} {chance:.2f}, {int(items[k]['label'].sum())} in image"
        maps = (cam(network, layer)(x[k : k + 1], label)[0, 0].cpu().float() for cam in (HiResCAM, LayerGradCAM))
        panels += [MapPanel(image, map, title) for map, title in zip(maps, (text, ""), strict=True)]
    width = min(12, len(panels))
    panels += [MapPanel(np.full((2, 2), 0.07), None)] * (-len(panels) % width)
    rows = [panels[k : k + width] for k in range(0, len(panels), width)]
    columns = ("HiResCAM", "Grad-CAM") * (width // 2)
    return map_grid_figure(rows, columns, "HiResCAM and Grad-CAM, images with fewer labels first", inches=1.3)


def load_vgg(network: VGGLike, file: Path) -> None:
    """Load the convolutions of a state dict of torchvision's VGG-16; the linear layers stay as they are."""
    state = torch.load(file, map_location="cpu", weights_only=True)
    network.features.load_state_dict(
        {name.removeprefix("features."): value for name, value in state.items() if name.startswith("features.")}
    )


def train_epoch(network: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor) -> None:
    """Train for an epoch on images (N, 3, H, W) with labels (N, 20), 16 a step."""
    network.train()
    for chosen in torch.randperm(len(x)).split(16):
        loss = functional.binary_cross_entropy_with_logits(network(x[chosen]), y[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


@torch.no_grad()
def labels_right(network: nn.Module, x: Tensor, y: Tensor) -> float:
    """Set evaluation mode and return the share of the labels (N, 20) of images (N, 3, H, W) that are right."""
    return ((network.eval()(x) > 0) == (y > 0)).float().mean().item()


def main() -> None:
    """Train, and print a row after each epoch."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, help="folder of VOC 2012; default: generated images")
    parser.add_argument("--sbd", type=Path, help="folder of SBD; its images that VOC does not validate on train too")
    parser.add_argument("--weights", type=Path, help="state dict of torchvision's VGG-16, for --width 64")
    parser.add_argument("--figure", type=Path, help="PNG file for Figures 6 and 12")
    parser.add_argument("--pairs", type=int, default=72, help="image-label pairs of the figure")
    parser.add_argument("--output", type=Path, help="JSON file for the numbers")
    parser.add_argument(
        "--images", type=int, nargs=2, default=(400, 100), help="generated images to train and validate"
    )
    parser.add_argument("--size", type=int, default=112)
    parser.add_argument("--width", type=int, default=8, help="64 for VGG-16")
    parser.add_argument("--hidden", type=int, default=64, help="4096 for VGG-16")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--single_linear", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    with tempfile.TemporaryDirectory() as folder:
        root = args.root or generate(Path(folder), tuple(args.images), args.size)
        training, validation = (pascal_voc_datalist(root, section) for section in ("training", "validation"))
        if args.sbd:
            tested, known = {item["name"] for item in validation}, {item["name"] for item in training}
            training += [item for item in sbd_datalist(args.sbd, "all") if item["name"] not in tested | known]
        (x, y), (x_test, y_test) = load(training, args.size), load(validation, args.size)
        network = VGGLike(args.width, args.hidden)
        if args.weights:
            load_vgg(network, args.weights)
        layer = f"features.{len(network.features) - 1}"
        if args.single_linear:
            network.classifier = single_linear_head(network.classifier, 8 * args.width, (GRID, GRID))
            layer = f"classifier.{len(network.classifier) - 4}"  # the last activation, before dropout
        audit = audit_explanation(network, layer, x_test[:1])
        print(f"Layer {layer}: {audit.architecture}. HiResCAM exact: {audit.provable['HiResCAM']}")
        optimizer, epochs = torch.optim.Adam(network.parameters(), lr=args.rate), []
        for epoch in range(args.epochs):
            train_epoch(network, optimizer, x, y)
            right = labels_right(network, x_test, y_test)
            epochs.append(
                {"epoch": epoch + 1, "labels_right": round(right, 4), **figures(network, validation, x_test, layer)}
            )
            print(json.dumps(epochs[-1]), flush=True)
        if args.figure:
            save_figure(args.figure, draw_pairs(network, validation, x_test, layer, args.pairs, args.seed))
        never = float((y_test == 0).float().mean())
        settings = {name: str(value) if isinstance(value, Path) else value for name, value in vars(args).items()}
        result = {
            "command": "python -m tests.experiments.pascal_voc",
            "settings": {name: value for name, value in settings.items() if name not in ("figure", "output")},
            "data": "VOC 2012" if args.root else "generated images",
            "images": [len(training), len(validation)],
            "labels_right_if_none_is_predicted": round(never, 4),
            "hirescam_exact": audit.provable["HiResCAM"],
            "epochs": epochs,
        }
        if args.output:
            args.output.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
