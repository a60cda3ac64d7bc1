"""What every public op asks of its tensors, said by the argument's name."""

import torch
from torch import Tensor

from ayar.errors import ShapeError

FLOATS = (torch.float32, torch.bfloat16)


def require_floats(op: str, **tensors: Tensor) -> None:
    """Each fp32 or bf16, and on the device of the first. Raises ShapeError naming op and argument."""
    first = next(iter(tensors))
    for name, tensor in tensors.items():
        if tensor.dtype not in FLOATS:
            raise ShapeError(f"{op}: {name} is {tensor.dtype}; float32 and bfloat16 are taken")
        if tensor.device != tensors[first].device:
            raise ShapeError(f"{op}: {name} is on {tensor.device}, {first} is on {tensors[first].device}")
