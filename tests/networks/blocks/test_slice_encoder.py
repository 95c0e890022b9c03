"""Slice groups as images: the order of axes, chunks with the same results, and sizes without computation."""

from __future__ import annotations

import weakref

import pytest
import torch
from torch import nn

from monai_pylon.networks import make_encoder
from monai_pylon.networks.blocks.slice_encoder import encode_slices, group_slices, map_cells, without_weights
from tests.networks.tiny import TinyEncoder, shake_


class CountingEncoder(TinyEncoder):
    """An encoder that records the number of images in each call."""

    def __init__(self) -> None:
        super().__init__(in_channels=3)
        self.seen: list[int] = []

    def forward(self, x):
        self.seen.append(len(x))
        return super().forward(x)


def test_rows_are_y_and_columns_are_x():
    volume = torch.arange(2 * 3 * 4 * 5).reshape(2, 1, 3, 4, 5)  # N = 2, X = 3, Y = 4, Z = 5
    groups = group_slices(volume, 2)
    assert groups.shape == (2, 3, 2, 4, 3)
    for n, z, y, x in ((0, 0, 3, 2), (1, 3, 0, 1), (1, 4, 2, 0)):
        assert groups[n, z // 2, z % 2, y, x] == volume[n, 0, x, y, z]


@pytest.mark.parametrize(("slices", "of_last"), [(6, [3, 4, 5]), (5, [3, 4, 4]), (4, [3, 3, 3]), (1, [0, 0, 0])])
def test_copies_of_the_last_slice_fill_the_last_group(slices, of_last):
    groups = group_slices(torch.arange(float(slices)).expand(1, 1, 2, 2, slices))
    assert groups.shape[1] == -(-slices // 3)
    assert groups[0, -1, :, 0, 0].tolist() == of_last


@pytest.mark.filterwarnings("ignore:.torch.jit.trace:DeprecationWarning", "error::torch.jit.TracerWarning")
@pytest.mark.parametrize("slices", [5, 6])
def test_grouping_is_traced_without_warnings_for_batches_of_any_size(slices):
    traced = torch.jit.trace(group_slices, torch.randn(1, 1, 4, 3, slices))
    volume = torch.randn(2, 1, 4, 3, slices)
    torch.testing.assert_close(traced(volume), group_slices(volume), rtol=0, atol=0)


@pytest.mark.parametrize("grad", [True, False])
@pytest.mark.parametrize("chunk", [1, 2, 3, 4, 7, 100])
def test_chunks_change_nothing_in_evaluation(chunk, grad):
    encoder, images = shake_(CountingEncoder()), torch.randn(7, 3, 64, 32)
    with torch.set_grad_enabled(grad):
        whole = encoder(images)[-1]
        encoder.seen.clear()
        torch.testing.assert_close(encode_slices(encoder, images, chunk), whole, rtol=1e-5, atol=1e-6)
    assert max(encoder.seen) <= chunk
    assert sum(encoder.seen) == 7
    assert max(encoder.seen) - min(encoder.seen) <= 1


def test_without_chunks_the_deepest_map_is_returned():
    encoder, images = shake_(CountingEncoder()), torch.randn(3, 3, 64, 32)
    maps = encoder(images)
    assert len({found.shape for found in maps}) == len(maps) > 2
    torch.testing.assert_close(encode_slices(encoder, images, None), maps[-1], rtol=0, atol=0)


@pytest.mark.parametrize("chunk", [3, 7])
def test_gradients_of_chunks_are_those_of_the_whole(chunk):
    encoder, images = shake_(CountingEncoder()).double(), torch.randn(7, 3, 64, 32, dtype=torch.float64)
    weights = list(encoder.parameters())
    expected = torch.autograd.grad(encoder(images)[-1].square().sum(), weights)
    encoder.seen.clear()
    given = torch.autograd.grad(encode_slices(encoder, images, chunk).square().sum(), weights)
    torch.testing.assert_close(given, expected)
    assert sum(encoder.seen) == 14, "not computed again"


def test_nothing_is_computed_again_without_gradients():
    encoder, images = shake_(CountingEncoder()).requires_grad_(False), torch.randn(7, 3, 64, 32)
    with pytest.MonkeyPatch.context() as patch:
        patch.delattr("monai_pylon.networks.blocks.slice_encoder.checkpoint")  # a call would raise a NameError
        assert not encode_slices(encoder, images, 3).requires_grad
        assert encoder.seen == [3, 2, 2]
        with torch.no_grad():
            encode_slices(shake_(CountingEncoder()), images, 3)
            encode_slices(CountingEncoder().train(), images, 3)
    (gradient,) = torch.autograd.grad(encode_slices(encoder, images.requires_grad_(), 3).sum(), images)
    assert gradient.abs().sum() > 0
    assert sum(encoder.seen) == 21


def test_one_chunk_in_training_updates_batch_norms_as_the_plain_encoder():
    """The chunk is computed twice, but the running statistics count each image once."""
    encoder, images = TinyEncoder(in_channels=3).train(), torch.randn(4, 3, 64, 64)
    plain = TinyEncoder(in_channels=3).train()
    plain.load_state_dict(encoder.state_dict())
    plain(images)[-1].sum().backward()
    encode_slices(encoder, images, chunk_size=4).sum().backward()
    torch.testing.assert_close(encoder.state_dict(), plain.state_dict())
    for given, expected in zip(encoder.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(given.grad, expected.grad)
    assert all(module.momentum == 0.1 for module in encoder.modules() if isinstance(module, nn.BatchNorm2d))


@pytest.mark.parametrize(("training", "chunks"), [(True, [[0, 2, 4], [1, 3, 5]]), (False, [[0, 1, 2], [3, 4, 5]])])
def test_chunks_in_training_hold_images_of_the_whole_volume(training, chunks):
    """With chunks of neighboring slices, a batch norm would normalize the shoulders and the abdomen separately."""
    brightness = torch.arange(6.0)[:, None, None, None].expand(6, 3, 8, 8)
    seen = []

    class Recorder(nn.Module):
        def forward(self, x):
            seen.append(x[:, 0, 0, 0].tolist())
            return [x]

    with torch.no_grad():
        torch.testing.assert_close(encode_slices(Recorder().train(training), brightness, 3), brightness)
    assert seen == chunks


@pytest.mark.parametrize("name", ["resnet18", "densenet121", "efficientnet_b0"])
@pytest.mark.parametrize("size", [(64, 97), (127, 66)])
def test_map_cells_are_those_of_the_computed_map(name, size):
    encoder = make_encoder(name, 2, 3).eval()
    with torch.no_grad():
        computed = encoder(torch.zeros(1, 3, *size))[-1].shape[2:]
    assert map_cells(without_weights(encoder), 3, size) == tuple(computed)


def test_copying_without_weights_leaves_the_encoder_unchanged():
    encoder = TinyEncoder(in_channels=3).train()
    before = {key: value.clone() for key, value in encoder.state_dict().items()}
    shapes = without_weights(encoder)
    map_cells(shapes, 3, (64, 64))
    torch.testing.assert_close(encoder.state_dict(), before, rtol=0, atol=0)
    assert encoder.training
    assert {tensor.device.type for tensor in shapes.state_dict().values()} == {"meta"}


@torch.no_grad()
def test_maps_of_chunks_are_not_held_beside_the_result():
    held: list[weakref.ref] = []

    class Encoder(nn.Module):
        def forward(self, images):
            assert sum(reference() is not None for reference in held) <= 1
            found = images.repeat(1, 2, 1, 1).to(memory_format=torch.channels_last)
            held.append(weakref.ref(found))
            return [found]

    images = torch.randn(7, 3, 4, 5)
    maps = encode_slices(Encoder().eval(), images, chunk_size=2)
    torch.testing.assert_close(maps, images.repeat(1, 2, 1, 1), rtol=0, atol=0)
    assert maps.is_contiguous(memory_format=torch.channels_last)
    assert len(held) == 4
