"""Tests that two processes with different parts of the images aggregate to the result of one process."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from monai_pylon.metrics import OrganIoUMetric, PerClassAUROCMetric, PointLocalizationMetric
from tests.metrics.cases import random_cases

WORKER = """
import json, sys
import torch
import torch.distributed as dist
from tests.metrics.test_distributed import results
rank = int(sys.argv[2])
dist.init_process_group("gloo", init_method=f"file://{sys.argv[1]}", rank=rank, world_size=2)
print(json.dumps(results(slice(0, 4) if rank == 0 else slice(4, 11))))
dist.destroy_process_group()
"""


def results(part: slice) -> dict[str, float]:
    """Compute all metrics' averages for a part of eleven images. None of the images has the last label."""
    maps, boxes = random_cases(num_images=11, num_classes=3, size=(64, 64))
    labels = torch.rand(11, 3, generator=torch.Generator().manual_seed(0)) < torch.tensor([0.5, 0.5, 0.0])
    points, areas = PointLocalizationMetric(64), PerClassAUROCMetric()
    points(maps[part], boxes[part])
    areas(maps[part].amax((2, 3)), labels[part])
    organs = OrganIoUMetric()
    organs(maps[part], (labels[part], maps[part].roll(1, dims=2) > 0))
    organs.tune_thresholds()
    found = {"points": points.aggregate(), "areas": areas.aggregate(), "organs": organs.aggregate()}
    return {f"{n}_{k}": v if isinstance(v, float) else v.tolist() for n, f in found.items() for k, v in f.items()}


@pytest.mark.slow
def test_aggregate_gathers_the_values_of_all_processes(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "ignore", "-c", WORKER, str(tmp_path / "rendezvous")]
    workers = [subprocess.Popen([*command, str(rank)], stdout=subprocess.PIPE, text=True) for rank in (0, 1)]
    found = [json.loads(worker.communicate(timeout=240)[0]) for worker in workers]
    for name, value in results(slice(0, 11)).items():
        torch.testing.assert_close(torch.tensor(found[0][name]), torch.tensor(value), equal_nan=True)
        torch.testing.assert_close(torch.tensor(found[1][name]), torch.tensor(value), equal_nan=True)
