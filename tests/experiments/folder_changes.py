"""Count how often a run changes the folder of the package that it works in.

``python -m tests.experiments.folder_changes``

The fewer changes, the easier a reader follows one scan through the code. Calls into `utils` and `taxonomy` are not
counted: every folder uses them. Each run is an inference bundle on one phantom, from the list of inputs to the written
files.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import nibabel
import numpy as np
import torch
from monai.bundle import ConfigWorkflow
from PIL import Image

import monai_pylon
from monai_pylon.data import phantom_chest_ct, phantom_radiograph
from monai_pylon.labeler import ReportLabeler
from monai_pylon.losses import MaskLoss
from monai_pylon.networks.nets import AxialNet
from monai_pylon.transforms import allowed_regions, partition_organs
from monai_pylon.workflows.bundle import make_network
from monai_pylon.workflows.bundle.folders import bundle_folder

PACKAGE = f"{Path(monai_pylon.__file__).parent}/"
EVERYWHERE = ("utils/", "taxonomy/")


class _Trip:
    """Profiler that follows the calls between the files of the package.

    Attributes:
        files: Number of changes from one file to another.
        folders: The same for folders, by the two files.
    """

    def __init__(self) -> None:
        self.files, self.folders = 0, Counter[tuple[str, str]]()
        self._stack: list[str] = []
        self._here = ""

    def _move(self, target: str) -> None:
        if self._here and target and target != self._here:
            self.files += 1
            if self._here.split("/")[0] != target.split("/")[0]:
                self.folders[self._here, target] += 1
        self._here = target or self._here

    def __call__(self, frame: FrameType, event: str, argument: Any) -> None:
        name = frame.f_code.co_filename
        file = name.removeprefix(PACKAGE)
        if file == name or file.startswith(EVERYWHERE):
            return
        if event == "call":
            self._stack.append(self._here)
            self._move(file)
        elif event == "return" and self._stack:
            self._move(self._stack.pop())


def follow(run: Callable[[], Any]) -> _Trip:
    """Follow a run through the package."""
    trip = _Trip()
    sys.setprofile(trip)
    try:
        run()
    finally:
        sys.setprofile(None)
    return trip


def _bundle(name: str, **overrides: Any) -> Callable[[], Any]:
    """Prepare the inference of a bundle."""
    workflow = ConfigWorkflow(
        str(bundle_folder(name) / "configs" / "inference.json"),
        logging_file=False,
        workflow_type="infer",
        **{"bundle_root": str(bundle_folder(name)), "progress": False, **overrides},
    )
    workflow.initialize()
    return workflow.run


def _from_report_to_loss() -> None:
    """Label a report, and compute the mask loss of its allowed regions."""
    ct = phantom_chest_ct(seed=0, shape=(80, 80, 80), spacing=(4.0, 4.0, 4.0))
    organs, net = partition_organs(ct.image, ct.affine).labels, AxialNet(in_plane_size=(257, 257))
    explanation, labeler = net.explain(torch.zeros(1, 1, 257, 257, 6)), ReportLabeler()

    def run() -> None:
        locations = labeler.label_matrix(["Small left pleural effusion. 6 mm nodule in the right upper lobe."])[0]
        allowed = allowed_regions(organs, locations, (1, 1, 2))
        MaskLoss()(explanation, torch.tensor(locations.any(1))[None].float(), torch.as_tensor(allowed)[None])

    _print("reports -> labels -> regions -> loss", follow(run))


def _print(name: str, trip: _Trip) -> None:
    print(f"{name}: {trip.files} changes of file, {trip.folders.total()} of folder")
    for (start, end), count in trip.folders.most_common(5):
        print(f"    {count:3} {start} -> {end}")


def main() -> None:
    """Print the changes of file and folder of four runs."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in ("scans", "radiographs"):
            (folder / part).mkdir()
        ct = phantom_chest_ct(seed=0, shape=(80, 80, 80), spacing=(4.0, 4.0, 4.0))
        nibabel.save(nibabel.Nifti1Image(np.rint(ct.image).astype(np.int16), ct.affine), folder / "scans" / "a.nii.gz")
        pixels = (255 * phantom_radiograph(seed=0).image[0]).astype(np.uint8)
        Image.fromarray(pixels).save(folder / "radiographs" / "r.png")
        for bundle, spec, given in (
            ("chest_ct_partition", None, {"input": "scans"}),
            ("chest_xray_classification_pylon", {"name": "pylon", "encoder": "resnet18"}, {"input": "radiographs"}),
            (
                "chest_ct_classification_axialnet",
                {"name": "axialnet", "encoder": "resnet18", "image_size": [288, 288, 30]},
                {"input": "scans", "image_size": [288, 288, 30]},
            ),
        ):
            overrides: dict[str, Any] = {**given, "input": str(folder / given["input"]), "output": str(folder / bundle)}
            if spec is not None:
                network = make_network(spec, str(bundle_folder(bundle)), bundle)
                torch.save(network.state_dict(), folder / f"{bundle}.pt")
                overrides |= {"checkpoint": str(folder / f"{bundle}.pt"), "encoder": "resnet18"}
            _bundle(bundle, **overrides)()  # the first run compiles
            _print(bundle, follow(_bundle(bundle, **{**overrides, "output": str(folder / f"{bundle}_again")})))
    _from_report_to_loss()


if __name__ == "__main__":
    main()
