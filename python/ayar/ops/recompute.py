"""Trades a little arithmetic for memory: a tensor that is cheap to make again is not kept for the backward pass."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor


@contextmanager
def recomputed(value: Tensor, compute: Callable[[], Tensor]) -> Iterator[Tensor]:
    """Inside the block, an op that saves ``value`` for its backward saves ``compute`` instead, which is called when it is needed.

    compute: makes the same tensor again, from tensors that are kept anyway; it runs without gradient. The result is the same to the bit.
    """
    address, shape = value.data_ptr(), value.shape

    def pack(saved: Tensor) -> Any:
        return compute if saved.data_ptr() == address and saved.shape == shape else saved

    def unpack(saved: Any) -> Tensor:
        if isinstance(saved, Tensor):
            return saved
        with torch.no_grad():
            return saved()

    with torch.autograd.graph.saved_tensors_hooks(pack, unpack):
        yield value
