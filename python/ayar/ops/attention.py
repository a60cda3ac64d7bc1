"""Causal attention along the branches of packed trees, with grouped heads, after FlashAttention (Dao et al., 2022, arXiv 2205.14135)."""

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ayar.errors import ShapeError
from ayar.ops import backend, memory


def attention(
    qkv: Tensor,
    cu_seqlens: Tensor,
    num_heads: int,
    num_kv_heads: int,
    scale: float,
    parents: Tensor | None = None,
    window: int | None = None,
    softcap: float | None = None,
) -> Tensor:
    """softmax(scale · q kᵀ) v, where a token sees itself, the earlier tokens of its own segment and all tokens of the segments above.

    qkv: (tokens, num_heads + 2 · num_kv_heads, head_dim) fp32 or bf16: the query heads, then keys, then values.
    cu_seqlens: (segments + 1,) int32: where each segment begins, from 0, and at last the number of tokens.
    parents: (segments,) int32: the segment that each goes on from, −1 for none; in preorder: all that goes on from a segment follows it
    at once. None: no segment goes on from another, so they are packed sequences that do not see each other.
    window: only keys fewer than ``window`` steps back on the token's path (Mistral). softcap: scores become
    softcap · tanh(scores / softcap) (Gemma 2). Returns (tokens, num_heads · head_dim) in the dtype of qkv. Raises ShapeError.
    """
    if parents is None:
        parents = torch.full((max(0, len(cu_seqlens) - 1),), -1, dtype=torch.int32)
    _check(qkv, cu_seqlens, parents, num_heads, num_kv_heads, scale)
    for name, value in (("window", window), ("softcap", softcap)):
        if value is not None and not value > 0:
            raise ShapeError(f"attention: {name} {value} must be above 0")
    if backend.is_reference():
        return attention_reference(qkv, cu_seqlens, num_heads, num_kv_heads, scale, parents, window, softcap)
    return _Attention.apply(
        qkv.contiguous(), cu_seqlens.contiguous(), parents.contiguous(), num_heads, num_kv_heads, scale, window or 0, softcap or 0.0
    )


def attention_reference(
    qkv: Tensor,
    cu_seqlens: Tensor,
    num_heads: int,
    num_kv_heads: int,
    scale: float,
    parents: Tensor | None = None,
    window: int | None = None,
    softcap: float | None = None,
) -> Tensor:
    bounds = cu_seqlens.tolist()
    above = [-1] * (len(bounds) - 1) if parents is None else parents.tolist()
    paths: list[list[int]] = []  # of each segment: the tokens from the root to its last
    outputs = [qkv.new_empty(0, num_heads * qkv.shape[2])]
    for (begin, end), parent in zip(pairwise(bounds), above, strict=True):
        paths.append((paths[parent] if parent >= 0 else []) + list(range(begin, end)))
        path = torch.tensor(paths[-1], dtype=torch.int64, device=qkv.device)
        query = qkv[begin:end, :num_heads].transpose(0, 1)
        key, value = (x.repeat_interleave(num_heads // num_kv_heads, 1)[path].transpose(0, 1) for x in qkv[:, num_heads:].chunk(2, 1))
        scores = query @ key.transpose(1, 2) * scale
        if softcap is not None:
            scores = softcap * (scores / softcap).tanh()
        steps_back = torch.arange(len(path))[len(path) - (end - begin) :, None] - torch.arange(len(path))
        unseen = (steps_back < 0) | (steps_back >= (len(path) if window is None else window))
        scores = scores.masked_fill(unseen.to(qkv.device), float("-inf"))
        outputs.append((scores.softmax(-1) @ value).transpose(0, 1).flatten(1))
    return torch.cat(outputs)


def _check(qkv: Tensor, cu_seqlens: Tensor, parents: Tensor, num_heads: int, num_kv_heads: int, scale: float) -> None:
    if num_heads < 1 or num_kv_heads < 1 or num_heads % num_kv_heads:
        raise ShapeError(f"attention: num_heads {num_heads} must be a multiple of num_kv_heads {num_kv_heads}")
    if qkv.dim() != 3 or qkv.shape[1] != num_heads + 2 * num_kv_heads:
        raise ShapeError(f"attention: qkv {tuple(qkv.shape)} must be (tokens, {num_heads} + 2 · {num_kv_heads}, head_dim)")
    if not scale > 0:
        raise ShapeError(f"attention: scale {scale} must be above 0")
    for name, table in (("cu_seqlens", cu_seqlens), ("parents", parents)):
        if table.dim() != 1 or table.dtype != torch.int32:
            raise ShapeError(f"attention: {name} {tuple(table.shape)} {table.dtype} must be one axis of torch.int32")
    bounds = cu_seqlens.tolist()
    if not bounds or bounds[0] != 0 or bounds[-1] != qkv.shape[0] or any(begin > end for begin, end in pairwise(bounds)):
        raise ShapeError(f"attention: cu_seqlens must rise from 0 to the {qkv.shape[0]} tokens of qkv")
    if len(parents) != len(bounds) - 1 or not _is_preorder(parents.tolist()):
        raise ShapeError(f"attention: parents must name, for each of {len(bounds) - 1} segments, −1 or an earlier one, in preorder")


def _is_preorder(parents: list[int]) -> bool:
    path: list[int] = []  # from a root to the segment before
    for segment, parent in enumerate(parents):
        while path and path[-1] > parent:
            path.pop()
        if parent != (path[-1] if path else -1):
            return False
        path.append(segment)
    return True


class _Attention(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        qkv: Tensor,
        cu_seqlens: Tensor,
        parents: Tensor,
        num_heads: int,
        num_kv_heads: int,
        scale: float,
        window: int,
        softcap: float,
    ) -> Tensor:
        tokens, _, head_dim = qkv.shape
        y = memory.empty(tokens, num_heads * head_dim, like=qkv)
        logsumexp = memory.empty(tokens, num_heads, like=qkv, dtype=torch.float32)
        ctx.arguments = cu_seqlens, parents, num_heads, num_kv_heads, scale, window, softcap
        backend.kernels(qkv).attention_forward(qkv.detach(), *ctx.arguments, y, logsumexp)
        ctx.save_for_backward(qkv, y, logsumexp)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor, None, None, None, None, None, None, None]:
        qkv, y, logsumexp = (saved.detach() for saved in ctx.saved_tensors)
        dqkv = memory.empty(*qkv.shape, like=qkv)
        backend.kernels(qkv).attention_backward(dy.contiguous(), qkv, y, logsumexp, *ctx.arguments, dqkv)
        return dqkv, None, None, None, None, None, None, None
