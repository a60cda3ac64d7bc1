"""RMSNorm (Zhang & Sennrich, 2019, arXiv 1910.07467)."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ayar.errors import ShapeError
from ayar.ops import backend, memory
from ayar.ops.arguments import require_floats


def rms_norm(x: Tensor, weight: Tensor, eps: float = 1e-6) -> Tensor:
    """Scales each row of ``x`` to unit root mean square, then by ``weight``.

    x: (..., cols) fp32 or bf16. weight: (cols,) fp32 (bf16 is converted). Returns shape and dtype of x. Raises ShapeError.
    """
    return rms_norm_branch(x, weight, eps)[0]


def rms_norm_branch(x: Tensor, weight: Tensor, eps: float = 1e-6) -> tuple[Tensor, Tensor]:
    """``rms_norm`` where a block branches off the residual stream: its output for the block, and x for the stream that goes on.

    Who takes x from here lets both gradients of x meet in one pass over it.
    """
    require_floats("rms_norm", x=x, weight=weight)
    if x.shape[-1:] != weight.shape:
        raise ShapeError(f"rms_norm: weight {tuple(weight.shape)} must be as long as the last axis of x, {x.shape[-1]}")
    if backend.is_reference():
        return rms_norm_reference(x, weight, eps), x
    return _RMSNorm.apply(x.contiguous(), weight.float().contiguous(), eps)


def rms_norm_reference(x: Tensor, weight: Tensor, eps: float = 1e-6) -> Tensor:
    return (x / (x.square().mean(-1, keepdim=True) + eps).sqrt() * weight).to(x.dtype)


class _RMSNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, eps: float) -> tuple[Tensor, Tensor]:
        y, rstd = memory.empty(*x.shape, like=x), x.new_empty(*x.shape[:-1], 1, dtype=torch.float32)
        backend.kernels(x).rms_norm_forward(x.detach(), weight.detach(), eps, y, rstd)
        ctx.save_for_backward(x, weight, rstd)
        ctx.set_materialize_grads(False)  # a norm that is no branch has no gradient from the stream
        return y, x

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor | None, dresidual: Tensor | None) -> tuple[Tensor | None, Tensor | None, None]:
        if dy is None:
            return dresidual, None, None
        x, weight, rstd = (saved.detach() for saved in ctx.saved_tensors)
        dy = dy.contiguous()
        dx = dweight = None
        if ctx.needs_input_grad[0]:
            dx = memory.empty(*x.shape, like=x)
            residual = x[:0] if dresidual is None else dresidual.contiguous()
            backend.kernels(x).rms_norm_backward_input(dy, x, weight, rstd, residual, dx)
        if ctx.needs_input_grad[1]:
            dweight = torch.zeros_like(weight)
            backend.kernels(x).rms_norm_backward_weight(dy, x, rstd, dweight)
        return dx, dweight, None
