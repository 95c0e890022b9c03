"""
Explain a public model: torchxrayvision
=======================================

The DenseNets of `torchxrayvision <https://github.com/mlmed/torchxrayvision>`_ were trained on many public datasets of
chest radiographs. Their weights load into MONAI's DenseNet-121 and are explained like any other network.
"""

import re
import tempfile
from pathlib import Path

import torch
from monai.networks.nets import DenseNet121

from monai_pylon.data import phantom_radiograph
from monai_pylon.networks.pretrained import load_weights
from monai_pylon.reports import show_map
from monai_pylon.visualize import HiResCAM, audit_explanation, map_geometry

# %%
# Get the weights
# ---------------
# On a computer with a network, write the state dict once (the files that torchxrayvision downloads hold a whole Python
# object, which ``load_weights`` refuses)::
#
#     import torch, torchxrayvision
#     model = torchxrayvision.models.DenseNet(weights="densenet121-res224-all")
#     torch.save(model.state_dict(), "xrv.pth")
#     print(model.pathologies)  # names of the 18 labels, in their order
#
# **This page is built without internet access.** It writes a file with the same names and shapes and random numbers
# instead, so the map below says nothing about disease. The steps are those for the real weights.
torch.manual_seed(0)
file = Path(tempfile.mkdtemp()) / "xrv.pth"
state = DenseNet121(2, 1, 18).state_dict()
state = {re.sub(r"\.layers\.(norm|conv)", r".\1", key): value for key, value in state.items()}
state = {key.replace("class_layers.out", "classifier"): value for key, value in state.items()}
torch.save({**state, "op_threshs": torch.rand(18)}, file)
print(len(state), "tensors, such as", list(state)[60])

# %%
# Load them
# ---------
# Every tensor gets its value, or nothing is loaded and the error names what differs.
network = DenseNet121(spatial_dims=2, in_channels=1, out_channels=18)
print(load_weights(network, file))
_ = network.eval()

# %%
# Prepare the image as in their training
# --------------------------------------
# One channel, 224 pixels, values from -1024 to 1024. A wrong range loads without error and gives wrong scores.
# ``read_radiograph`` returns 0 to 1.
radiograph = torch.as_tensor(phantom_radiograph(3, size=224, findings=["Effusion"]).image).float()
image = (2048 * radiograph - 1024)[None]

# %%
# Explain
# -------
# The audit confirms that HiResCAM of this layer is guaranteed. torchxrayvision applies a sigmoid and then shifts the
# scores by ``op_threshs``; the map explains the logit, before both steps.
audit = audit_explanation(network, "class_layers.relu", image)
print(audit.architecture, audit.provable["HiResCAM"])
found = HiResCAM(network, "class_layers.relu").explain(image, "all")
label = int(found.logits[0].argmax())
geometry = map_geometry(network, "class_layers.relu", image.shape[2:])
figure = show_map(
    radiograph[0], found.maps[0, label], geometry, name=f"label {label} of random weights", sides=("R", "L")
)
