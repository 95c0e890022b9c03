"""Where the mask loss allows evidence in a radiograph, against pixels counted one by one, and through a training."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from monai.data import Dataset

from monai_pylon.data.phantoms.datasets import PhantomRadiographs
from monai_pylon.networks.nets import PYLON
from monai_pylon.workflows.radiographs import training_regions
from monai_pylon.workflows.radiographs.box_regions import box_regions


def slowly(box: list[float], size: tuple[int, int], grid: tuple[int, int]) -> torch.Tensor:
    """Allowed cells of one box: those that share an area with it, cell by cell."""
    x1, y1, x2, y2 = box
    result = torch.zeros(grid, dtype=torch.bool)
    for row in range(grid[0]):
        for column in range(grid[1]):
            top, bottom = row * size[0] / grid[0], (row + 1) * size[0] / grid[0]
            left, right = column * size[1] / grid[1], (column + 1) * size[1] / grid[1]
            result[row, column] = min(bottom, y2) > max(top, y1) and min(right, x2) > max(left, x1)
    return result


def test_the_cells_that_a_box_touches() -> None:
    draws = np.random.default_rng(0)
    size, grid = (90, 60), (9, 5)
    for _ in range(50):
        left, right = np.sort(draws.uniform(0, 60, 2))
        top, bottom = np.sort(draws.uniform(0, 90, 2))
        box = [float(left), float(top), float(right), float(bottom)]
        found = box_regions(torch.tensor([[*box, 1.0]], dtype=torch.float64), 3, size, grid)
        assert found[[0, 2]].all()
        torch.testing.assert_close(found[1], slowly(box, size, grid))


def test_boxes_of_one_label_add_up_and_borders_belong_to_one_cell() -> None:
    boxes = torch.tensor([[0, 0, 2, 2, 0], [6, 6, 8, 8, 0], [2, 2, 4, 4, 1]])
    found = box_regions(boxes, 2, 8, (4, 4)).int().tolist()
    assert found == [
        [[1, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 1]],
        [[0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]],
    ]


@pytest.mark.parametrize("box", [[3.0, 5.0, 3.0, 5.0], [-9.0, -9.0, -1.0, -1.0], [8.0, 8.0, 9.0, 9.0]])
def test_a_box_without_area_or_off_the_image_keeps_one_cell(box: list[float]) -> None:
    assert box_regions(torch.tensor([[*box, 0.0]]), 1, 8, (4, 4)).sum() == 1


def test_without_boxes_everything_is_allowed() -> None:
    assert box_regions(torch.zeros(0, 5), 2, 8, (3, 3)).all()


@pytest.mark.parametrize("label", [-1, 2])
def test_another_class_is_refused(label: int) -> None:
    with pytest.raises(ValueError, match=rf"boxes must be of classes from 0 to 1, but is \[{label}\]"):
        box_regions(torch.tensor([[0, 0, 1, 1, label]]), 2, 8, (3, 3))


def items(boxes: list[list[float]]) -> list[dict[str, Any]]:
    return [{"image": torch.zeros(1, 64, 64), "label": torch.zeros(14), "boxes": np.array(boxes).reshape(-1, 5)}]


def test_the_transform_has_the_grid_of_the_map_and_leaves_the_network_as_it_was() -> None:
    network = PYLON(num_classes=14, encoder="resnet18").train()
    network.encoder.eval()  # as a user may keep it
    before = {key: value.clone() for key, value in network.state_dict().items()}
    data = items([[0, 0, 64, 4, 3]])
    result = training_regions(0.5, network, 64, Dataset(data))(data[0])
    assert result["allowed"].shape == (14, 16, 16)
    assert result["allowed"][3].sum() == 16
    assert network.training
    assert not any(part.training for part in network.encoder.modules())
    for key, value in network.state_dict().items():
        torch.testing.assert_close(value, before[key])
    assert "allowed" not in data[0]


def test_without_mask_loss_nothing_is_added() -> None:
    data = items([])
    assert training_regions(0, PYLON(num_classes=14, encoder="resnet18"), 64, data)(data[0]) is data[0]


def test_a_training_without_any_box_is_refused() -> None:
    network = PYLON(num_classes=14, encoder="resnet18")
    with pytest.raises(ValueError, match=r"mask_loss must be 0 where no radiograph of the training has a box"):
        training_regions(0.5, network, 64, Dataset(items([])))
    assert training_regions(0.5, network, 64, PhantomRadiographs(2, 64)) is not None
