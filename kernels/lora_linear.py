# pyright: reportCallIssue=false, reportMissingImports=false
"""LoRA linear as one product: y = [x | u] · [W | sB]ᵀ with u = x Aᵀ, and dx = [dy | v] · [W ; A]. Formula: ayar/ops/lora_linear.py.

The adapter is one more step of the K loop, so y is written and rounded once. W is bf16, or NF4 or int8 that is dequantized inside the
loop: for few rows, where reading W decides. (For many rows a library's product on a bordered buffer is faster: ops/gpu_roads.py.)
u has a small kernel of its own: computing it in the product would repeat it in every column block of y.
"""

from typing import Any, NamedTuple

import triton
import triton.language as tl

from ayar.kernels.chip import chip_of
from ayar.kernels.philox import Masks, _masked_scale

PLAIN, NF4, INT8 = 0, 1, 2  # how W is stored


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
FEW = Tiles(16, 64, 64, 4, 3)  # a handful of rows: W is read once, many programs read it
MASKED = Tiles(64, 128, 64, 8, 3)  # dropout: the mask's arithmetic needs registers too
QUANTIZED = Tiles(64, 64, 64, 4, 3)  # one absmax a row and step: blocks of 64 along K


def tiles(rows: int, element_size: int, shared_limit: int, storage: int = PLAIN, is_masked: bool = False) -> Tiles:
    """LARGE where there are rows to fill it and the chip holds its tiles (``shared_limit`` bytes a block), else smaller ones."""
    if rows <= 16:
        return FEW
    if storage != PLAIN:
        return QUANTIZED._replace(num_warps=8) if is_masked else QUANTIZED  # with four, masks spill on sm_100
    if is_masked:
        return MASKED if MASKED.shared_bytes(element_size) <= shared_limit else SMALL
    return LARGE if rows >= 256 and LARGE.shared_bytes(element_size) <= shared_limit else SMALL


@triton.jit
def down_projection(
    x_ptr, lora_a_ptr, u_ptr, draw_ptr, rows, K, rank, stride_x, stride_a, stride_u, seed, stream, threshold, kept_scale,
    RANK: tl.constexpr, HAS_DROPOUT: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_K: tl.constexpr,
):  # fmt: skip
    """u (rows, RANK) = (mask · x) Aᵀ: one program a block of rows."""
    row = tl.program_id(0).to(tl.int64) * BLOCK_M + tl.arange(0, BLOCK_M)
    ranks = tl.arange(0, RANK)
    depth = tl.arange(0, BLOCK_K)
    u = tl.zeros((BLOCK_M, RANK), tl.float32)
    for start in range(0, K, BLOCK_K):
        inside = start + depth < K
        x = tl.load(x_ptr + row[:, None] * stride_x + (start + depth)[None, :], (row < rows)[:, None] & inside[None, :], other=0.0)
        if HAS_DROPOUT:
            x = (x.to(tl.float32) * _masked_scale(seed, tl.load(draw_ptr), stream, row, start, threshold, kept_scale, BLOCK_K)).to(x.dtype)
        a = tl.load(lora_a_ptr + ranks[None, :] * stride_a + (start + depth)[:, None], (ranks < rank)[None, :] & inside[:, None], other=0.0)
        u = tl.dot(x, a.to(x.dtype), u, input_precision="ieee")
    tl.store(u_ptr + row[:, None] * stride_u + ranks[None, :], u.to(u_ptr.dtype.element_ty), (row < rows)[:, None])


@triton.jit
def _tile_of(program, rows, columns, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, GROUP_M: tl.constexpr):
    """The tile that a program computes: tiles are visited in groups of rows, so that W stays in L2."""
    row_blocks, column_blocks = tl.cdiv(rows, BLOCK_M), tl.cdiv(columns, BLOCK_N)
    first_block = program // (GROUP_M * column_blocks) * GROUP_M
    group_size = tl.minimum(row_blocks - first_block, GROUP_M)
    within = program % (GROUP_M * column_blocks)
    return first_block + within % group_size, within // group_size


@triton.jit
def _dequantized(code_ptrs, codebook_ptr, absmax, mask, BLOCK_ROWS: tl.constexpr, BLOCK_COLS: tl.constexpr):
    """(BLOCK_ROWS, BLOCK_COLS) fp32 from bytes (BLOCK_ROWS, BLOCK_COLS / 2), the earlier element in the high nibble."""
    code = tl.load(code_ptrs, mask, other=0x77)  # code 7 is zero
    high = tl.load(codebook_ptr + (code >> 4))
    low = tl.load(codebook_ptr + (code & 15))
    return tl.reshape(tl.join(high, low), (BLOCK_ROWS, BLOCK_COLS)) * absmax[:, None]


@triton.jit
def bordered_gemm(
    x_ptr, weight_ptr, scale_ptr, codebook_ptr, u_ptr, lora_b_ptr, y_ptr, scaling, rows, N, K, rank, stride_x, stride_w, stride_u, stride_b, stride_y,
    STORAGE: tl.constexpr, RANK: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr, GROUP_M: tl.constexpr,
):  # fmt: skip
    """y (rows, N) = x Wᵀ + u (sB)ᵀ: one program a tile of y."""
    row_block, column_block = _tile_of(tl.program_id(0), rows, N, BLOCK_M, BLOCK_N, GROUP_M)
    row = row_block.to(tl.int64) * BLOCK_M + tl.arange(0, BLOCK_M)  # int32 overflows at 2**31 elements
    column = column_block.to(tl.int64) * BLOCK_N + tl.arange(0, BLOCK_N)
    depth = tl.arange(0, BLOCK_K)
    x_ptrs = x_ptr + row[:, None] * stride_x + depth[None, :]
    y = tl.zeros((BLOCK_M, BLOCK_N), tl.float32)
    if STORAGE == 1:
        pair = tl.arange(0, BLOCK_K // 2)
        code_ptrs = weight_ptr + column[:, None] * (K // 2) + pair[None, :]
        for start in range(0, K, BLOCK_K):  # K is a multiple of BLOCK_K, the block of NF4
            x = tl.load(x_ptrs, (row < rows)[:, None], other=0.0)
            absmax = tl.load(scale_ptr + column * (K // BLOCK_K) + start // BLOCK_K, column < N, other=0.0)
            weight = _dequantized(code_ptrs, codebook_ptr, absmax, (column < N)[:, None], BLOCK_N, BLOCK_K)
            y = tl.dot(x, tl.trans(weight.to(x.dtype)), y, input_precision="ieee")
            x_ptrs += BLOCK_K
            code_ptrs += BLOCK_K // 2
    else:
        weight_ptrs = weight_ptr + column[None, :] * stride_w + depth[:, None]
        for start in range(0, K, BLOCK_K):
            inside = start + depth < K
            x = tl.load(x_ptrs, (row < rows)[:, None] & inside[None, :], other=0.0)
            weight = tl.load(weight_ptrs, (column < N)[None, :] & inside[:, None], other=0)
            y = tl.dot(x, weight.to(x.dtype), y, input_precision="ieee")
            x_ptrs += BLOCK_K
            weight_ptrs += BLOCK_K
    if STORAGE == 2:
        y *= tl.load(scale_ptr + column, column < N, other=0.0)[None, :]
    if RANK:  # after the loop: a dot before it keeps its tiles in shared memory for the whole loop on sm_90
        ranks = tl.arange(0, RANK)
        u = tl.load(u_ptr + row[:, None] * stride_u + ranks[None, :], (row < rows)[:, None] & (ranks < rank)[None, :], other=0.0)
        b_mask = (column < N)[None, :] & (ranks < rank)[:, None]
        lora_b = tl.load(lora_b_ptr + column[None, :] * stride_b + ranks[:, None], b_mask, other=0.0)
        y = tl.dot(u, (lora_b.to(tl.float32) * scaling).to(u.dtype), y, input_precision="ieee")
    tl.store(y_ptr + row[:, None] * stride_y + column[None, :], y.to(y_ptr.dtype.element_ty), (row < rows)[:, None] & (column < N)[None, :])


@triton.jit
def bordered_gemm_backward(
    dy_ptr, weight_ptr, scale_ptr, codebook_ptr, v_ptr, lora_a_ptr, dx_ptr, draw_ptr, stream_ptr,
    rows, N, K, rank, stride_dy, stride_w, stride_v, stride_a, stride_dx, seed, threshold, kept_scale,
    STORAGE: tl.constexpr, RANK: tl.constexpr, PROJECTIONS: tl.constexpr, HAS_DROPOUT: tl.constexpr,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr, GROUP_M: tl.constexpr,
):  # fmt: skip
    """dx (rows, K) = Σ over projections of mask · (v A) + dy W: the masked terms first, into the accumulators that go on with dy W."""
    row_block, column_block = _tile_of(tl.program_id(0), rows, K, BLOCK_M, BLOCK_N, GROUP_M)
    row = row_block.to(tl.int64) * BLOCK_M + tl.arange(0, BLOCK_M)
    column = column_block.to(tl.int64) * BLOCK_N + tl.arange(0, BLOCK_N)  # of x
    depth = tl.arange(0, BLOCK_K)  # of y
    dx = tl.zeros((BLOCK_M, BLOCK_N), tl.float32)
    if RANK:
        ranks = tl.arange(0, RANK)
        for projection in tl.static_range(PROJECTIONS):  # pyright: ignore[reportGeneralTypeIssues]
            v_mask = (row < rows)[:, None] & (ranks < rank)[None, :]
            v = tl.load(v_ptr + row[:, None] * stride_v + (projection * rank + ranks)[None, :], v_mask, other=0.0)
            a_mask = (ranks < rank)[:, None] & (column < K)[None, :]
            a = tl.load(lora_a_ptr + (projection * rank + ranks)[:, None] * stride_a + column[None, :], a_mask, other=0.0)
            term = tl.dot(v, a.to(v.dtype), input_precision="ieee")
            if HAS_DROPOUT:
                stream, draw = tl.load(stream_ptr + projection), tl.load(draw_ptr)
                term *= _masked_scale(seed, draw, stream, row, column_block * BLOCK_N, threshold, kept_scale, BLOCK_N)
            dx += term
    dy_ptrs = dy_ptr + row[:, None] * stride_dy + depth[None, :]
    for start in range(0, N, BLOCK_K):
        inside = start + depth < N
        dy = tl.load(dy_ptrs, (row < rows)[:, None] & inside[None, :], other=0.0)
        if STORAGE == 1:
            pair = column_block * (BLOCK_N // 2) + tl.arange(0, BLOCK_N // 2)
            code_ptrs = weight_ptr + (start + depth).to(tl.int64)[:, None] * (K // 2) + pair[None, :]
            absmax = tl.load(scale_ptr + (start + depth).to(tl.int64) * (K // BLOCK_N) + column_block, inside, other=0.0)
            weight = _dequantized(code_ptrs, codebook_ptr, absmax, inside[:, None], BLOCK_K, BLOCK_N)
        else:
            weight_ptrs = weight_ptr + (start + depth).to(tl.int64)[:, None] * stride_w + column[None, :]
            weight = tl.load(weight_ptrs, inside[:, None] & (column < K)[None, :], other=0)
        if STORAGE == 2:
            dy = (dy.to(tl.float32) * tl.load(scale_ptr + start + depth, inside, other=0.0)[None, :]).to(dy.dtype)
        dx = tl.dot(dy, weight.to(dy.dtype), dx, input_precision="ieee")
        dy_ptrs += BLOCK_K
    tl.store(
        dx_ptr + row[:, None] * stride_dx + column[None, :], dx.to(dx_ptr.dtype.element_ty), (row < rows)[:, None] & (column < K)[None, :]
    )


class Stored(NamedTuple):
    """W (N, K) as the kernels read it. data: (N, K) bf16, fp16 or fp32; or int8 with scale (N,) fp32; or NF4's bytes (N · K / 2,) with
    scale (N · K / 64,) fp32 and codebook (16,) fp32, K a multiple of 64."""

    storage: int
    data: Any
    scale: Any
    codebook: Any
    shape: tuple[int, int]

    def stride(self) -> int:
        return 0 if self.storage == NF4 else self.data.stride(0)


def padded_rank(rank: int) -> int:
    """tl.dot takes no fewer than 16 steps, and tiles are powers of two; the kernels read zeros beyond ``rank``."""
    return 0 if rank == 0 else max(16, triton.next_power_of_2(rank))


def launch_down_projection(x: Any, lora_A: Any, u: Any, masks: Masks | None = None, stream: int = 0) -> None:
    """u (rows, at least the padded rank) = (mask · x) lora_Aᵀ; its columns beyond the rank get 0. x: (rows, K), rows may lie apart.

    masks: None, nothing is left out. stream: which mask, another one for every adapter.
    """
    rows, depth = x.shape
    if rows == 0:
        return
    rank = lora_A.shape[0]
    down_projection[(triton.cdiv(rows, 64),)](
        x, lora_A, u, x if masks is None else masks.draw, rows, depth, rank, x.stride(0), lora_A.stride(0), u.stride(0),
        *((0, 0, 0, 1.0) if masks is None else (masks.seed, stream, masks.threshold, masks.kept_scale)),
        RANK=padded_rank(rank), HAS_DROPOUT=masks is not None, BLOCK_M=64, BLOCK_K=32 if masks is None else 64, num_warps=4, num_stages=3,
    )  # fmt: skip


def launch_bordered_gemm(x: Any, weight: Stored, u: Any, lora_B: Any, scaling: float, y: Any) -> None:
    """y (rows, N) = x Wᵀ + scaling · u lora_Bᵀ; lora_B None: x Wᵀ. Projections that share x stand side by side, lora_B block-diagonal.

    x: (rows, K), u: (rows, rank), of one dtype; lora_B: (N, rank), rank at most 128. Rows of all may lie apart.
    """
    rows, depth = x.shape
    columns = weight.shape[0]
    if rows == 0:
        return
    shape = tiles(rows, x.element_size(), chip_of(x).shared_bytes, weight.storage)
    rank = 0 if lora_B is None else lora_B.shape[1]
    bordered_gemm[(triton.cdiv(rows, shape.block_m) * triton.cdiv(columns, shape.block_n),)](
        x, weight.data, weight.data if weight.scale is None else weight.scale, weight.data if weight.codebook is None else weight.codebook,
        x if u is None else u, x if lora_B is None else lora_B, y, scaling, rows, columns, depth, rank,
        x.stride(0), weight.stride(), 0 if u is None else u.stride(0), 0 if lora_B is None else lora_B.stride(0), y.stride(0),
        STORAGE=weight.storage, RANK=padded_rank(rank), BLOCK_M=shape.block_m, BLOCK_N=shape.block_n, BLOCK_K=shape.block_k, GROUP_M=8,
        num_warps=shape.num_warps, num_stages=shape.num_stages,
    )  # fmt: skip


def launch_bordered_gemm_backward(
    dy: Any, weight: Stored, v: Any, lora_A: Any, dx: Any, projections: int = 1, masks: Masks | None = None, streams: Any = None
) -> None:
    """dx (rows, K) = Σ_i mask_i · (v_i A_i) + dy W; lora_A None: dy W. v: (rows, projections · rank), lora_A: (projections · rank, K).

    The masks are those of the forward pass. streams: (projections,) int32 on the device. Without masks one projection does for all.
    """
    rows, depth = dy.shape
    columns = weight.shape[1]
    if rows == 0:
        return
    shape = tiles(rows, dy.element_size(), chip_of(dy).shared_bytes, weight.storage, masks is not None)
    rank = 0 if lora_A is None else lora_A.shape[0] // projections
    bordered_gemm_backward[(triton.cdiv(rows, shape.block_m) * triton.cdiv(columns, shape.block_n),)](
        dy, weight.data, weight.data if weight.scale is None else weight.scale, weight.data if weight.codebook is None else weight.codebook,
        dy if v is None else v, dy if lora_A is None else lora_A, dx, dy if masks is None else masks.draw, dy if streams is None else streams,
        rows, depth, columns, rank,
        dy.stride(0), weight.stride(), 0 if v is None else v.stride(0), 0 if lora_A is None else lora_A.stride(0), dx.stride(0),
        *((0, 0, 1.0) if masks is None else (masks.seed, masks.threshold, masks.kept_scale)),
        STORAGE=weight.storage, RANK=padded_rank(rank), PROJECTIONS=projections, HAS_DROPOUT=masks is not None,
        BLOCK_M=shape.block_m, BLOCK_N=shape.block_n, BLOCK_K=shape.block_k, GROUP_M=8,
        num_warps=shape.num_warps, num_stages=shape.num_stages,
    )  # fmt: skip
