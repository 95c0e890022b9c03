"""Gradient accumulation, and weights of present labels."""

from __future__ import annotations

import pytest
import torch
from monai.data import Dataset
from monai.engines import SupervisedTrainer

from monai_pylon.workflows.bundle.training import make_trainer, positive_weights

LABELS = ["mass", "nodule", "hernia"]
ITEMS = [{"label": torch.tensor(row)} for row in ([1.0, 0, 0], [0, torch.nan, 0], [0, 1, 0], [0, 1, 0])]


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
