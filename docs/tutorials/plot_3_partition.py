"""
PARTITION in a Compose, and on into the mask loss
=================================================

Organ masks and allowed regions as two transforms between MONAI's own: from NIfTI files to a batch, and from the batch
into a training with ``MaskLoss`` by MONAI's ``SupervisedTrainer``.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import nibabel as nib
import numpy as np
import torch
from ignite.engine import Events
from monai.data import CacheDataset, DataLoader
from monai.engines import SupervisedTrainer
from monai.transforms import (
    Compose,
    EnsureChannelFirstd,
    LoadImaged,
    Orientationd,
    RandFlipd,
    ScaleIntensityRanged,
)

from monai_pylon.data import phantom_chest_ct
from monai_pylon.losses import MaskLoss
from monai_pylon.networks import Explained
from monai_pylon.networks.nets import AxialNet
from monai_pylon.reports import ORGAN_COLORS, radiological_slice, square_pixels
from monai_pylon.taxonomy import CHEST_CT_LABELS
from monai_pylon.transforms import AllowedRegionsd, PartitionOrgansd

# %%
# Files
# -----
# Two phantom scans as NIfTI files. ``locations`` (M, 3) says in which organs each of the M labels lies: right lung,
# mediastinum, left lung. It comes from reports (``ReportLabeler``) or from your own table. Here M is 1: a lung mass.
folder, items = Path(tempfile.mkdtemp()), []
mass = CHEST_CT_LABELS.index("lung mass")
for seed, side in ((5, "right"), (6, "left")):
    ct = phantom_chest_ct(seed, (96, 84, 90), (3.75, 3.75, 3.9), mass=side)
    nib.save(nib.Nifti1Image(ct.image.astype(np.int16), ct.affine), folder / f"{side}.nii.gz")
    items.append({"image": folder / f"{side}.nii.gz", "locations": ct.locations[[mass]], "label": torch.ones(1)})

# %%
# The pipeline
# ------------
# The allowed regions lie on the grid of the network's attention. This AxialNet has one cell for 32 x 32 voxels in plane
# and for three slices; ``explain`` of one image shows the grid. (For 420 x 420 voxels it is 6 x 6, the default.)
torch.manual_seed(0)
network = AxialNet(num_classes=1, encoder="resnet18", in_plane_size=(96, 84), reduction_padding=1)
with torch.no_grad():
    grid = network.eval().explain(torch.zeros(1, 1, 96, 84, 90)).attention.shape[2:]
print("grid", tuple(grid))

# %%
# ``PartitionOrgansd`` adds the organs (0 background, 1 right lung, 2 mediastinum, 3 left lung) and their quality; it
# takes axes and spacing from the affine, so any orientation will do. Deterministic transforms come first, so that
# ``CacheDataset`` computes the masks once. Flips come after the regions and turn image, organs and regions alike.
pipeline = Compose(
    [
        LoadImaged("image"),
        EnsureChannelFirstd("image"),
        Orientationd("image", axcodes="RAS", labels=None),
        PartitionOrgansd("image"),
        AllowedRegionsd("organs", grid=grid, mode="area"),
        ScaleIntensityRanged("image", -1000, 800, -0.449, 0.551, clip=True),
        RandFlipd(["image", "organs", "allowed"], spatial_axis=0, prob=0.5),
    ]
)
dataset = CacheDataset(items, pipeline, progress=False)
batch = next(iter(DataLoader(dataset, batch_size=2)))
for key in ("image", "organs", "allowed"):
    print(key, tuple(batch[key].shape))
print("ok:", batch["quality"]["ok"].tolist())

# %%
# Always read the quality
# -----------------------
# Masks that cannot be trusted carry reasons. :doc:`/clinicians/organ_masks` explains each.
for item in dataset:
    volumes = ", ".join(f"{organ} {value:.0f} mL" for organ, value in item["quality"]["volumes_ml"].items())
    print(item["quality"]["ok"], item["quality"]["reasons"], volumes)

# %%
# The picture
# -----------
# Organs in color and the allowed cells of the mass within white lines, in radiological display: the patient's right (R)
# is on the left.
figure, axes = plt.subplots(1, 2, figsize=(9, 4.2), facecolor="black", layout="constrained")
for ax, item in zip(axes, dataset, strict=True):
    affine = item["image"].affine.numpy()
    shape = item["image"].shape[1:]
    cells = item["allowed"][0].numpy()
    stretched = cells[np.ix_(*(np.arange(size) * n // size for size, n in zip(shape, cells.shape, strict=True)))]
    chest, organs, region = (
        square_pixels(radiological_slice(np.asarray(volume), affine, "coronal", 0.5), 3.75, order=0)
        for volume in (item["image"][0], item["organs"][0], stretched.astype(np.uint8))
    )
    ax.imshow(chest, cmap="gray", vmin=-0.449, vmax=0.33)
    ax.contourf(organs, [0.5, 1.5, 2.5, 3.5], colors=list(ORGAN_COLORS.values()), alpha=0.45)
    ax.contour(region, [0.5], colors="white")
    for at, letter in ((0.02, "R"), (0.95, "L")):
        ax.text(at, 0.5, letter, color="white", transform=ax.transAxes)
    ax.axis("off")

# %%
# Into the mask loss
# ------------------
# ``Explained(network)`` returns the explanation. MONAI's trainers pass one target to the loss, so ``prepare_batch``
# returns the pair (labels, allowed regions). ``decollate=False``, because an explanation is not a tensor. Two steps on
# two scans show that everything fits; :doc:`/researchers/axialnet_evidence` reports real trainings, and the bundle
# ``chest_ct_classification_axialnet`` does all this from a configuration.


def prepare_batch(batch, device, non_blocking, **kwargs):
    """Return the image, and the pair that ``MaskLoss`` takes."""
    image, label, allowed = (batch[key].to(device) for key in ("image", "label", "allowed"))
    return image.as_tensor(), (label.float(), allowed.as_tensor())


losses = []
trainer = SupervisedTrainer(
    device="cpu",
    max_epochs=1,
    train_data_loader=DataLoader(dataset, batch_size=1),
    network=Explained(network),
    optimizer=torch.optim.Adam(network.parameters(), 3e-4),
    loss_function=MaskLoss(weight=1 / 3),
    prepare_batch=prepare_batch,
    decollate=False,
)
trainer.add_event_handler(Events.ITERATION_COMPLETED, lambda engine: losses.append(engine.state.output["loss"].item()))
trainer.run()
print("loss", ", ".join(f"{loss:.3f}" for loss in losses))
