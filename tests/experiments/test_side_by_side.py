"""The measures of the comparison with other libraries: errors of maps, memory, and the same weights in each row."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from monai_pylon.networks.nets import MaxPoolBackbone
from monai_pylon.workflows.cohort.memory import restart_peak_memory
from tests.experiments.side_by_side.axialnet import networks
from tests.experiments.side_by_side.maps import map_errors
from tests.experiments.side_by_side.measurement import measured, memory
from tests.networks.tiny import TinyEncoder

EXACT = np.array([[[1.0, -2.0], [0.5, 0.0]]])


def test_the_scale_of_a_map_does_not_count_and_its_sign_does() -> None:
    assert map_errors(3 * EXACT, EXACT) == {"grid": [2, 2], "signed": True, "error": 0, "error_of_positive_part": 0}
    lost = map_errors(EXACT.clip(0), EXACT)
    assert (lost["signed"], lost["error"], lost["error_of_positive_part"]) == (False, 1.0, 0.0)
    assert map_errors(-EXACT, EXACT)["error"] == 2.0


def test_enlarged_maps_are_compared_with_the_enlarged_definition() -> None:
    exact = np.arange(16.0).reshape(1, 4, 4)
    large = torch.nn.functional.interpolate(torch.as_tensor(exact)[None], (8, 8), mode="bilinear")[0].numpy()
    assert map_errors(large, exact)["error"] < 1e-12
    assert map_errors(large.transpose(0, 2, 1), exact)["error"] > 0.1


@pytest.mark.skipif(not restart_peak_memory(), reason="the system does not reset the peak memory")
def test_memory_is_the_peak_of_a_call_over_what_is_resident() -> None:
    kept = np.ones(12_500_000)  # 100 MB that belong to no call
    found = memory(lambda: np.ones(25_000_000).sum(), rounds=2)  # 200 MB
    assert 190 <= found["memory_mb"] <= 230
    assert found["process_mb"] >= 300
    assert len(found["runs"]) == 2
    assert kept.sum() == 12_500_000


def test_each_call_runs_once_before_its_rounds() -> None:
    runs: list[str] = []
    found = measured({"a": lambda: runs.append("a"), "b": lambda: runs.append("b")}, rounds=2)
    assert "".join(runs) == "ababab"
    assert found["a"]["least"] <= found["a"]["cpu_seconds"] <= found["a"]["most"]


def test_the_rows_have_the_same_weights() -> None:
    made = networks(lambda: MaxPoolBackbone(encoder=TinyEncoder()), openvino=False)
    assert list(made) == ["plain", "optimize_for_inference", "optimize_for_inference, bfloat16"]
    x = torch.randn(1, 1, 64, 64)
    logits = [make()(x) for make in made.values()]
    torch.testing.assert_close(logits[1], logits[0], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(logits[2], logits[0], atol=0.1, rtol=0.1)
