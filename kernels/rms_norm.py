# pyright: reportCallIssue=false, reportMissingImports=false
"""RMSNorm with its neighbours: the residual is added before, u = y Aᵀ of the adapters that read y is computed beside it.

y is written into rows with spare columns and u into those, so that the product that follows takes [y | u] at once. Formula and
reference: ayar/ops/rms_norm.py, ayar/ops/lora_linear.py.
"""

from typing import Any

import triton
import triton.language as tl

from ayar.kernels.partial_sums import add_partials, row_splits


@triton.jit
def norm_project(
    x_ptr, delta_ptr, weight_ptr, lora_a_ptr, y_ptr, u_ptr, rstd_ptr, sum_ptr, rows, cols, rank, eps,
    stride_x, stride_delta, stride_a, stride_y, stride_u, stride_sum,
    HAS_DELTA: tl.constexpr, NORMALIZE: tl.constexpr, RANK: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_K: tl.constexpr,
):  # fmt: skip
    """sum = x + delta; y = sum · rstd · weight (or sum itself); u = y Aᵀ. One program a block of rows, two passes, the second from cache."""
    row = tl.program_id(0).to(tl.int64) * BLOCK_M + tl.arange(0, BLOCK_M)  # int32 overflows at 2**31 elements
    depth = tl.arange(0, BLOCK_K)
    here = (row < rows)[:, None]
    rstd = tl.zeros((BLOCK_M,), tl.float32)
    if NORMALIZE:
        squares = tl.zeros((BLOCK_M, BLOCK_K), tl.float32)
        for start in range(0, cols, BLOCK_K):
            mask = here & (start + depth < cols)[None, :]
            x = tl.load(x_ptr + row[:, None] * stride_x + (start + depth)[None, :], mask, other=0.0)
            if HAS_DELTA:
                x += tl.load(delta_ptr + row[:, None] * stride_delta + (start + depth)[None, :], mask, other=0.0)
            squares += x.to(tl.float32) * x.to(tl.float32)
        rstd = 1 / tl.sqrt(tl.sum(squares, 1) / cols + eps)
        tl.store(rstd_ptr + row, rstd, row < rows)
    u = tl.zeros((BLOCK_M, RANK if RANK else 16), tl.float32)
    ranks = tl.arange(0, RANK if RANK else 16)
    for start in range(0, cols, BLOCK_K):
        inside = start + depth < cols
        mask = here & inside[None, :]
        y = tl.load(x_ptr + row[:, None] * stride_x + (start + depth)[None, :], mask, other=0.0)
        if HAS_DELTA:
            y += tl.load(delta_ptr + row[:, None] * stride_delta + (start + depth)[None, :], mask, other=0.0)
            tl.store(sum_ptr + row[:, None] * stride_sum + (start + depth)[None, :], y, mask)
        if NORMALIZE:
            weight = tl.load(weight_ptr + start + depth, inside, other=0.0)
            y = (y.to(tl.float32) * rstd[:, None] * weight[None, :]).to(y_ptr.dtype.element_ty)
        tl.store(y_ptr + row[:, None] * stride_y + (start + depth)[None, :], y, mask)
        if RANK:
            a = tl.load(
                lora_a_ptr + ranks[None, :] * stride_a + (start + depth)[:, None], (ranks < rank)[None, :] & inside[:, None], other=0.0
            )
            u = tl.dot(y, a.to(y.dtype), u, input_precision="ieee")
    if RANK:  # columns from rank to RANK get zeros: the spare columns of a row are never read unwritten
        tl.store(u_ptr + row[:, None] * stride_u + ranks[None, :], u.to(u_ptr.dtype.element_ty), here)


@triton.jit
def norm_backward(
    dy_ptr, x_ptr, weight_ptr, rstd_ptr, dsum_ptr, dx_ptr, cols, stride_dy, stride_x, stride_dsum, stride_dx,
    HAS_DSUM: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """dx = rstd · (g − n · mean(g · n)) + dsum with g = dy · weight, n = x · rstd. One program a row."""
    row = tl.program_id(0).to(tl.int64)
    col = tl.arange(0, BLOCK)
    mask = col < cols
    rstd = tl.load(rstd_ptr + row)
    normed = tl.load(x_ptr + row * stride_x + col, mask, other=0.0).to(tl.float32) * rstd
    g = tl.load(dy_ptr + row * stride_dy + col, mask, other=0.0).to(tl.float32) * tl.load(weight_ptr + col, mask, other=0.0)
    dx = rstd * (g - normed * (tl.sum(g * normed, 0) / cols))
    if HAS_DSUM:
        dx += tl.load(dsum_ptr + row * stride_dsum + col, mask, other=0.0).to(tl.float32)
    tl.store(dx_ptr + row * stride_dx + col, dx.to(dx_ptr.dtype.element_ty), mask)


@triton.jit
def norm_weight_partials(
    dy_ptr, x_ptr, rstd_ptr, partial_ptr, rows, cols, rows_each, stride_dy, stride_x, BLOCK_M: tl.constexpr, BLOCK_K: tl.constexpr
):
    """partial[split, col] = Σ over the split's rows of dy · x · rstd."""
    col = tl.program_id(0) * BLOCK_K + tl.arange(0, BLOCK_K)
    first = tl.program_id(1).to(tl.int64) * rows_each
    total = tl.zeros((BLOCK_K,), tl.float32)
    for start in range(0, rows_each, BLOCK_M):
        row = first + start + tl.arange(0, BLOCK_M)
        here = row < tl.minimum(first + rows_each, rows)
        mask = here[:, None] & (col < cols)[None, :]
        dy = tl.load(dy_ptr + row[:, None] * stride_dy + col[None, :], mask, other=0.0).to(tl.float32)
        x = tl.load(x_ptr + row[:, None] * stride_x + col[None, :], mask, other=0.0).to(tl.float32)
        total += tl.sum(dy * x * tl.load(rstd_ptr + row, here, other=0.0)[:, None], 0)
    tl.store(partial_ptr + tl.program_id(1).to(tl.int64) * cols + col, total, col < cols)


def launch_norm_project(x: Any, delta: Any, weight: Any, eps: float, lora_A: Any, y: Any, u: Any, rstd: Any, total: Any) -> None:
    """total = x + delta (delta None: none); y = RMSNorm(total) · weight (weight None: total itself); u = y lora_Aᵀ (None: none).

    x, delta, total, y: (rows, cols) of one dtype; rows may lie apart. weight: (cols,) fp32. rstd: (rows,) fp32.
    lora_A: (rank, cols), rank at most 64. u: (rows, at least rank rounded up to a power of two from 16); its further columns get 0.
    """
    rows, cols = x.shape
    if rows == 0:
        return
    rank = 0 if lora_A is None else lora_A.shape[0]
    padded = 0 if lora_A is None else max(16, triton.next_power_of_2(rank))
    norm_project[(triton.cdiv(rows, 16),)](
        x, x if delta is None else delta, x if weight is None else weight, x if lora_A is None else lora_A, y, x if u is None else u,
        x if rstd is None else rstd, x if total is None else total, rows, cols, rank, eps,
        x.stride(0), 0 if delta is None else delta.stride(0), 0 if lora_A is None else lora_A.stride(0), y.stride(0),
        0 if u is None else u.stride(0), 0 if total is None else total.stride(0),
        HAS_DELTA=delta is not None, NORMALIZE=weight is not None, RANK=padded, BLOCK_M=16, BLOCK_K=256 if padded == 0 else 128, num_warps=4,
    )  # fmt: skip


def launch_norm_backward(dy: Any, x: Any, weight: Any, rstd: Any, dsum: Any, dx: Any) -> None:
    """dx = the gradient of RMSNorm for dy, plus dsum (None: nothing), the gradient that reached x itself. dx may be dy or dsum."""
    rows, cols = x.shape
    if rows == 0:
        return
    block = triton.next_power_of_2(cols)
    norm_backward[(rows,)](
        dy, x, weight, rstd, dy if dsum is None else dsum, dx, cols, dy.stride(0), x.stride(0), 0 if dsum is None else dsum.stride(0),
        dx.stride(0), HAS_DSUM=dsum is not None, BLOCK=block, num_warps=min(16, max(1, block // 512)),
    )  # fmt: skip


def launch_norm_weight_gradient(dy: Any, x: Any, rstd: Any, dweight: Any) -> None:
    """dweight (cols,) fp32 = Σ over rows of dy · x · rstd."""
    rows, cols = x.shape
    splits, rows_each = row_splits(x, rows, triton.cdiv(cols, 128), 32)
    partial = dweight.new_empty(splits, 1, cols)
    if rows:
        norm_weight_partials[(triton.cdiv(cols, 128), splits)](
            dy, x, rstd, partial, rows, cols, rows_each, dy.stride(0), x.stride(0), BLOCK_M=32, BLOCK_K=128, num_warps=4
        )
    add_partials(partial, dweight[None], 1.0)
