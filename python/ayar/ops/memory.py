"""Where the ops' results lie: in memory that is reused from step to step, so that a step pays for no page faults and leaves no holes."""

import torch
from torch import Tensor

from ayar.ops import backend

_LEAST_BYTES = 64 << 10  # smaller tensors are torch's own: its way is shorter


def empty(*shape: int, like: Tensor, dtype: torch.dtype | None = None) -> Tensor:
    """An uninitialised tensor on the device of ``like``, of its dtype unless another is given."""
    dtype = dtype or like.dtype
    size = dtype.itemsize
    for length in shape:
        size *= length
    if size < _LEAST_BYTES or like.device.type != "cpu" or dtype not in (torch.float32, torch.bfloat16):
        return torch.empty(shape, dtype=dtype, device=like.device)
    return torch.from_dlpack(backend.native().arena.empty(*shape, bf16=dtype == torch.bfloat16))


def trim() -> None:
    """Hands memory that no tensor uses back to the system: after training, say."""
    backend.native().arena.trim()
