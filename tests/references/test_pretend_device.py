"""The simulated device refuses what devices refuse, and computes what they compute."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from torch import nn

from tests.old_versions import needs_torch_2_5
from tests.references.pretend_device import PretendDevice

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


@pytest.fixture(params=["cuda", "mps"])
def device(request: pytest.FixtureRequest) -> Iterator[torch.device]:
    with PretendDevice(request.param) as device:
        yield device


@pytest.mark.parametrize(
    "mix",
    [
        lambda there, here: there + here,
        lambda there, here: torch.cat([there, here]),
        lambda there, here: here.scatter_(0, there.long(), 1.0),
        lambda there, here: here[there.long()],
        lambda there, here: torch.where(here > 0, there, there),
        lambda there, here: here.add_(there),
        lambda there, here: nn.Linear(2, 1)(there),
        lambda there, here: there.sum() * here,
    ],
)
def test_devices_do_not_mix(mix: Callable, device: torch.device) -> None:
    there, here = torch.zeros(2, device=device), torch.zeros(2)
    with pytest.raises(RuntimeError, match="Expected all tensors to be on the same device"):
        mix(there, here)


def test_numbers_and_indices_of_the_cpu_are_allowed(device: torch.device) -> None:
    there = torch.arange(3.0).to(device)
    assert (there * torch.tensor(2.0)).device == device
    assert there[torch.tensor([2, 0])].tolist() == [2, 0]
    there[torch.tensor([0])] = 7.0
    assert torch.zeros(3).copy_(there).tolist() == [7, 1, 2]


@pytest.mark.parametrize("convert", [lambda t: t.numpy(), np.asarray, lambda t: np.stack([t[0], t[1]])])
def test_numpy_is_refused(convert: Callable, device: torch.device) -> None:
    with pytest.raises(TypeError, match="can't convert"):
        convert(torch.zeros(2, device=device))
    assert convert(torch.zeros(2, device=device).cpu()).shape == (2,)


@pytest.mark.parametrize(
    "make",
    [
        lambda device: torch.zeros(2, device=device).double(),
        lambda device: torch.zeros(2, dtype=torch.float64).to(device),
        lambda device: torch.zeros(2, dtype=torch.float64, device=device),
        lambda device: torch.tensor([1.0], dtype=torch.float64, device=device),
        lambda device: torch.as_tensor(np.zeros(2), device=device),
        lambda device: torch.zeros(2, device=device).sum(dtype=torch.float64),
        lambda device: torch.zeros(2, device=device).new_zeros(2, dtype=torch.float64),
    ],
)
def test_one_kind_has_no_float64(make: Callable) -> None:
    with PretendDevice("cuda") as device:
        assert make(device).device == device
    with PretendDevice("mps") as device, pytest.raises(TypeError, match="float64"):
        make(device)


@needs_torch_2_5
def test_tensors_report_where_they_are(device: torch.device) -> None:
    here = torch.ones(2)
    there = here.to(device)
    assert (here.device.type, here.is_cpu) == ("cpu", True)
    assert (there.device, there.is_cpu, there.cpu().device.type) == (device, False, "cpu")
    assert there.to(here).device.type == "cpu"
    assert here.to(there).device == device
    assert {t.device for t in (there[1:], there.clone(), there * 2, torch.zeros_like(there), copy.deepcopy(there))} == {
        device
    }
    assert torch.zeros_like(there, device="cpu").device.type == "cpu"
    assert MetaTensor(here).to(device).device == device
    there.add_(1)
    assert (here.tolist(), there.tolist()) == ([1, 1], [2, 2]), "a copy"


def test_networks_train_on_the_device(device: torch.device) -> None:
    def train(place: Callable) -> torch.Tensor:
        torch.manual_seed(0)
        net = place(nn.Sequential(nn.Conv1d(1, 2, 3), nn.BatchNorm1d(2), nn.ReLU(), nn.Flatten(), nn.Linear(4, 1)))
        optimizer = torch.optim.Adam(net.parameters())
        for _ in range(2):
            optimizer.zero_grad()
            net(place(torch.arange(8.0).reshape(2, 1, 4))).sum().backward()
            optimizer.step()
        assert net[0].weight.grad.device == net[0].weight.device
        return net.state_dict()["0.weight"]

    trained = train(lambda thing: thing.to(device))
    assert trained.device == device
    torch.testing.assert_close(trained.cpu(), train(lambda thing: thing))


def test_nothing_is_left_behind() -> None:
    with PretendDevice("mps") as device:
        there = torch.zeros(2, device=device)
    assert there.device.type == "cpu"
    assert there.numpy().dtype == np.float32
