"""Time and memory of one training step of the bundle chest_ct_classification_axialnet at the paper's size."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

#: Trains on one phantom scan without validation; everything else is the bundle's default.
SCRIPT = """
import sys, time
from ignite.engine import Events
from monai.bundle import ConfigWorkflow
from monai_pylon.workflows.bundle.folders import bundle_folder
from monai_pylon.workflows.cohort.memory import peak_memory_mb# ru_maxrss begins with that of the parent process

slices, folder = int(sys.argv[1]), sys.argv[2]
workflow = ConfigWorkflow(
    str(bundle_folder("chest_ct_classification_axialnet") / "configs" / "train.json"), logging_file=False,
    workflow_type="train", bundle_root=folder, image_size=[420, 420, slices], phantoms=1, max_epochs=1, val_interval=2,
    num_workers=0, progress=False, tensorboard=False,
)
workflow.initialize()
trainer, times = workflow.trainer, []
for event in (Events.ITERATION_STARTED, Events.ITERATION_COMPLETED):
    trainer.add_event_handler(event, lambda: times.append((time.process_time(), time.perf_counter())))
workflow.run()
assert trainer.state.iteration == 1 and len(times) == 2, "one step"
assert trainer.state.batch["image"].shape == (1, 1, 420, 420, slices)
assert trainer.state.batch["allowed"].shape == (1, 80, 6, 6, slices // 3)
assert trainer.state.batch["allowed"].any() and trainer.loss_function.weight == 1 / 3, "the mask loss is used"
cpu, wall = (after - before for before, after in zip(*times))
peak = peak_memory_mb() / 1000
print(f"{peak:.2f} GB peak memory, {cpu:.0f} s CPU time and {wall:.0f} s wall time for the step,"
      f" chunk_size={workflow.parser['chunk_size']}, loss {trainer.state.output['loss'].item():.3f}")
"""


@pytest.mark.slow
def test_a_step_at_the_papers_size_takes_less_than_16_gb(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Measure a separate process, whose memory includes libraries, scan, regions, network and optimizer."""
    command = [sys.executable, "-W", "ignore", "-c", SCRIPT, "405", str(tmp_path)]
    line = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip().splitlines()[-1]
    with capsys.disabled():
        print(f"\na training step on 420 x 420 x 405: {line}")
    assert float(line.split()[0]) < 16
