"""RMSNorm of single heads (Henry et al., 2020, arXiv 2010.04245, in the form of Qwen3 and Gemma 3): queries and keys, not values."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ayar.errors import ShapeError
from ayar.ops import backend, memory


def head_norm(qkv: Tensor, weight: Tensor, eps: float = 1e-6) -> Tensor:
    """Scales head h of each token to unit root mean square, then by row h of ``weight``; copies the heads that have no row.

    qkv: (tokens, heads, head_dim) fp32 or bf16. weight: (normed heads, head_dim) fp32, frozen: it gets no gradient.
    Returns shape and dtype of qkv. Raises ShapeError.
    """
    if qkv.dim() != 3 or weight.dim() != 2 or weight.shape[1] != qkv.shape[2] or weight.shape[0] > qkv.shape[1]:
        raise ShapeError(
            f"head_norm: qkv {tuple(qkv.shape)} must be (tokens, heads, head_dim), weight {tuple(weight.shape)} (heads, head_dim)"
        )
    if weight.dtype != torch.float32 or weight.requires_grad:
        raise ShapeError(f"head_norm: weight must be float32 and frozen, not {weight.dtype} with requires_grad={weight.requires_grad}")
    if backend.is_reference():
        return head_norm_reference(qkv, weight, eps)
    return _HeadNorm.apply(qkv.contiguous(), weight.contiguous(), eps)


def head_norm_reference(qkv: Tensor, weight: Tensor, eps: float = 1e-6) -> Tensor:
    normed, copied = qkv.tensor_split([len(weight)], dim=1)
    normed = normed / (normed.square().mean(-1, keepdim=True) + eps).sqrt() * weight
    return torch.cat((normed.to(qkv.dtype), copied), dim=1)


class _HeadNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, qkv: Tensor, weight: Tensor, eps: float) -> Tensor:
        y, rstd = memory.empty(*qkv.shape, like=qkv), qkv.new_empty(qkv.shape[0], len(weight), dtype=torch.float32)
        backend.kernels(qkv).head_norm_forward(qkv.detach(), weight, eps, y, rstd)
        ctx.save_for_backward(qkv, weight, rstd)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor, None, None]:
        qkv, weight, rstd = (saved.detach() for saved in ctx.saved_tensors)
        dx = memory.empty(*qkv.shape, like=qkv)
        backend.kernels(qkv).head_norm_backward(dy.contiguous(), qkv, weight, rstd, dx)
        return dx, None, None
