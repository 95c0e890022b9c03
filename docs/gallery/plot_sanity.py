"""
A sanity check of explanations
==============================

A faithful map must change if the network's parameters are shuffled. ``parameter_randomization`` shuffles one layer
after another, from the output backwards, and compares the maps with the original ones.
"""

import matplotlib.pyplot as plt
import torch
from monai.networks.nets import resnet10

from monai_pylon.data import phantom_radiograph
from monai_pylon.visualize import ActivationMapInferer, parameter_randomization

# %%
# Two explanations
# ----------------
# HiResCAM at the last layer, and a filter that finds edges. The filter looks convincing and never asks the network.
torch.manual_seed(0)
network = resnet10(spatial_dims=2, n_input_channels=1, num_classes=2)
images = torch.stack([torch.as_tensor(phantom_radiograph(seed, size=96).image) for seed in range(3)]).float()
hirescam = ActivationMapInferer("layer4", class_idx=[0])


def edges(x, network):
    """Return the strength of edges (N, 1, H, W); the network is not used."""
    return (x[..., 1:, 1:] - x[..., :-1, 1:]).abs() + (x[..., 1:, 1:] - x[..., 1:, :-1]).abs()


# %%
# The check
# ---------
# The rank correlation with the original map falls for HiResCAM and stays 1 for the edges: they explain the image, not
# the network.
figure, ax = plt.subplots(figsize=(7, 3.4), layout="constrained")
for name, explain in {"HiResCAM": hirescam, "edges of the image": edges}.items():
    curve = parameter_randomization(network, explain, images)
    similarity = curve.similarity.mean((1, 2))
    ax.plot(range(1, len(similarity) + 1), similarity, "o-", label=name)
    print(f"{name}: {similarity[0]:.2f} after the last layer, {similarity[-1]:.2f} after all {len(similarity)} layers")
ax.set(xlabel="layers shuffled, from the output", ylabel="rank correlation with the original map")
ax.legend()
