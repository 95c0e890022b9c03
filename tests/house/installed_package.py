"""Use an installed monai_pylon as a stranger does: the command line, the bundles, the examples of the README.

Run a copy as ``python installed_package.py`` in an empty folder, with the Python whose installation is to be checked.
The tests run it on an unpacked wheel, and ``.ci/run`` in a new environment. It imports nothing of the tests.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
import shutil
import subprocess
import sys
import time
from importlib.metadata import metadata
from pathlib import Path

import nibabel
import numpy as np
import onnxruntime
import torch
from monai.bundle import ckpt_export, load, onnx_export, run
from PIL import Image

import monai_pylon
from monai_pylon.__main__ import main
from monai_pylon.data import phantom_chest_ct, phantom_radiograph

PACKAGE = Path(monai_pylon.__file__).parent
XRAY = "chest_xray_classification_pylon"
#: Configurations of an evaluation: the second one overlays the first.
EVALUATE = ["train.json", "evaluate.json"]
#: Four phantoms in batches of two: one epoch has two steps.
SMALL = {"image_size": 64, "phantoms": 4, "batch_size": 2, "num_workers": 0, "progress": False}


def _print_bundle(name: str) -> Path:
    """Ask the command line for a bundle's folder, in a process of its own, as a person does."""
    command = [sys.executable, "-m", "monai_pylon", "bundle", name]
    folder = Path(subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip())
    assert folder.parents[1] == PACKAGE, f"{folder} is outside of the installed package {PACKAGE}"
    return folder


def check_command_line(output: Path) -> None:
    """List the bundles and segment a phantom by the bundle whose folder the command line prints."""
    listed = io.StringIO()
    with contextlib.redirect_stdout(listed):
        assert main(["bundle"]) == 0
    assert XRAY in listed.getvalue().split()
    phantom = phantom_chest_ct(seed=0, shape=(80, 80, 80), spacing=(4.0, 4.0, 4.0))
    nibabel.save(nibabel.Nifti1Image(phantom.image.astype(np.int16), phantom.affine), output / "scan.nii.gz")
    config = _print_bundle("chest_ct_partition") / "configs" / "inference.json"
    command = [sys.executable, "-m", "monai.bundle", "run", "--config_file", str(config)]
    subprocess.run([*command, "--input", "scan.nii.gz", "--output", "organs", "--progress", "False"], check=True)
    organs = np.asarray(nibabel.load(output / "organs" / "scan" / "scan_organs.nii.gz").dataobj)
    assert np.mean(organs == phantom.organs) > 0.95, "the organ masks differ from those of the phantom"


def check_bundle(output: Path) -> None:
    """Train, evaluate, explain, export and load the bundle for radiographs."""
    configs = monai_pylon.workflows.bundle.folders.bundle_folder(XRAY) / "configs"
    root = output / "run"
    run(config_file=str(configs / "train.json"), bundle_root=str(root), max_epochs=1, tensorboard=False, **SMALL)
    evaluate = [str(configs / name) for name in EVALUATE]
    run(config_file=evaluate, bundle_root=str(root), num_resamples=10, examples=1, **SMALL)
    assert json.loads((root / "evaluation" / "evaluation.json").read_text())["images"] == 4

    radiograph = (phantom_radiograph(0, size=96).image[0] * 255).astype(np.uint8)
    Image.fromarray(radiograph).save(output / "radiograph.png")
    inference = {"config_file": str(configs / "inference.json"), "bundle_root": str(root), "image_size": 64}
    run(**inference, input="radiograph.png", progress=False)
    assert (root / "output" / "probabilities.csv").is_file()

    checkpoint = root / "models" / "model.pt"
    export = {"config_file": inference["config_file"], "meta_file": str(configs / "metadata.json")}
    export |= {"net_id": "network_def", "ckpt_file": str(checkpoint)}
    export |= {"input_shape": [1, 1, 64, 64], "use_trace": True}
    ckpt_export(**export, filepath=str(output / "model.ts"))
    onnx_export(**export, filepath=str(output / "model.onnx"))

    # monai.bundle.load wants the weights inside the bundle's folder, which may be read-only: it loads a copy.
    copy = output / "bundles" / XRAY
    shutil.copytree(configs.parent, copy)
    state = torch.load(checkpoint, weights_only=True)
    (copy / "models").mkdir(exist_ok=True)
    torch.save(state, copy / "models" / "model.pt")
    network = load(XRAY, bundle_dir=str(copy.parent), source="github", repo="none/none/none").eval()
    assert all(torch.equal(value, state[name]) for name, value in network.state_dict().items())
    image = torch.rand(1, 1, 64, 64)
    with torch.inference_mode():
        logits = network(image).numpy()
        np.testing.assert_allclose(torch.jit.load(output / "model.ts")(image).numpy(), logits, atol=1e-3)
    session = onnxruntime.InferenceSession(output / "model.onnx", providers=["CPUExecutionProvider"])
    np.testing.assert_allclose(session.run(None, {session.get_inputs()[0].name: image.numpy()})[0], logits, atol=1e-3)


def check_demo(output: Path) -> None:
    """Explain a phantom radiograph by the checkpoint in the package."""
    options = ["--model", "demo", "--output", str(output / "demo"), "--page", "--no-progress"]
    assert main(["xray", "phantom", *options]) == 0
    page = (output / "demo" / "phantom_radiograph" / "phantom_radiograph_page.html").read_text(encoding="utf-8")
    assert "Never use on patients" in page


def check_readme(output: Path) -> None:
    """Run the Python examples of the README, which is the description in the package's metadata."""
    description = metadata("monai_pylon").get_payload()
    examples = re.findall(r"^```python\n(.*?)^```", str(description), flags=re.DOTALL | re.MULTILINE)
    assert examples, "the description holds no Python example"
    for example in examples:
        exec(compile(example, "README.md", "exec"), {})


def check_all(output: Path) -> None:
    """Run every check, and print its seconds."""
    for check in (check_command_line, check_bundle, check_demo, check_readme):
        start = time.perf_counter()
        check(output)
        print(f"{check.__name__}: {time.perf_counter() - start:.1f} s", flush=True)


if __name__ == "__main__":
    check_all(Path.cwd())
    print(f"monai_pylon {monai_pylon.__version__} works from {PACKAGE}")
