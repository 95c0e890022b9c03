"""
Comparison of PYLON with other networks
=======================================

Point localization is the share of findings with the peak of the network's map inside a reader's box, on test
radiographs. These are the numbers of :doc:`the evidence page <../researchers/pylon_evidence>`, drawn from its files of
results.
"""

import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from monai_pylon.metrics import bootstrap_interval
from monai_pylon.taxonomy import CHEST_XRAY14_LABELS

RESULTS = Path("..") / "researchers" / "results"
results = {data: json.loads((RESULTS / f"pylon_{data}.json").read_text()) for data in ("real", "phantoms")}
titles = results["real"]["titles"]


def hits_of(result, name):
    """Return the share of seeds that hit, the patient and the class of each instance that the network was tested on."""
    columns = [], [], []
    for part in result["instances"]:
        runs = [run for run in result["runs"] if run["name"] == name and run["fold"] == part["fold"]]
        if runs:
            hits = np.mean([[int(hit) for hit in run["hits"]] for run in runs], axis=0)
            for column, values in zip(columns, (hits, part["patients"], part["classes"]), strict=True):
                column.extend(values)
    return [np.array(column) for column in columns]


# %%
# Point localization, with 95 % intervals over patients
# -----------------------------------------------------
# Left: real radiographs in four folds. Right: phantoms. The dashed line is the share that a random point hits.
figure, axes = plt.subplots(1, 2, figsize=(10, 3.6), sharey=True, layout="constrained")
for axis, (data, result) in zip(axes, results.items(), strict=True):
    for row, name in enumerate(titles):
        hits, patients, _ = hits_of(result, name)
        estimate, low, high = bootstrap_interval(hits, groups=patients)
        color = "tab:orange" if name.startswith("pylon") else "tab:blue"
        axis.errorbar(estimate, row, xerr=[[estimate - low], [high - estimate]], fmt="o", capsize=3, color=color)
    axis.axvline(result["chance"], ls="--", color="gray")
    axis.set(title=data, xlabel="point localization", yticks=range(len(titles)), yticklabels=titles.values())
    axis.set_xlim(left=0)
plt.show()

# %%
# Results by finding
# ------------------
# Large findings are easier to hit for every network. The gain of a fine map differs between findings.
figure, axis = plt.subplots(figsize=(8, 3.6), layout="constrained")
pairs = {name: hits_of(results["real"], name) for name in ("backbone", "pylon")}
classes = [k for k in range(len(CHEST_XRAY14_LABELS)) if (pairs["pylon"][2] == k).any()]
for shift, (name, (hits, _, labels_of_hits)) in zip((-0.2, 0.2), pairs.items(), strict=True):
    shares = [hits[labels_of_hits == k].mean() for k in classes]
    axis.bar(np.arange(len(classes)) + shift, shares, 0.38, label=titles[name])
labels = [f"{CHEST_XRAY14_LABELS[k]}\n{(pairs['pylon'][2] == k).sum()}" for k in classes]
axis.set_xticks(range(len(classes)), labels, fontsize=8)
axis.set(ylabel="point localization", title="Real radiographs, with the number of instances below each finding")
axis.legend()
plt.show()

# %%
# Training loss
# -------------
# Mean loss of each epoch in fold 0 of the real radiographs, after the encoder was trained as a backbone.
figure, axis = plt.subplots(figsize=(6, 3.4), layout="constrained")
for run in results["real"]["runs"]:
    if run["fold"] == 0 and run["name"] in titles:
        axis.plot(range(1, len(run["losses"]) + 1), run["losses"], "o-", label=titles[run["name"]])
axis.set(xlabel="epoch", ylabel="training loss", xticks=range(1, 4))
axis.legend(fontsize=7, ncols=2)
plt.show()
