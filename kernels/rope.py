# pyright: reportCallIssue=false
"""Rotary position embedding, "rotate half", on the first heads of a fused qkv buffer, in place or not. Formula and reference: ayar/ops/rope.py."""

from typing import Any

import triton
import triton.language as tl


@triton.jit
def rotate_heads(
    source_ptr, out_ptr, cos_ptr, sin_ptr, position_ptr, tokens, heads, half, direction, stride_source, stride_head, stride_out, stride_out_head,
    BLOCK_ROWS: tl.constexpr, BLOCK_HALF: tl.constexpr,
):  # fmt: skip
    """A row is one head of one token; direction 1 turns, −1 turns back (the backward pass)."""
    pair = tl.program_id(0).to(tl.int64) * BLOCK_ROWS + tl.arange(0, BLOCK_ROWS)
    token, head = pair // heads, pair % heads
    here = token < tokens
    dim = tl.arange(0, BLOCK_HALF)
    mask = here[:, None] & (dim < half)[None, :]
    position = tl.load(position_ptr + token, here, other=0).to(tl.int64)
    cos = tl.load(cos_ptr + position[:, None] * half + dim[None, :], mask, other=0.0)
    sin = tl.load(sin_ptr + position[:, None] * half + dim[None, :], mask, other=0.0) * direction
    source_ptrs = source_ptr + token[:, None] * stride_source + head[:, None] * stride_head + dim[None, :]
    first = tl.load(source_ptrs, mask, other=0.0).to(tl.float32)
    second = tl.load(source_ptrs + half, mask, other=0.0).to(tl.float32)
    out_ptrs = out_ptr + token[:, None] * stride_out + head[:, None] * stride_out_head + dim[None, :]
    tl.store(out_ptrs, (first * cos - second * sin).to(out_ptr.dtype.element_ty), mask)
    tl.store(out_ptrs + half, (second * cos + first * sin).to(out_ptr.dtype.element_ty), mask)


def launch_rotate_heads(
    source: Any, cos: Any, sin: Any, position_ids: Any, num_rotated_heads: int, backward: bool = False, out: Any = None
) -> None:
    """Turns the first heads of source (tokens, heads, head_dim), or writes them turned into ``out``; tokens and heads may lie apart.

    cos, sin: (positions, half) fp32, contiguous: dimensions i and i + half turn together, those from 2 · half on are left alone.
    """
    tokens, width = source.shape[0], cos.shape[1]
    out = source if out is None else out
    if tokens == 0 or num_rotated_heads == 0:
        return
    half = triton.next_power_of_2(width)
    rows = max(1, 2048 // half)
    rotate_heads[(triton.cdiv(tokens * num_rotated_heads, rows),)](
        source, out, cos, sin, position_ids, tokens, num_rotated_heads, width, -1.0 if backward else 1.0,
        source.stride(0), source.stride(1), out.stride(0), out.stride(1), BLOCK_ROWS=rows, BLOCK_HALF=half, num_warps=4,
    )  # fmt: skip
