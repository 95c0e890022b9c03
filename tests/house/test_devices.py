"""Every network, loss, metric, visualizer, transform and figure gives on a device what it gives on the CPU.

The device is simulated; see :mod:`tests.references.pretend_device`. It cannot be mixed with the CPU and refuses
NumPy. One kind refuses float64, as Apple's devices do.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from monai_pylon import losses, metrics, networks, reports, transforms, visualize
from monai_pylon.networks import nets
from tests.house.device_jobs import (
    JOBS_OF_HANDLERS,
    JOBS_OF_LOSSES,
    JOBS_OF_METRICS,
    JOBS_OF_NETWORKS,
    JOBS_OF_REPORTS,
    JOBS_OF_TRANSFORMS,
    JOBS_OF_VISUALIZERS,
)
from tests.old_versions import needs_torch_2_5
from tests.references.pretend_device import PretendDevice

Job = Callable[[Callable[[Any], Any]], Any]

JOBS: dict[str, dict[str, Job]] = {
    "networks": JOBS_OF_NETWORKS,
    "losses": JOBS_OF_LOSSES,
    "metrics": JOBS_OF_METRICS,
    "visualizers": JOBS_OF_VISUALIZERS,
    "transforms": JOBS_OF_TRANSFORMS,
    "reports": JOBS_OF_REPORTS,
    "handlers": JOBS_OF_HANDLERS,
}
#: Public names without a tensor to move.
WITHOUT_TENSORS = {
    *("Explanation", "ExplanationAudit", "LabelMaps", "MaskQuality", "OrganPartition", "Peak", "RadiographFindingMap"),
    *("ORGAN_COLORS", "CSVHistory", "EarlyStopping", "StopAtMinLR"),
    *("MapGeometry", "map_geometry"),  # arithmetic with strides
}


def placed(thing: Any, device: torch.device | str) -> Any:
    """Move tensors, networks, and containers of them to a device."""
    if isinstance(thing, torch.Tensor | nn.Module):
        return thing.to(device)
    if isinstance(thing, tuple) and hasattr(thing, "_fields"):
        return type(thing)(*(placed(part, device) for part in thing))
    if isinstance(thing, tuple | list):
        return type(thing)(placed(part, device) for part in thing)
    if isinstance(thing, Mapping):
        return {key: placed(value, device) for key, value in thing.items()}
    return thing


def assert_same(found: Any, expected: Any, name: str) -> None:
    """Assert that results are equal up to rounding, wherever they are."""
    if isinstance(expected, torch.Tensor | np.ndarray):
        pair = [torch.as_tensor(part).detach().cpu().double() for part in (found, expected)]
        torch.testing.assert_close(*pair, rtol=1e-4, atol=1e-5, equal_nan=True, msg=lambda text: f"{name}: {text}")
    elif isinstance(expected, Mapping):
        assert set(found) == set(expected), name
        for key in expected:
            assert_same(found[key], expected[key], f"{name}[{key!r}]")
    elif isinstance(expected, tuple | list):
        assert len(found) == len(expected), name
        for number, (one, other) in enumerate(zip(found, expected, strict=True)):
            assert_same(one, other, f"{name}[{number}]")
    elif isinstance(expected, float):
        assert found == pytest.approx(expected, rel=1e-4, abs=1e-5, nan_ok=True), name
    else:
        assert found == expected, name


@functools.cache
def results_on_cpu(subject: str) -> dict[str, Any]:
    """Run the jobs of a subject on the CPU."""
    found = {}
    for name, job in JOBS[subject].items():
        torch.manual_seed(0)
        found[name] = job(lambda thing: copy.deepcopy(thing))
    return found


@needs_torch_2_5
@pytest.mark.filterwarnings("ignore::UserWarning")  # PyTorch says that this machine has no such device
#: "mps" has all rules of "cuda".
@pytest.mark.parametrize("kind", ["mps", pytest.param("cuda", marks=pytest.mark.slow)])
@pytest.mark.parametrize("subject", JOBS)
def test_a_device_gives_the_results_of_the_cpu(subject: str, kind: str) -> None:
    broken, expected = [], results_on_cpu(subject)
    for name, job in JOBS[subject].items():
        with PretendDevice(kind) as device:
            try:
                torch.manual_seed(0)
                found = job(lambda thing, device=device: placed(copy.deepcopy(thing), device))  # type: ignore[misc]
                assert_same(found, expected[name], name)
            except (Exception, pytest.fail.Exception) as error:  # each job is reported
                broken.append(f"{name}: {type(error).__name__}: {str(error)[:300]}")
    assert not broken, "\n".join(broken)


def test_every_public_name_has_a_job() -> None:
    tried = "\n".join(name for jobs in JOBS.values() for name in jobs)
    public = [*nets.__all__, *losses.__all__, *metrics.__all__, *visualize.__all__, *transforms.__all__]
    public += [*reports.__all__, "make_encoder", "optimize_for_inference", "Explained"]
    assert set(networks.__all__) >= {"make_encoder", "optimize_for_inference", "Explained"}
    aliases = {name for name in public if name.endswith(("D", "Dict"))}
    missing = sorted(name for name in set(public) - aliases - WITHOUT_TENSORS if name not in tried)
    assert not missing
