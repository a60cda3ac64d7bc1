"""Causal attention over packed sequences with grouped heads, after FlashAttention (Dao et al., 2022, arXiv 2205.14135)."""

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ayar.errors import ShapeError
from ayar.ops import backend


def attention(qkv: Tensor, cu_seqlens: Tensor, num_heads: int, num_kv_heads: int, scale: float) -> Tensor:
    """softmax(scale · q kᵀ) v, where a token sees itself and the earlier tokens of its own sequence.

    qkv: (tokens, num_heads + 2 · num_kv_heads, head_dim) fp32 or bf16: the query heads, then keys, then values.
    cu_seqlens: (sequences + 1,) int32: where each packed sequence begins, from 0, and at last the number of tokens.
    Returns (tokens, num_heads · head_dim) in the dtype of qkv. Raises ShapeError.
    """
    _check(qkv, cu_seqlens, num_heads, num_kv_heads, scale)
    if backend.is_reference():
        return attention_reference(qkv, cu_seqlens, num_heads, num_kv_heads, scale)
    return _Attention.apply(qkv.contiguous(), cu_seqlens.contiguous(), num_heads, num_kv_heads, scale)


def attention_reference(qkv: Tensor, cu_seqlens: Tensor, num_heads: int, num_kv_heads: int, scale: float) -> Tensor:
    outputs = [qkv.new_empty(0, num_heads * qkv.shape[2])]
    for begin, end in pairwise(cu_seqlens.tolist()):
        query, key, value = qkv[begin:end].transpose(0, 1).split((num_heads, num_kv_heads, num_kv_heads))
        key, value = (x.repeat_interleave(num_heads // num_kv_heads, dim=0) for x in (key, value))
        later = torch.ones(end - begin, end - begin, dtype=torch.bool, device=qkv.device).triu(1)
        scores = (query @ key.transpose(1, 2) * scale).masked_fill(later, float("-inf"))
        outputs.append((scores.softmax(-1) @ value).transpose(0, 1).flatten(1))
    return torch.cat(outputs)


def _check(qkv: Tensor, cu_seqlens: Tensor, num_heads: int, num_kv_heads: int, scale: float) -> None:
    if num_heads < 1 or num_kv_heads < 1 or num_heads % num_kv_heads:
        raise ShapeError(f"attention: num_heads {num_heads} must be a multiple of num_kv_heads {num_kv_heads}")
    if qkv.dim() != 3 or qkv.shape[1] != num_heads + 2 * num_kv_heads:
        raise ShapeError(f"attention: qkv {tuple(qkv.shape)} must be (tokens, {num_heads} + 2 · {num_kv_heads}, head_dim)")
    if not scale > 0:
        raise ShapeError(f"attention: scale {scale} must be above 0")
    if cu_seqlens.dim() != 1 or cu_seqlens.dtype != torch.int32:
        raise ShapeError(f"attention: cu_seqlens {tuple(cu_seqlens.shape)} {cu_seqlens.dtype} must be one axis of torch.int32")
    bounds = cu_seqlens.tolist()
    if not bounds or bounds[0] != 0 or bounds[-1] != qkv.shape[0] or any(begin > end for begin, end in pairwise(bounds)):
        raise ShapeError(f"attention: cu_seqlens must rise from 0 to the {qkv.shape[0]} tokens of qkv")


class _Attention(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, qkv: Tensor, cu_seqlens: Tensor, num_heads: int, num_kv_heads: int, scale: float) -> Tensor:
        tokens, _, head_dim = qkv.shape
        y = qkv.new_empty(tokens, num_heads * head_dim)
        logsumexp = qkv.new_empty(tokens, num_heads, dtype=torch.float32)
        backend.kernels(qkv).attention_forward(qkv.detach(), cu_seqlens, num_heads, num_kv_heads, scale, y, logsumexp)
        ctx.save_for_backward(qkv, cu_seqlens, y, logsumexp)
        ctx.arguments = num_heads, num_kv_heads, scale
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor, None, None, None, None]:
        qkv, cu_seqlens, y, logsumexp = (saved.detach() for saved in ctx.saved_tensors)
        dqkv = torch.empty_like(qkv)
        backend.kernels(qkv).attention_backward(dy.contiguous(), qkv, y, logsumexp, cu_seqlens, *ctx.arguments, dqkv)
        return dqkv, None, None, None, None
