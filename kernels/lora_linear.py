# pyright: reportCallIssue=false
"""LoRA linear, forward: y = [x | u] · [W | sB]ᵀ with u = x Aᵀ. Formula and reference: ayar/ops/lora_linear.py.

The adapter is one more step of the GEMM's K loop, so y is written and rounded once. u has a small kernel of its own: computing it
in the GEMM would repeat it in every column block of y, r / BLOCK_N of the GEMM's work, for a pass over x that the cache mostly serves.
"""

from typing import Any, NamedTuple

import triton
import triton.language as tl


class Tiles(NamedTuple):
    """The shape of one program's work, and how it is pipelined."""

    block_m: int
    block_n: int
    block_k: int
    num_warps: int
    num_stages: int

    def shared_bytes(self, element_size: int) -> int:
        """Shared memory that the pipelined tiles of x and W take."""
        return (self.block_m + self.block_n) * self.block_k * element_size * self.num_stages


LARGE = Tiles(128, 128, 64, 8, 3)  # sm_80, sm_90, sm_100
SMALL = Tiles(64, 128, 32, 4, 4)  # sm_86, sm_89, sm_120: 99 KB of shared memory a block, and few rows anywhere


def tiles(rows: int, element_size: int, shared_limit: int) -> Tiles:
    """LARGE where there are rows to fill it and the chip holds its tiles (``shared_limit`` bytes a block), else SMALL."""
    return LARGE if rows >= 256 and LARGE.shared_bytes(element_size) <= shared_limit else SMALL


@triton.jit
def down_projection(
    x_ptr, lora_a_ptr, u_ptr, rows, K, stride_x, stride_u, RANK: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_K: tl.constexpr
):
    """u (rows, RANK) = x Aᵀ: one program a block of rows."""
    row = tl.program_id(0).to(tl.int64) * BLOCK_M + tl.arange(0, BLOCK_M)
    rank = tl.arange(0, RANK)
    depth = tl.arange(0, BLOCK_K)
    u = tl.zeros((BLOCK_M, RANK), tl.float32)
    for start in range(0, K, BLOCK_K):
        inside = start + depth < K
        x = tl.load(x_ptr + row[:, None] * stride_x + (start + depth)[None, :], (row < rows)[:, None] & inside[None, :], other=0.0)
        a = tl.load(lora_a_ptr + rank[None, :] * K + (start + depth)[:, None], inside[:, None], other=0.0)
        u = tl.dot(x, a.to(x.dtype), u, input_precision="ieee")
    tl.store(u_ptr + row[:, None] * stride_u + rank[None, :], u.to(u_ptr.dtype.element_ty), (row < rows)[:, None])


@triton.jit
def bordered_gemm(
    x_ptr, weight_ptr, u_ptr, lora_b_ptr, y_ptr, scaling, rows, N, K, stride_x, stride_u, stride_y,
    RANK: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr, GROUP_M: tl.constexpr,
):  # fmt: skip
    """y (rows, N) = x Wᵀ + u (sB)ᵀ: one program a tile of y; tiles are visited in groups of rows so that W stays in L2."""
    row_blocks, column_blocks = tl.cdiv(rows, BLOCK_M), tl.cdiv(N, BLOCK_N)
    program = tl.program_id(0)
    group = program // (GROUP_M * column_blocks)
    first_block = group * GROUP_M
    group_size = tl.minimum(row_blocks - first_block, GROUP_M)
    row_block = first_block + (program % (GROUP_M * column_blocks)) % group_size
    column_block = (program % (GROUP_M * column_blocks)) // group_size

    row = row_block.to(tl.int64) * BLOCK_M + tl.arange(0, BLOCK_M)  # int32 overflows at 2**31 elements
    column = column_block.to(tl.int64) * BLOCK_N + tl.arange(0, BLOCK_N)
    depth = tl.arange(0, BLOCK_K)
    x_ptrs = x_ptr + row[:, None] * stride_x + depth[None, :]
    weight_ptrs = weight_ptr + column[None, :] * K + depth[:, None]

    y = tl.zeros((BLOCK_M, BLOCK_N), tl.float32)
    for start in range(0, K, BLOCK_K):
        inside = start + depth < K
        x = tl.load(x_ptrs, (row < rows)[:, None] & inside[None, :], other=0.0)
        weight = tl.load(weight_ptrs, (column < N)[None, :] & inside[:, None], other=0.0)
        y = tl.dot(x, weight, y, input_precision="ieee")
        x_ptrs += BLOCK_K
        weight_ptrs += BLOCK_K

    rank = tl.arange(0, RANK)  # after the loop: a dot before it keeps its tiles in shared memory for the whole loop on sm_90
    u = tl.load(u_ptr + row[:, None] * stride_u + rank[None, :], (row < rows)[:, None], other=0.0)
    lora_b = tl.load(lora_b_ptr + column[None, :] * RANK + rank[:, None], (column < N)[None, :], other=0.0)
    y = tl.dot(u, (lora_b.to(tl.float32) * scaling).to(u.dtype), y, input_precision="ieee")
    tl.store(y_ptr + row[:, None] * stride_y + column[None, :], y.to(y_ptr.dtype.element_ty), (row < rows)[:, None] & (column < N)[None, :])


def lora_linear_forward(
    x: Any, weight: Any, lora_A: Any, lora_B: Any, scaling: float, u: Any, y: Any, shared_limit: int = 99 * 1024
) -> None:
    """Writes u = x Aᵀ and y = x Wᵀ + scaling · u Bᵀ.

    x: (rows, K), rows may lie apart. weight: (N, K). lora_A: (R, K), lora_B: (N, R), contiguous; R a power of two of at least 16 (tl.dot
    takes no less: pad with zeros, which is exact). Projections that share x stand side by side, B block-diagonal. u: (rows, R).
    y: (rows, N) of the dtype of x.
    """
    rows, depth = x.shape
    columns, rank = lora_B.shape
    if rows == 0:
        return
    shape = tiles(rows, x.element_size(), shared_limit)
    down_projection[(triton.cdiv(rows, 64),)](
        x, lora_A, u, rows, depth, x.stride(0), u.stride(0), RANK=rank, BLOCK_M=64, BLOCK_K=64, num_warps=4, num_stages=3
    )
    bordered_gemm[(triton.cdiv(rows, shape.block_m) * triton.cdiv(columns, shape.block_n),)](
        x, weight, u, lora_B, y, scaling, rows, columns, depth, x.stride(0), u.stride(0), y.stride(0),
        RANK=rank, BLOCK_M=shape.block_m, BLOCK_N=shape.block_n, BLOCK_K=shape.block_k, GROUP_M=8,
        num_warps=shape.num_warps, num_stages=shape.num_stages,
    )  # fmt: skip
