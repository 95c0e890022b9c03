"""
HiResCAM on MONAI's DenseNet-121
================================

Explain a classifier of MONAI in three steps: choose the layer, let the audit check it, and show the map where its cells
look.
"""

import torch
from monai.networks.nets import DenseNet121

from monai_pylon.data import phantom_radiograph
from monai_pylon.reports import show_map
from monai_pylon.visualize import HiResCAM, LayerGradCAM, audit_explanation, map_geometry

# %%
# Images and a network
# --------------------
# Phantom radiographs, half of them with a pleural effusion. Replace them by your images, and the network by yours with
# its weights.


def draw(seeds):
    """Draw radiographs (N, 1, H, W) and whether they show an effusion (N,)."""
    drawn = [phantom_radiograph(seed, size=128, findings=["Effusion"] if seed % 2 else []) for seed in seeds]
    return torch.stack([torch.as_tensor(item.image).float() for item in drawn]), torch.tensor([s % 2 for s in seeds])


images, labels = draw(range(40))
held_out, truth = draw(range(1000, 1020))
torch.manual_seed(0)
network = DenseNet121(spatial_dims=2, in_channels=1, out_channels=1).eval()

# %%
# Weights for this page
# ---------------------
# Training a DenseNet takes longer than this page may. The convolutions therefore keep their random weights, and only
# the last layer is fitted, by least squares on the averages of the features. Skip this step if you have weights.
averages = []
hook = network.class_layers.relu.register_forward_hook(lambda layer, x, y: averages.append(y.mean((2, 3))))
with torch.no_grad():
    for batch in images.split(20):
        network(batch)
hook.remove()
features, target = torch.cat(averages), 2.0 * labels - 1
mean, scale = features.mean(0), features.std(0) + 1e-6
standard = (features - mean) / scale
weights = torch.linalg.solve(standard.T @ standard + 10 * torch.eye(1024), standard.T @ target) / scale
with torch.no_grad():
    network.class_layers.out.weight[:] = weights
    network.class_layers.out.bias[:] = -weights @ mean
    right = ((network(held_out)[:, 0] > 0) == truth.bool()).float().mean()
print(f"{right:.0%} of {len(truth)} other radiographs are right; always answering the same would be 50 %")

# %%
# 1. The layer, and whether its map can be trusted
# ------------------------------------------------
# We first try the layer ``features``. The audit rejects it and names a better one: the ReLU behind it, because after
# that ReLU there are only an average and one linear layer.
print(audit_explanation(network, "features", images[:1]).reason)
audit = audit_explanation(network, "class_layers.relu", images[:1])
print(audit.architecture, audit.provable)

# %%
# 2. The map
# ----------
# One pass gives the maps of all labels: this network has one; a network with 14 labels gives maps (1, 14, rows,
# columns). ``[2, 5]`` instead of ``"all"`` chooses labels. At this layer the sum of the map plus the bias is the score.
chosen = held_out[truth.bool()]
with torch.no_grad():
    chosen = chosen[network(chosen)[:, 0].argmax()][None]
cam = HiResCAM(network, "class_layers.relu")
found = cam.explain(chosen, "all")
total = found.maps.sum() + network.class_layers.out.bias
print(f"map {tuple(found.maps.shape)}; score {found.logits.item():.3f}, sum of the map plus bias {total.item():.3f}")

# %%
# 3. The picture
# --------------
# ``map_geometry`` computes where the cells of the layer look. Orange raised the score, blue lowered it.
geometry = map_geometry(network, "class_layers.relu", chosen.shape[2:])
print(geometry)
figure = show_map(
    chosen[0, 0],
    found.maps[0, 0],
    geometry,
    name="Effusion",
    probability=float(found.logits.sigmoid()),
    sides=("R", "L"),
)

# %%
# At this layer Grad-CAM equals HiResCAM up to a constant factor, as the audit said: the network ends with an average
# over all places. For networks that do not, see :ref:`sphx_glr_gallery_built_plot_hirescam.py`.
grad = LayerGradCAM(network, "class_layers.relu")(chosen, "all")
print(torch.corrcoef(torch.stack([grad.flatten(), found.maps.flatten()]))[0, 1])
