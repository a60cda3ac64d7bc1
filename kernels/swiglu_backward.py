# pyright: reportCallIssue=false, reportMissingImports=false
"""Backward of the gate with the adapters around it, in one pass: what reads or writes the same rows is computed while they are here.

With y = activation(gate) · up, the input of down_proj:  dgate, dup from dy;  dA of down_proj = v_downᵀ y, y recomputed;
v = s · dgate B and dB = s · dgateᵀ u of gate_proj, and the same for up_proj. Formulas: ayar/ops/swiglu.py, ayar/ops/lora_linear.py.
"""

from typing import Any

import triton
import triton.language as tl

from ayar.kernels.partial_sums import add_partials, row_splits
from ayar.kernels.swiglu import _gate

BLOCK_ROWS, BLOCK_COLUMNS = 32, 64  # what registers hold of three inputs, their gradients and three sums
MOST_RANK = 16


@triton.jit
def swiglu_lora_backward(
    dy_ptr, gate_up_ptr, dgate_up_ptr, v_down_ptr, u_ptr, b_gate_ptr, b_up_ptr, da_partial_ptr, db_partial_ptr, v_partial_ptr,
    rows, cols, rank, rows_each, stride_dy, stride_gate_up, stride_dgate_up, stride_v_down, stride_u, stride_b,
    GELU: tl.constexpr, RANK: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_K: tl.constexpr,
):  # fmt: skip
    """One program: a block of columns over the rows of a split. dgate_up may be gate_up itself."""
    column_split, split = tl.program_id(0).to(tl.int64), tl.program_id(1).to(tl.int64)
    col = column_split * BLOCK_K + tl.arange(0, BLOCK_K)
    ranks = tl.arange(0, RANK)
    b_mask = (col < cols)[:, None] & (ranks < rank)[None, :]
    b_gate = tl.load(b_gate_ptr + col[:, None] * stride_b + ranks[None, :], b_mask, other=0.0).to(dy_ptr.dtype.element_ty)
    b_up = tl.load(b_up_ptr + col[:, None] * stride_b + ranks[None, :], b_mask, other=0.0).to(dy_ptr.dtype.element_ty)
    da = tl.zeros((BLOCK_K, RANK), tl.float32)
    db_gate = tl.zeros((BLOCK_K, RANK), tl.float32)
    db_up = tl.zeros((BLOCK_K, RANK), tl.float32)
    up_offset = tl.num_programs(0).to(tl.int64) * rows * RANK
    last = tl.minimum((split + 1) * rows_each, rows)
    for start in range(0, rows_each, BLOCK_M):
        row = split * rows_each + start + tl.arange(0, BLOCK_M)
        here = row < last
        mask = here[:, None] & (col < cols)[None, :]
        gate_ptrs = gate_up_ptr + row[:, None] * stride_gate_up + col[None, :]
        gate = tl.load(gate_ptrs, mask, other=0.0).to(tl.float32)
        up = tl.load(gate_ptrs + cols, mask, other=0.0).to(tl.float32)
        dy = tl.load(dy_ptr + row[:, None] * stride_dy + col[None, :], mask, other=0.0).to(tl.float32)
        activated, slope = _gate(gate, GELU)
        y = (activated * up).to(dy_ptr.dtype.element_ty)
        dgate = (dy * up * slope).to(dy_ptr.dtype.element_ty)
        dup = (dy * activated).to(dy_ptr.dtype.element_ty)
        dgate_ptrs = dgate_up_ptr + row[:, None] * stride_dgate_up + col[None, :]
        tl.store(dgate_ptrs, dgate, mask)
        tl.store(dgate_ptrs + cols, dup, mask)
        rank_mask = here[:, None] & (ranks < rank)[None, :]
        v_down = tl.load(v_down_ptr + row[:, None] * stride_v_down + ranks[None, :], rank_mask, other=0.0)
        u_ptrs = u_ptr + row[:, None] * stride_u + ranks[None, :]
        da = tl.dot(tl.trans(y), v_down, da, input_precision="ieee")
        db_gate = tl.dot(tl.trans(dgate), tl.load(u_ptrs, rank_mask, other=0.0), db_gate, input_precision="ieee")
        db_up = tl.dot(tl.trans(dup), tl.load(u_ptrs + rank, rank_mask, other=0.0), db_up, input_precision="ieee")
        v_ptrs = v_partial_ptr + (column_split * rows + row)[:, None] * RANK + ranks[None, :]
        tl.store(v_ptrs, tl.dot(dgate, b_gate, input_precision="ieee"), here[:, None])
        v_ptrs += up_offset
        tl.store(v_ptrs, tl.dot(dup, b_up, input_precision="ieee"), here[:, None])
    tl.store(da_partial_ptr + (split * RANK + ranks)[None, :] * cols + col[:, None], da, (col < cols)[:, None])
    db_ptrs = db_partial_ptr + (split * cols + col)[:, None] * RANK + ranks[None, :]
    tl.store(db_ptrs, db_gate, (col < cols)[:, None])
    tl.store(db_ptrs + tl.num_programs(1).to(tl.int64) * cols * RANK, db_up, (col < cols)[:, None])


def launch_swiglu_lora_backward(
    dy: Any, gate_up: Any, dgate_up: Any, v_down: Any, u: Any, lora_B: tuple[Any, Any], scalings: tuple[float, float], v: Any,
    dlora_A_down: Any, dlora_B: tuple[Any, Any], gelu: bool = False,
) -> None:  # fmt: skip
    """dgate_up (rows, 2 · cols), which may be gate_up; v (rows, 2 · rank) = [s · dgate B_gate | s · dup B_up]; dlora_A_down (rank, cols)
    and dlora_B ((cols, rank) twice), fp32.

    dy: (rows, cols), the gradient of y. v_down: (rows, rank) of down_proj. u: (rows, 2 · rank) of gate_proj and up_proj. One rank for all, MOST_RANK at most.
    """
    rows, cols = dy.shape
    rank = dlora_A_down.shape[0]
    padded = MOST_RANK
    column_splits = triton.cdiv(cols, BLOCK_COLUMNS)
    splits, rows_each = row_splits(dy, rows, column_splits, BLOCK_ROWS)
    v_partial = dlora_A_down.new_empty(2, column_splits, rows, padded)
    db_partial = dlora_A_down.new_empty(2, splits, cols, padded)
    da_partial = dlora_A_down.new_empty(splits, padded, cols)
    if rows:
        swiglu_lora_backward[(column_splits, splits)](
            dy, gate_up, dgate_up, v_down, u, lora_B[0], lora_B[1], da_partial, db_partial, v_partial,
            rows, cols, rank, rows_each, dy.stride(0), gate_up.stride(0), dgate_up.stride(0), v_down.stride(0),
            u.stride(0), lora_B[0].stride(0), GELU=gelu, RANK=padded, BLOCK_M=BLOCK_ROWS, BLOCK_K=BLOCK_COLUMNS, num_warps=8, num_stages=1,
        )  # fmt: skip
    add_partials(da_partial, dlora_A_down, 1.0)
    for i in range(2):
        add_partials(v_partial[i], v[:, i * rank : (i + 1) * rank], scalings[i])
        add_partials(db_partial[i], dlora_B[i], scalings[i])
