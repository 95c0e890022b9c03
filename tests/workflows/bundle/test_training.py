"""Gradient accumulation, weights of present labels, and learning rates."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.data import Dataset
from monai.engines import SupervisedTrainer
from monai.handlers import from_engine

from monai_pylon.networks import Explained
from monai_pylon.networks.nets import PYLON
from monai_pylon.workflows.bundle import training
from monai_pylon.workflows.bundle.training import (
    explained_network,
    make_evaluator,
    make_scheduler,
    make_trainer,
    parameter_groups,
    positive_weights,
)
from tests.networks.tiny import TinyEncoder

LABELS = ["mass", "nodule", "hernia"]
ITEMS = [{"label": torch.tensor(row)} for row in ([1.0, 0, 0], [0, torch.nan, 0], [0, 1, 0], [0, 1, 0])]


def test_a_network_is_explained_if_it_is_needed() -> None:
    network = PYLON(num_classes=2, encoder="resnet18")
    assert explained_network(network, explained=False) is network
    assert isinstance(explained_network(network, explained=True), Explained)


def test_mlflow_gets_the_loss_as_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """MONAI's option --tracking mlflow takes it from the output in a tuple, and MLflow refuses that."""
    monkeypatch.setattr(training, "MLFlowHandler", Recorder)
    handler = Recorder()
    net = torch.nn.Linear(1, 1)
    make_trainer(
        device="cpu",
        max_epochs=1,
        train_data_loader=[],
        network=net,
        optimizer=torch.optim.SGD(net.parameters(), 0.01),
        loss_function=torch.nn.L1Loss(),
        train_handlers=[handler],
    )
    assert handler.output_transform({"loss": 0.5}) == 0.5
    assert handler.output_transform([{"loss": 0.25}]) == 0.25
    make_evaluator(device="cpu", val_data_loader=[], network=net, val_handlers=[validation := Recorder()])
    for one in (handler, validation):
        one._log_metrics({"val_loss": 0.5, "val_auroc_fibrosis (lung)": 1.0, "a/b-c.d é": 0.0}, step=3)
        assert one.logged == [({"val_loss": 0.5, "val_auroc_fibrosis _lung_": 1.0, "a/b-c.d é": 0.0}, 3)]


class Recorder:
    """Handler as MONAI makes it for MLflow."""

    def __init__(self) -> None:
        self.output_transform = from_engine(["loss"], first=True)
        self.logged: list[tuple[dict[str, float], int]] = []

    def _log_metrics(self, metrics: dict[str, float], step: int) -> None:
        self.logged.append((metrics, step))

    def attach(self, engine: object) -> None:
        pass


def trained(steps: int, batch: int) -> torch.Tensor:
    """Return the weight after one epoch over eight items in their order."""
    net = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.zeros_(net.weight)
    data = [{"image": torch.tensor([float(k)]), "label": torch.tensor([1.0])} for k in range(8)]
    trainer = make_trainer(
        steps,
        device="cpu",
        max_epochs=1,
        train_data_loader=torch.utils.data.DataLoader(data, batch_size=batch),
        network=net,
        optimizer=torch.optim.SGD(net.parameters(), 0.01),
        loss_function=torch.nn.MSELoss(),
        decollate=False,
    )
    trainer.run()
    return net.weight.detach()


def test_accumulated_gradients_equal_those_of_a_larger_batch() -> None:
    if "accumulation_steps" not in SupervisedTrainer.__init__.__code__.co_varnames:
        with pytest.raises(ValueError, match=r"Install MONAI 1\.6"):
            make_trainer(2)
        return
    torch.testing.assert_close(trained(2, 2), trained(1, 4))
    assert not torch.allclose(trained(1, 2), trained(1, 4))


def test_accumulation_steps_are_checked() -> None:
    with pytest.raises(ValueError, match="accumulation_steps must be 1 or more"):
        make_trainer(0)
    with pytest.raises(TypeError, match="accumulation_steps must be of type int"):
        make_trainer(1.5)


def test_no_weights_by_default() -> None:
    assert positive_weights(None, LABELS) is None


def test_weights_are_numbers_for_one_or_all_labels() -> None:
    assert positive_weights(3, LABELS).tolist() == [3, 3, 3]
    assert positive_weights([1, 2.5, 4], LABELS).tolist() == [1, 2.5, 4]


def test_balanced_weights_are_absent_per_present_known_labels() -> None:
    for dataset in (ITEMS, Dataset(ITEMS), Dataset(Dataset(ITEMS), abs)):
        weights = positive_weights("balanced", LABELS, dataset)
        torch.testing.assert_close(weights, torch.tensor([3.0, 0.5, 1.0]))  # 3:1, 1:2, none present


@pytest.mark.parametrize("given", [0, -1, [1, 2], [1, 2, float("inf")], "equal", float("nan")])
def test_other_weights_are_errors(given: object) -> None:
    with pytest.raises(ValueError, match="pos_weight must be"):
        positive_weights(given, LABELS, ITEMS)


def test_balanced_weights_need_a_list_of_labels() -> None:
    with pytest.raises(ValueError, match="Phantoms have no list of labels"):
        positive_weights("balanced", LABELS, object())


# --- learning rates


def test_decoder_and_encoder_have_their_own_rates_without_frozen_parameters() -> None:
    net = PYLON(encoder=TinyEncoder(), decoder_channels=8, frozen_stages=2)
    groups = parameter_groups(net, 2e-4, 1e-3)
    assert [group["lr"] for group in groups] == [2e-4, 1e-3]
    encoder = {id(p) for stage in net.encoder.stages[2:] for p in stage.parameters()}
    assert {id(p) for p in groups[0]["params"]} == encoder
    assert {id(p) for p in groups[1]["params"]} == {id(p) for m in (net.decoder, net.head) for p in m.parameters()}
    (single,) = parameter_groups(net, 2e-4)
    assert len(single["params"]) == sum(len(group["params"]) for group in groups)


def test_rates_that_do_not_fit_are_refused() -> None:
    net = PYLON(encoder=TinyEncoder(), decoder_channels=8)
    with pytest.raises(ValueError, match="decoder_rate must be above 0, but is 0"):
        parameter_groups(net, 1e-4, 0)
    net.requires_grad_(False)
    with pytest.raises(ValueError, match="frozen_stages must be fewer: no parameter is trained"):
        parameter_groups(net, 1e-4)


def test_one_cycle_reaches_the_rate_of_each_group_and_ends_near_zero() -> None:
    groups = [{"params": [torch.zeros(1, requires_grad=True)], "lr": rate} for rate in (2e-4, 1e-3)]
    optimizer = torch.optim.Adam(groups)
    scheduler = make_scheduler("one_cycle", optimizer, 5, range(4))
    seen = []
    for _ in range(20):
        optimizer.step()
        seen.append([group["lr"] for group in optimizer.param_groups])
        scheduler.step()
    assert np.max(seen, axis=0) == pytest.approx([2e-4, 1e-3], rel=0.05)
    assert seen[0] == pytest.approx([2e-4 / 25, 1e-3 / 25])
    assert seen[-1][1] < 1e-5
    again = make_scheduler("one_cycle", optimizer, 5, range(4))
    again.load_state_dict(scheduler.state_dict())
    assert again.last_epoch == 20
    with pytest.raises(
        ValueError, match=r"max_epochs must be as when the training began, but is '24 steps'. The cycle"
    ):
        make_scheduler("one_cycle", optimizer, 6, range(4)).load_state_dict(scheduler.state_dict())


def test_the_plateau_is_the_papers() -> None:
    optimizer = torch.optim.Adam([torch.zeros(1, requires_grad=True)], lr=1e-4)
    scheduler = make_scheduler("plateau", optimizer, 5, range(4))
    for _ in range(4):
        scheduler.step(1.0)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(2e-5)
    with pytest.raises(ValueError, match="schedule must be one of 'plateau', 'one_cycle'"):
        make_scheduler("cosine", optimizer, 5, range(4))
