# pyright: reportMissingImports=false
"""Attention on a GPU by one of two roads: PyTorch's varlen kernel for plain packing, ours for trees, caps, and everywhere else.

Plain packing has five products in PyTorch's backward pass and seven in ours, where dq, dk and dv are each summed by one program, so
that the bits are the same every time: ``torch.use_deterministic_algorithms(True)`` chooses ours.
"""

from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from ayar.kernels import attention, lora_linear, rms_norm, rope
from ayar.ops.bordered import border_of


class _Shape(Protocol):
    @property
    def num_heads(self) -> int: ...
    @property
    def num_kv_heads(self) -> int: ...
    @property
    def head_dim(self) -> int: ...
    @property
    def scale(self) -> float: ...
    @property
    def softcap(self) -> float | None: ...
    @property
    def window(self) -> int | None: ...


class Packing(NamedTuple):
    """What every layer of a step shares. cos, sin: (positions, head_dim / 2) fp32. position_ids: (tokens,) int32.

    plan: block lists of ours. cu_seqlens: (sequences + 1,) int32 and max_seqlen, for plain packing only; None for a tree.
    """

    cos: Tensor
    sin: Tensor
    position_ids: Tensor
    plan: Any
    cu_seqlens: Tensor | None = None
    max_seqlen: int = 0


def takes_library(x: Tensor, packing: Packing, shape: _Shape) -> bool:
    """Whether PyTorch's kernel can do this, and is the better road."""
    can = x.is_cuda and x.dtype in (torch.bfloat16, torch.float16) and torch.cuda.get_device_capability(x.device) >= (8, 0)
    can = can and packing.cu_seqlens is not None and shape.softcap is None and shape.window is None and shape.head_dim <= 256
    return can and shape.head_dim % 8 == 0 and not torch.are_deterministic_algorithms_enabled()


def attention_forward(qkv: Tensor, packing: Packing, shape: _Shape, y: Tensor, lora_A: Tensor | None) -> Tensor:
    """Writes y (tokens, num_heads · head_dim), bordered rows, and u = y lora_Aᵀ into their spare columns; returns the logsumexp.

    qkv: (tokens, heads, head_dim), queries and keys rotated. lora_A: (rank, num_heads · head_dim), rank at most 64, or None.
    """
    border = None if lora_A is None else border_of(y, lora_linear.padded_rank(len(lora_A)))
    if takes_library(qkv, packing, shape):
        query, key, value = qkv.split((shape.num_heads, shape.num_kv_heads, shape.num_kv_heads), dim=1)
        output, logsumexp, *_ = torch.ops.aten._flash_attention_forward(
            query, key, value, packing.cu_seqlens, packing.cu_seqlens, packing.max_seqlen, packing.max_seqlen, 0.0, True,
            return_debug_mask=False, scale=shape.scale,
        )  # fmt: skip
        rms_norm.launch_norm_project(output.flatten(1), None, None, 0.0, lora_A, y, border, None, None)  # one pass: a copy, and u
        return logsumexp
    logsumexp = qkv.new_empty(qkv.shape[0], shape.num_heads, dtype=torch.float32)
    attention.launch_attention_forward(
        qkv, packing.plan, shape.num_heads, shape.num_kv_heads, shape.scale, shape.softcap, shape.window, y, logsumexp
    )
    if lora_A is not None:
        lora_linear.launch_down_projection(y, lora_A, border)
    return logsumexp


def attention_backward(dy: Tensor, qkv: Tensor, y: Tensor, logsumexp: Tensor, packing: Packing, shape: _Shape, dqkv: Tensor) -> None:
    """Writes dqkv (tokens, heads · head_dim), whose rows may lie apart, the rotation undone."""
    by_head = dqkv.unflatten(1, (-1, shape.head_dim))
    heads = (shape.num_heads, shape.num_kv_heads, shape.num_kv_heads)
    if not takes_library(qkv, packing, shape):
        attention.launch_attention_backward(
            dy, qkv, y, logsumexp, packing.plan, shape.num_heads, shape.num_kv_heads, shape.scale, shape.softcap, shape.window, by_head
        )
        rope.launch_rotate_heads(by_head, packing.cos, packing.sin, packing.position_ids, sum(heads[:2]), backward=True)
        return
    query, key, value = qkv.split(heads, dim=1)
    random_state, unused = torch.zeros(2, dtype=torch.uint64, device=qkv.device), torch.empty(0, device=qkv.device)
    dquery, dkey, dvalue = torch.ops.aten._flash_attention_backward(
        dy.unflatten(1, query.shape[1:]), query, key, value, y.unflatten(1, query.shape[1:]), logsumexp, packing.cu_seqlens, packing.cu_seqlens,
        packing.max_seqlen, packing.max_seqlen, 0.0, True, random_state, unused, scale=shape.scale,
    )  # fmt: skip
    query_rows, key_rows, value_rows = by_head.split(heads, dim=1)
    for gradient, rows in ((dquery, query_rows), (dkey, key_rows)):
        rows[..., 2 * packing.cos.shape[1] :] = gradient[..., 2 * packing.cos.shape[1] :]  # heads that are turned in part
        rope.launch_rotate_heads(gradient, packing.cos, packing.sin, packing.position_ids, gradient.shape[1], backward=True, out=rows)
    value_rows.copy_(dvalue)
