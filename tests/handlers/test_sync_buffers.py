"""Buffers of several processes; the two-process runs of the bundles test the copy itself."""

from __future__ import annotations

import pytest
import torch
from ignite.engine import Engine

from monai_pylon.handlers import SyncBuffers


def test_copies_each_buffer_from_the_first_process(monkeypatch: pytest.MonkeyPatch) -> None:
    net, copied = torch.nn.BatchNorm2d(4), []
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "broadcast", lambda buffer, src: copied.append((buffer, src)))
    validator = Engine(lambda engine, batch: None)
    SyncBuffers(net).attach(validator)
    validator.run([0, 1])
    assert [src for _, src in copied] == [0, 0, 0]
    assert all(one is other for (one, _), other in zip(copied, net.buffers(), strict=True))
