"""Rotary position embedding (Su et al., 2021, arXiv 2104.09864), "rotate half" convention as in Llama checkpoints."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ayar.errors import ShapeError
from ayar.ops import backend, memory


def rope(qkv: Tensor, cos: Tensor, sin: Tensor, position_ids: Tensor, num_rotated_heads: int) -> Tensor:
    """Turns the first ``num_rotated_heads`` heads of each token by the angles of its position; copies the other heads.

    qkv: (tokens, heads, head_dim) fp32 or bf16. cos, sin: (positions, half) fp32: dimensions i and i + half of a head turn together, those
    from 2 · half on are copied (half < head_dim / 2 where only a part of each head is rotated). position_ids: (tokens,) int32.
    Returns shape and dtype of qkv. Raises ShapeError.
    """
    _check(qkv, cos, sin, position_ids, num_rotated_heads)
    if backend.is_reference():
        return rope_reference(qkv, cos, sin, position_ids, num_rotated_heads)
    return _Rope.apply(qkv.contiguous(), cos.contiguous(), sin.contiguous(), position_ids.contiguous(), num_rotated_heads)


def rope_reference(qkv: Tensor, cos: Tensor, sin: Tensor, position_ids: Tensor, num_rotated_heads: int) -> Tensor:
    turned, copied = qkv.tensor_split([num_rotated_heads], dim=1)
    half = cos.shape[1]
    first, second, still = turned.tensor_split([half, 2 * half], dim=-1)
    c, s = cos[position_ids].unsqueeze(1), sin[position_ids].unsqueeze(1)
    return torch.cat((torch.cat((first * c - second * s, second * c + first * s, still), dim=-1).to(qkv.dtype), copied), dim=1)


def _check(qkv: Tensor, cos: Tensor, sin: Tensor, position_ids: Tensor, num_rotated_heads: int) -> None:
    if qkv.dim() != 3:
        raise ShapeError(f"rope: qkv {tuple(qkv.shape)} must be (tokens, heads, head_dim)")
    tokens, heads, head_dim = qkv.shape
    if cos.shape != sin.shape or cos.dim() != 2 or not 0 < 2 * cos.shape[1] <= head_dim:
        raise ShapeError(f"rope: cos {tuple(cos.shape)} and sin {tuple(sin.shape)} must both be (positions, at most {head_dim // 2})")
    if position_ids.shape != (tokens,) or position_ids.dtype != torch.int32:
        raise ShapeError(f"rope: position_ids {tuple(position_ids.shape)} {position_ids.dtype} must be ({tokens},) torch.int32")
    if not 0 <= num_rotated_heads <= heads:
        raise ShapeError(f"rope: num_rotated_heads {num_rotated_heads} must lie between 0 and the {heads} heads of qkv")
    if tokens and not (int(position_ids.min()) >= 0 and int(position_ids.max()) < cos.shape[0]):
        raise ShapeError(f"rope: position_ids must lie between 0 and {cos.shape[0] - 1}, the last row of cos and sin")


class _Rope(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, qkv: Tensor, cos: Tensor, sin: Tensor, position_ids: Tensor, num_rotated_heads: int) -> Tensor:
        y = memory.empty(*qkv.shape, like=qkv)
        backend.kernels(qkv).rope_forward(qkv.detach(), cos, sin, position_ids, num_rotated_heads, y)
        ctx.save_for_backward(cos, sin, position_ids)
        ctx.num_rotated_heads = num_rotated_heads
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor, None, None, None, None]:
        cos, sin, position_ids = ctx.saved_tensors
        dy = dy.contiguous()
        dx = memory.empty(*dy.shape, like=dy)
        backend.kernels(dy).rope_backward(dy, cos, sin, position_ids, ctx.num_rotated_heads, dx)
        return dx, None, None, None, None
