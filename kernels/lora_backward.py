# pyright: reportCallIssue=false, reportMissingImports=false
"""Gradients of the low-rank factors: v = s · dy B and dB = s · dyᵀ u in one read of dy, dA = vᵀ x in one read of x.

Formula and reference: ayar/ops/lora_linear.py. Sums over rows are split among programs and added in a fixed order.
"""

from typing import Any

import triton
import triton.language as tl

from ayar.kernels.chip import chip_of
from ayar.kernels.partial_sums import add_partials, row_splits
from ayar.kernels.philox import Masks, _masked_scale


@triton.jit
def output_gradient(
    dy_ptr, u_ptr, lora_b_ptr, v_partial_ptr, db_partial_ptr, rows, cols, rank, rows_each, stride_dy, stride_u, stride_b,
    RANK: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr,
):  # fmt: skip
    """One program: BLOCK_N columns of dy over the rows of a split. dB stays in registers, v is a sum over the blocks of columns."""
    column_split, split = tl.program_id(0).to(tl.int64), tl.program_id(1).to(tl.int64)
    col = column_split * BLOCK_N + tl.arange(0, BLOCK_N)
    ranks = tl.arange(0, RANK)
    b_mask = (col < cols)[:, None] & (ranks < rank)[None, :]
    b = tl.load(lora_b_ptr + col[:, None] * stride_b + ranks[None, :], b_mask, other=0.0).to(dy_ptr.dtype.element_ty)
    db = tl.zeros((BLOCK_N, RANK), tl.float32)
    last = tl.minimum((split + 1) * rows_each, rows)
    for start in range(0, rows_each, BLOCK_M):
        row = split * rows_each + start + tl.arange(0, BLOCK_M)
        here = (row < last)[:, None]
        dy = tl.load(dy_ptr + row[:, None] * stride_dy + col[None, :], here & (col < cols)[None, :], other=0.0)
        u = tl.load(u_ptr + row[:, None] * stride_u + ranks[None, :], here & (ranks < rank)[None, :], other=0.0)
        v = tl.dot(dy, b, input_precision="ieee")
        db = tl.dot(tl.trans(dy), u.to(dy.dtype), db, input_precision="ieee")
        tl.store(v_partial_ptr + (column_split * rows + row)[:, None] * RANK + ranks[None, :], v, here)
    tl.store(db_partial_ptr + (split * cols + col)[:, None] * RANK + ranks[None, :], db, (col < cols)[:, None])


@triton.jit
def input_gradient(
    v_ptr, x_ptr, row_scale_ptr, partial_ptr, draw_ptr, rows, cols, rank, rows_each, stride_v, stride_x, seed, stream, threshold, kept_scale,
    RANK: tl.constexpr, HAS_ROW_SCALE: tl.constexpr, HAS_DROPOUT: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_K: tl.constexpr,
):  # fmt: skip
    """partial[split] (RANK, cols) = (row_scale · v)ᵀ (mask · x) over the split's rows. One program a block of columns and a split."""
    col = tl.program_id(0) * BLOCK_K + tl.arange(0, BLOCK_K)
    split = tl.program_id(1).to(tl.int64)
    first = split * rows_each
    last = tl.minimum(first + rows_each, rows)
    ranks = tl.arange(0, RANK)
    da = tl.zeros((BLOCK_K, RANK), tl.float32)
    for start in range(0, rows_each, BLOCK_M):
        row = first + start + tl.arange(0, BLOCK_M)
        x = tl.load(x_ptr + row[:, None] * stride_x + col[None, :], (row < last)[:, None] & (col < cols)[None, :], other=0.0)
        v = tl.load(v_ptr + row[:, None] * stride_v + ranks[None, :], (row < last)[:, None] & (ranks < rank)[None, :], other=0.0)
        if HAS_ROW_SCALE:
            v = (v.to(tl.float32) * tl.load(row_scale_ptr + row, row < last, other=0.0)[:, None]).to(x.dtype)
        if HAS_DROPOUT:
            first_col = tl.program_id(0) * BLOCK_K
            x = (x.to(tl.float32) * _masked_scale(seed, tl.load(draw_ptr), stream, row, first_col, threshold, kept_scale, BLOCK_K)).to(
                x.dtype
            )
        da = tl.dot(tl.trans(x), v.to(x.dtype), da, input_precision="ieee")
    tl.store(partial_ptr + (split * RANK + ranks)[None, :] * cols + col[:, None], da, (col < cols)[:, None])


def launch_output_gradient(dy: Any, u: Any, lora_B: Any, scaling: float, v: Any, dlora_B: Any) -> None:
    """v (rows, rank) = scaling · dy lora_B in the dtype of v, and dlora_B (cols, rank) fp32 = scaling · dyᵀ u.

    dy: (rows, cols), u: (rows, rank), both of one dtype; rows may lie apart. lora_B: (cols, rank).
    """
    rows, cols = dy.shape
    rank = lora_B.shape[1]
    padded = max(16, triton.next_power_of_2(rank))
    block_m, block_n = output_gradient_tile(chip_of(dy).shared_bytes, padded, dy.element_size())
    column_splits = triton.cdiv(cols, block_n)
    splits, rows_each = row_splits(dy, rows, column_splits, block_m)
    v_partial = dlora_B.new_empty(column_splits, rows, padded)
    db_partial = dlora_B.new_empty(splits, cols, padded)
    if rows:
        output_gradient[(column_splits, splits)](
            dy, u, lora_B, v_partial, db_partial, rows, cols, rank, rows_each, dy.stride(0), u.stride(0), lora_B.stride(0),
            RANK=padded, BLOCK_M=block_m, BLOCK_N=block_n, num_warps=8, num_stages=2,
        )  # fmt: skip
    add_partials(v_partial, v, scaling)
    add_partials(db_partial, dlora_B, scaling)


def output_gradient_tile(shared_limit: int, rank: int, element_size: int) -> tuple[int, int]:
    """(rows, columns): wide, for few partial sums of v, as far as two stages of dy, the factors and dB's registers allow."""
    for block_m, block_n in ((64, 512), (64, 256), (32, 256)):
        if (2 * block_m * block_n + (2 * block_m + block_n) * rank) * element_size <= shared_limit and block_n * rank <= 512 * 16:
            return block_m, block_n
    return 32, 128


def launch_input_gradient(
    v: Any, x: Any, row_scale: Any, column_scale: Any, dlora_A: Any, masks: Masks | None = None, stream: int = 0
) -> None:
    """dlora_A (rank, cols) fp32 = (row_scale · v)ᵀ (x · column_scale), where x is masked as the forward pass masked it.

    v: (rows, at least rank), x: (rows, cols), of one dtype. With row_scale = rstd and column_scale = the norm's weight, x is what was
    normalised, and the normalised x need not exist.
    """
    rows, cols = x.shape
    rank = dlora_A.shape[0]
    padded = max(16, triton.next_power_of_2(rank))
    splits, rows_each = row_splits(x, rows, triton.cdiv(cols, 128), 64)
    partial = dlora_A.new_empty(splits, padded, cols)
    if rows:
        input_gradient[(triton.cdiv(cols, 128), splits)](
            v, x, x if row_scale is None else row_scale, partial, x if masks is None else masks.draw,
            rows, cols, rank, rows_each, v.stride(0), x.stride(0),
            *((0, 0, 0, 1.0) if masks is None else (masks.seed, stream, masks.threshold, masks.kept_scale)),
            RANK=padded, HAS_ROW_SCALE=row_scale is not None, HAS_DROPOUT=masks is not None, BLOCK_M=64, BLOCK_K=128,
            num_warps=4 if padded <= 16 and masks is None else 8, num_stages=3 if masks is None else 2,  # three spill on sm_100
        )  # fmt: skip
    add_partials(partial, dlora_A, 1.0, column_scale)
