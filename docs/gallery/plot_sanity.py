"""
A sanity check: guided backpropagation fails, HiResCAM passes
=============================================================

A faithful map must change if the network's parameters are shuffled. ``parameter_randomization`` shuffles one layer
after another, from the output backwards, and compares the maps with the original ones. Section 2 of the HiResCAM paper
names guided backpropagation as a method that fails: its map looks convincing and hardly depends on the network.
"""

import matplotlib.pyplot as plt
import torch
from torch import nn

from monai_pylon.data import phantom_radiograph
from monai_pylon.visualize import ActivationMapInferer, parameter_randomization

# %%
# Two explanations
# ----------------
# The network has convolutions with ReLUs and one linear layer over all places, so HiResCAM at its last map is exact.
# Guided backpropagation is the gradient at the input in which every ReLU passes positive values only. The package does
# not offer it; these few lines are for the comparison.
torch.manual_seed(1)
layers = []
for before, after, pool in ((1, 8, False), (8, 8, True), (8, 16, True), (16, 16, False)):
    layers += [nn.Conv2d(before, after, 3, padding=1), nn.ReLU(), *([nn.MaxPool2d(2)] if pool else [])]
network = nn.Sequential(*layers, nn.Flatten(), nn.Linear(16 * 16 * 16, 2)).eval()
images = torch.stack([torch.as_tensor(phantom_radiograph(seed, size=64).image) for seed in range(3)]).float() * 4 - 2


def guided_backpropagation(x, network):
    """Return the size of the guided gradient of both scores at the input (N, 2, H, W)."""

    def clip(module, inner, outer):
        return (inner[0].clamp(min=0),)

    handles = [m.register_full_backward_hook(clip) for m in network.modules() if isinstance(m, nn.ReLU)]
    image = x.detach().requires_grad_()
    scores = network(image).sum(0)
    maps = [torch.autograd.grad(score, image, retain_graph=True)[0].abs().sum(1) for score in scores]
    for handle in handles:
        handle.remove()
    return torch.stack(maps, 1)


methods = {"HiResCAM": ActivationMapInferer("9", class_idx=[0, 1]), "guided backpropagation": guided_backpropagation}

# %%
# The check
# ---------
# The rank correlation with the original map is 1 if shuffling changed nothing, and near 0 if the maps have nothing in
# common. HiResCAM is at 0 as soon as the linear layer is shuffled. Guided backpropagation stays near 0.6 then, although
# the scores now mean something else, and reaches 0 only with the layers next to the image: it shows the edges of the
# image. A filter for edges that never asks the network would stay at 1.
figure, ax = plt.subplots(figsize=(7, 3.4), layout="constrained")
for name, explain in methods.items():
    curve = parameter_randomization(network, explain, images)
    similarity = curve.similarity.mean((1, 2))
    ax.plot(range(1, len(similarity) + 1), similarity, "o-", label=name)
    print(f"{name}: {', '.join(f'{value:.2f}' for value in similarity)}")
ax.axhline(0, color="gray", linewidth=0.8)
ax.set(xlabel="layers shuffled, from the output", ylabel="rank correlation", xticks=range(1, len(similarity) + 1))
_ = ax.legend()

# %%
# The maps themselves
# -------------------
# Middle: of the network. Right: after the linear layer and the last convolution were shuffled. Both maps of guided
# backpropagation show the borders of the lungs. The network has random weights, so neither method shows a finding: the
# check compares maps, it does not judge them.
maps = {name: [] for name in methods}
for name, explain in methods.items():

    def record(x, network, name=name, explain=explain):
        """Explain, and keep the maps."""
        maps[name].append(explain(x, network))
        return maps[name][-1]

    parameter_randomization(network, record, images[:1], layers=["11", "8"])
figure, axes = plt.subplots(2, 3, figsize=(8, 5.2), layout="constrained")
for row, (name, found) in zip(axes, maps.items(), strict=True):
    row[0].imshow(images[0, 0], cmap="gray")
    row[0].set_title("phantom radiograph", fontsize=9)
    for ax, one, title in zip(row[1:], (found[0], found[-1]), ("", "\ntwo layers shuffled"), strict=True):
        limit = float(one[0, 0].abs().quantile(0.99))
        signed = name == "HiResCAM"
        ax.imshow(one[0, 0], cmap="PuOr_r" if signed else "gray", vmin=-limit if signed else 0, vmax=limit)
        ax.set_title(name + title, fontsize=9)
for ax in axes.flat:
    ax.axis("off")
