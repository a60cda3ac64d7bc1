# pyright: reportCallIssue=false, reportMissingImports=false
"""Sums over rows, split among programs and then added in a fixed order: as fast as atomics, and the same bits every time."""

from typing import Any

import triton
import triton.language as tl

from ayar.kernels.chip import chip_of


@triton.jit
def sum_partials(
    partial_ptr,
    scale_ptr,
    out_ptr,
    splits,
    rows,
    cols,
    padded_cols,
    stride_split,
    scaling,
    stride_out,
    HAS_SCALE: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """out[row, col] = scaling · scale[col] · Σ over splits, in their order, of partial[split, row, col]."""
    position = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    row, col = position // padded_cols, position % padded_cols
    inside = row < rows
    partial_ptrs = partial_ptr + position
    total = tl.zeros((BLOCK,), tl.float32)
    for _ in range(splits):
        total += tl.load(partial_ptrs, inside, other=0.0)
        partial_ptrs += stride_split
    total *= scaling
    if HAS_SCALE:
        total *= tl.load(scale_ptr + col, inside & (col < cols), other=0.0)
    tl.store(out_ptr + row * stride_out + col, total.to(out_ptr.dtype.element_ty), inside & (col < cols))


def add_partials(partial: Any, out: Any, scaling: float, scale: Any = None) -> None:
    """out (rows, cols) = scaling · scale · Σ partial. partial: (splits, rows or more, cols or more) fp32, contiguous. scale: (cols,) fp32 or None."""
    splits, _, padded_cols = partial.shape
    rows, cols = out.shape
    if rows == 0 or cols == 0:
        return
    sum_partials[(triton.cdiv(rows * padded_cols, 1024),)](
        partial, partial if scale is None else scale, out, splits, rows, cols, padded_cols, partial.stride(0), scaling, out.stride(0),
        HAS_SCALE=scale is not None, BLOCK=1024, num_warps=4,
    )  # fmt: skip


def row_splits(x: Any, rows: int, other_programs: int, block: int) -> tuple[int, int]:
    """(splits, rows of each, a multiple of ``block``): enough programs to fill the chip, yet few partial sums.

    Depends on shapes and chip alone, so equal inputs give equal bits. No rows: no splits.
    """
    if rows == 0:
        return 0, block
    wanted = triton.cdiv(chip_of(x).multiprocessors, max(1, other_programs))
    blocks = triton.cdiv(rows, block)
    each = triton.cdiv(blocks, min(wanted, blocks)) * block
    return triton.cdiv(rows, each), each
