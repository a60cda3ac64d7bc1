# pyright: reportCallIssue=false
"""RMSNorm of single heads in a fused qkv buffer: queries and keys have a weight each, values are left alone. Formula and reference:
ayar/ops/head_norm.py."""

from typing import Any

import triton
import triton.language as tl


@triton.jit
def _heads_here(tokens, heads, width, BLOCK_ROWS: tl.constexpr, BLOCK: tl.constexpr):
    """Of this program's rows: token, head, dimensions, which rows there are, and which elements."""
    index = tl.program_id(0).to(tl.int64) * BLOCK_ROWS + tl.arange(0, BLOCK_ROWS)
    token, dim = index // heads, tl.arange(0, BLOCK)
    here = token < tokens
    return token, index % heads, dim, here, here[:, None] & (dim < width)[None, :]


@triton.jit
def normalize_heads(
    x_ptr, weight_ptr, y_ptr, rstd_ptr, tokens, heads, turned, width, eps, stride_x, stride_x_head, stride_y, stride_y_head,
    BLOCK_ROWS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """A row is one head of one token; those from head ``turned`` on are copied."""
    token, head, dim, here, mask = _heads_here(tokens, heads, width, BLOCK_ROWS, BLOCK)
    is_normed = head < turned
    x = tl.load(x_ptr + token[:, None] * stride_x + head[:, None] * stride_x_head + dim[None, :], mask, other=0.0).to(tl.float32)
    rstd = 1 / tl.sqrt(tl.sum(x * x, 1) / width + eps)
    weight = tl.load(weight_ptr + head[:, None] * width + dim[None, :], mask & is_normed[:, None], other=0.0)
    y = tl.where(is_normed[:, None], x * rstd[:, None] * weight, x)
    tl.store(y_ptr + token[:, None] * stride_y + head[:, None] * stride_y_head + dim[None, :], y.to(y_ptr.dtype.element_ty), mask)
    tl.store(rstd_ptr + token * turned + head, rstd, here & is_normed)


@triton.jit
def normalize_heads_backward(
    dy_ptr, x_ptr, weight_ptr, rstd_ptr, dx_ptr, tokens, heads, turned, width, stride_dy, stride_dy_head, stride_x, stride_x_head, stride_dx,
    stride_dx_head, BLOCK_ROWS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """dx = rstd · (g − n · mean(g · n)) with g = dy · weight, n = x · rstd, of each head that has a norm. dx may be dy."""
    token, head, dim, here, mask = _heads_here(tokens, heads, width, BLOCK_ROWS, BLOCK)
    is_normed = head < turned
    dy = tl.load(dy_ptr + token[:, None] * stride_dy + head[:, None] * stride_dy_head + dim[None, :], mask, other=0.0).to(tl.float32)
    normed = mask & is_normed[:, None]
    rstd = tl.load(rstd_ptr + token * turned + head, here & is_normed, other=0.0)
    x = tl.load(x_ptr + token[:, None] * stride_x + head[:, None] * stride_x_head + dim[None, :], normed, other=0.0).to(tl.float32)
    n = x * rstd[:, None]
    g = dy * tl.load(weight_ptr + head[:, None] * width + dim[None, :], normed, other=0.0)
    dx = tl.where(is_normed[:, None], rstd[:, None] * (g - n * (tl.sum(g * n, 1) / width)[:, None]), dy)
    tl.store(dx_ptr + token[:, None] * stride_dx + head[:, None] * stride_dx_head + dim[None, :], dx.to(dx_ptr.dtype.element_ty), mask)


def launch_normalize_heads(x: Any, weight: Any, eps: float, y: Any, rstd: Any) -> None:
    """y, rstd of x (tokens, heads, width); tokens and heads may lie apart. weight: (normed heads, width) fp32, contiguous. rstd: (tokens,
    normed heads) fp32, contiguous. y: the further heads as they are."""
    tokens, heads, width = x.shape
    if tokens == 0:
        return
    block = triton.next_power_of_2(width)
    rows = max(1, 2048 // block)
    normalize_heads[(triton.cdiv(tokens * heads, rows),)](
        x, weight, y, rstd, tokens, heads, len(weight), width, eps, x.stride(0), x.stride(1), y.stride(0), y.stride(1),
        BLOCK_ROWS=rows, BLOCK=block, num_warps=4,
    )  # fmt: skip


def launch_normalize_heads_backward(dy: Any, x: Any, weight: Any, rstd: Any, dx: Any) -> None:
    """dx, which may be dy, from dy and what the forward pass took and left."""
    tokens, heads, width = x.shape
    if tokens == 0:
        return
    block = triton.next_power_of_2(width)
    rows = max(1, 2048 // block)
    normalize_heads_backward[(triton.cdiv(tokens * heads, rows),)](
        dy, x, weight, rstd, dx, tokens, heads, len(weight), width, dy.stride(0), dy.stride(1), x.stride(0), x.stride(1), dx.stride(0),
        dx.stride(1), BLOCK_ROWS=rows, BLOCK=block, num_warps=4,
    )  # fmt: skip
