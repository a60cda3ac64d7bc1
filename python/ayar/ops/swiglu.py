"""SwiGLU (Shazeer, 2020, arXiv 2002.05202)."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ayar.errors import ShapeError
from ayar.ops import backend, memory


def swiglu(gate_up: Tensor) -> Tensor:
    """silu(gate) · up, where gate and up are the first and second half of the last axis.

    gate_up: (rows, 2 · cols) fp32 or bf16. Returns (rows, cols) in the dtype of gate_up. Raises ShapeError.
    """
    if gate_up.dim() != 2 or gate_up.shape[1] % 2:
        raise ShapeError(f"swiglu: gate_up {tuple(gate_up.shape)} must be (rows, 2 · cols)")
    if backend.is_reference():
        return swiglu_reference(gate_up)
    return _SwiGLU.apply(gate_up.contiguous())


def swiglu_reference(gate_up: Tensor) -> Tensor:
    gate, up = gate_up.chunk(2, dim=-1)
    return torch.nn.functional.silu(gate) * up


class _SwiGLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, gate_up: Tensor) -> Tensor:
        y = memory.empty(gate_up.shape[0], gate_up.shape[1] // 2, like=gate_up)
        backend.kernels(gate_up).swiglu_forward(gate_up.detach(), y)
        ctx.save_for_backward(gate_up)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> Tensor:
        (gate_up,) = ctx.saved_tensors
        dgate_up = memory.empty(*gate_up.shape, like=gate_up)
        backend.kernels(gate_up).swiglu_backward(dy.contiguous(), gate_up.detach(), dgate_up)
        return dgate_up
