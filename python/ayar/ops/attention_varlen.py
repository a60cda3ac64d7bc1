"""Causal attention over packed sequences for callers that hold query, key and value apart."""

import math

import torch
from torch import Tensor

from ayar.errors import ShapeError
from ayar.ops.arguments import require_floats
from ayar.ops.attention import attention


def attention_varlen(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    cu_seqlens: Tensor,
    scale: float | None = None,
    window: int | None = None,
    softcap: float | None = None,
) -> Tensor:
    """softmax(scale · q kᵀ) v, where a token sees itself and the earlier tokens of its own sequence.

    query: (tokens, heads, head_dim). key, value: (tokens, kv_heads, head_dim), kv_heads a divisor of heads. fp32 or bf16, all the same.
    cu_seqlens: (sequences + 1,) int32, where each packed sequence begins, from 0, and at last the number of tokens. scale: 1 / √head_dim
    where None. window: how many tokens a token sees, itself included. softcap: scores are softcap · tanh(score / softcap) first.
    Returns the shape and dtype of query. Raises ShapeError.
    """
    require_floats("attention_varlen", query=query, key=key, value=value)
    for name, x in (("query", query), ("key", key), ("value", value)):
        if x.dim() != 3:
            raise ShapeError(f"attention_varlen: {name} {tuple(x.shape)} must be (tokens, heads, head_dim)")
        if x.dtype != query.dtype:
            raise ShapeError(f"attention_varlen: {name} is {x.dtype}, query is {query.dtype}")
        if x.shape[0] != query.shape[0] or x.shape[2] != query.shape[2] or (name == "value" and x.shape != key.shape):
            raise ShapeError(
                f"attention_varlen: {name} {tuple(x.shape)} does not fit query {tuple(query.shape)} and key {tuple(key.shape)}"
            )
    tokens, heads, head_dim = query.shape
    factor = 1 / math.sqrt(head_dim) if scale is None else scale
    y = attention(torch.cat((query, key, value), 1), cu_seqlens, heads, key.shape[1], factor, None, window, softcap)
    return y.view(tokens, heads, head_dim)
