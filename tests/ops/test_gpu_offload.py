"""Tensors that wait elsewhere come back whole, in the reverse order, their spare columns included."""

import pytest
import torch

from ayar.errors import BackendError
from ayar.ops.bordered import border_of, bordered_rows
from ayar.ops.gpu_offload import Offload


def rows(seed: int) -> torch.Tensor:
    x = bordered_rows(5, 7, torch.empty(0), 3)
    generator = torch.Generator().manual_seed(seed)
    x.copy_(torch.randn(5, 7, generator=generator))
    border_of(x, 3).copy_(torch.randn(5, 3, generator=generator))
    return x


def test_what_was_put_comes_back_though_the_original_is_overwritten() -> None:
    offload = Offload()
    originals = [[rows(2 * i), torch.full((4, 2), float(i))] for i in range(3)]
    moved = [offload.put(tensors) for tensors in originals]
    want = [[rows(2 * i), torch.full((4, 2), float(i))] for i in range(3)]
    for tensors in originals:
        for tensor in tensors:
            tensor.zero_()
    for i in (2, 1, 0):
        got = offload.take(moved[i])
        assert torch.equal(got[0], want[i][0])
        assert torch.equal(border_of(got[0], 3), border_of(want[i][0], 3))
        assert torch.equal(got[1], want[i][1])


def test_buffers_are_kept_from_step_to_step() -> None:
    offload = Offload()
    first = offload.put([rows(0)])
    offload.take(first)
    second = offload.put([rows(1)])
    assert second.host[0].data_ptr() == first.host[0].data_ptr()
    smaller = torch.ones(2, 2)
    offload.clear()
    assert offload.put([smaller]).host[0].data_ptr() == first.host[0].data_ptr()


def test_another_order_is_refused() -> None:
    offload = Offload()
    first, second = offload.put([rows(0)]), offload.put([rows(1)])
    with pytest.raises(BackendError, match="reverse order"):
        offload.take(first)
    offload.take(second)
    with pytest.raises(BackendError, match="each once"):
        offload.take(second)
