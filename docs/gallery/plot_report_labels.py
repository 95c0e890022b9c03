"""
Labels from a report
====================

``ReportLabeler`` finds abnormalities in the text of a report, where they are, and which words say so. It uses rules and
no network; nothing leaves the computer.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import ListedColormap

from monai_pylon.labeler import ReportLabeler
from monai_pylon.taxonomy import ORGANS, label_set

# %%
# Findings with their evidence
# ----------------------------
text = (
    "FINDINGS: Moderate left pleural effusion with adjacent atelectasis. No pneumothorax. "
    "Possible nodule in the right upper lobe. The heart is enlarged. Calcified granuloma in the lingula."
)
labeler = ReportLabeler()
for finding in labeler.label(text):
    places = ", ".join(finding.locations)
    print(f"{finding.abnormality:18} {places:26} '{' '.join(finding.terms)}' {finding.rule}")

# %%
# Four states
# -----------
# ``label`` lists what is present. ``states`` also tells absent from not mentioned, and knows other label sets. Numbers:
# 1 present, 0 absent, -1 uncertain, -2 not mentioned.
names = label_set("CheXpert-14").labels
states = labeler.states([text], "CheXpert-14")[0]
print(dict(zip(names, states.max(axis=1).tolist(), strict=True)))

# %%
# The picture
# -----------
figure, ax = plt.subplots(figsize=(6.5, 5), layout="constrained")
colors = ListedColormap(["#eeeeee", "#f5c26b", "#9ecae1", "#d6604d"])
ax.imshow(states, cmap=colors, vmin=-2.5, vmax=1.5, aspect="auto")
words = {-2: "", -1: "uncertain", 0: "absent", 1: "present"}
for (row, column), state in np.ndenumerate(states):
    ax.text(column, row, words[int(state)], ha="center", va="center", fontsize=9)
ax.set_yticks(range(len(names)), names)
ax.set_xticks(range(len(ORGANS)), ORGANS)
ax.xaxis.tick_top()
ax.tick_params(length=0)
