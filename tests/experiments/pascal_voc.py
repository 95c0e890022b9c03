"""HiResCAM and Grad-CAM on PASCAL VOC (HiResCAM paper, section 13): ``python -m tests.experiments.pascal_voc``.

A VGG-like classifier with three linear layers is trained on labels of whole images, of a folder in the layout of VOC
2012 (``--root``) or of generated images in that layout. After each epoch it prints the overlap (IoU) of the maps of the
last convolution with the outlines of their objects, for images with one label and with several. Beside it stands the
overlap of the whole image, which knows nothing. ``--single_linear`` trains the head of footnote 3, with exact maps.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

from monai_pylon.data import pascal_voc_datalist
from monai_pylon.networks.single_linear_head import single_linear_head
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


def figures(network: VGGLike, items: list[dict[str, Any]], x: Tensor, layer: str) -> dict[tuple[str, str], float]:
    """Return the mean IoU by method, for images with one label and with several."""
    found: dict[tuple[str, str], list[float]] = {}
    cams = {"HiResCAM": HiResCAM(network.eval(), layer), "Grad-CAM": LayerGradCAM(network, layer)}
    for item, image in zip(items, x, strict=True):
        if "segmentation" not in item:
            continue
        outline = np.asarray(Image.open(item["segmentation"]))
        labels = np.flatnonzero(item["label"]).tolist()
        group = "one label" if len(labels) == 1 else "several"
        maps = {name: cam(image[None], labels)[0].cpu().float() for name, cam in cams.items()}
        for number, label in enumerate(labels):
            if not (outline == label + 1).any():
                continue
            for name in maps:
                found.setdefault((name, group), []).append(overlap(maps[name][number], outline, label))
            found.setdefault(("whole image", group), []).append(overlap(torch.ones(2, 2), outline, label))
    return {key: float(np.mean(values)) for key, values in found.items()}


def main() -> None:
    """Train, and print a row after each epoch."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, help="folder of VOC 2012; default: generated images")
    parser.add_argument(
        "--images", type=int, nargs=2, default=(400, 100), help="generated images to train and validate"
    )
    parser.add_argument("--size", type=int, default=112)
    parser.add_argument("--width", type=int, default=8, help="64 for VGG-16")
    parser.add_argument("--hidden", type=int, default=64, help="4096 for VGG-16")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--single_linear", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    with tempfile.TemporaryDirectory() as folder:
        root = args.root or generate(Path(folder), tuple(args.images), args.size)
        training, validation = (pascal_voc_datalist(root, section) for section in ("training", "validation"))
        (x, y), (x_test, y_test) = load(training, args.size), load(validation, args.size)
        network = VGGLike(args.width, args.hidden)
        layer = f"features.{len(network.features) - 1}"
        if args.single_linear:
            network.classifier = single_linear_head(network.classifier, 8 * args.width, (GRID, GRID))
            layer = f"classifier.{len(network.classifier) - 4}"  # the last activation, before dropout
        audit = audit_explanation(network, layer, x_test[:1])
        print(f"Layer {layer}: {audit.architecture}. HiResCAM exact: {audit.provable['HiResCAM']}")
        optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
        for epoch in range(args.epochs):
            network.train()
            for chosen in torch.randperm(len(x)).split(16):
                loss = functional.binary_cross_entropy_with_logits(network(x[chosen]), y[chosen])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            with torch.no_grad():
                right = ((network.eval()(x_test) > 0) == (y_test > 0)).float().mean().item()
            row = ", ".join(
                f"{m}, {g}: {v:.3f}" for (m, g), v in sorted(figures(network, validation, x_test, layer).items())
            )
            print(f"epoch {epoch + 1}: labels right {right:.3f}; IoU {row}", flush=True)


if __name__ == "__main__":
    main()
