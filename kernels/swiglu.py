# pyright: reportCallIssue=false
"""The gate of the feed-forward block, with u = y Aᵀ of the adapter that reads y. Formula and reference: ayar/ops/swiglu.py.

y goes into rows with spare columns and u into those; the backward pass recomputes y instead of storing it.
"""

from typing import Any

import triton
import triton.language as tl


@triton.jit
def _sigmoid(x):
    return 1 / (1 + tl.exp(-x))


@triton.jit
def _gate(gate, GELU: tl.constexpr):
    """The activation and its derivative: silu, or GELU by its tanh formula."""
    if GELU:  # gate · ½ (1 + tanh(√(2/π) (gate + 0.044715 gate³))), and ½ (1 + tanh(z)) = sigmoid(2z)
        square = gate * gate
        p = _sigmoid(gate * (1.5957691216057308 + 0.07135481282940398 * square))
        return gate * p, p + gate * p * (1 - p) * (1.5957691216057308 + 0.21406443848821193 * square)
    p = _sigmoid(gate)
    return gate * p, p * (1 + gate * (1 - p))


@triton.jit
def swiglu_project(
    gate_up_ptr, lora_a_ptr, y_ptr, u_ptr, rows, cols, rank, stride_gate_up, stride_a, stride_y, stride_u,
    GELU: tl.constexpr, RANK: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_K: tl.constexpr,
):  # fmt: skip
    """y = activation(gate) · up, u = y Aᵀ. One program a block of rows (and, without an adapter, a block of columns)."""
    row = tl.program_id(0).to(tl.int64) * BLOCK_M + tl.arange(0, BLOCK_M)
    depth = tl.arange(0, BLOCK_K)
    here = (row < rows)[:, None]
    ranks = tl.arange(0, RANK if RANK else 16)
    u = tl.zeros((BLOCK_M, RANK if RANK else 16), tl.float32)
    begin = 0
    end = cols
    if not RANK:
        begin = tl.program_id(1) * BLOCK_K
        end = begin + BLOCK_K
    for start in range(begin, end, BLOCK_K):
        inside = start + depth < cols
        mask = here & inside[None, :]
        gate_ptrs = gate_up_ptr + row[:, None] * stride_gate_up + (start + depth)[None, :]
        gate = tl.load(gate_ptrs, mask, other=0.0).to(tl.float32)
        up = tl.load(gate_ptrs + cols, mask, other=0.0).to(tl.float32)
        activated, _ = _gate(gate, GELU)
        y = (activated * up).to(y_ptr.dtype.element_ty)
        tl.store(y_ptr + row[:, None] * stride_y + (start + depth)[None, :], y, mask)
        if RANK:
            a = tl.load(
                lora_a_ptr + ranks[None, :] * stride_a + (start + depth)[:, None], (ranks < rank)[None, :] & inside[:, None], other=0.0
            )
            u = tl.dot(y, a.to(y.dtype), u, input_precision="ieee")
    if RANK:
        tl.store(u_ptr + row[:, None] * stride_u + ranks[None, :], u.to(u_ptr.dtype.element_ty), here)


@triton.jit
def swiglu_backward(
    dy_ptr, gate_up_ptr, dgate_up_ptr, cols, stride_dy, stride_gate_up, stride_dgate_up,
    GELU: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """dgate = dy · up · activation'(gate), dup = dy · activation(gate). May run in place."""
    row = tl.program_id(0).to(tl.int64)
    col = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    mask = col < cols
    gate_ptrs = gate_up_ptr + row * stride_gate_up + col
    gate = tl.load(gate_ptrs, mask, other=0.0).to(tl.float32)
    up = tl.load(gate_ptrs + cols, mask, other=0.0).to(tl.float32)
    dy = tl.load(dy_ptr + row * stride_dy + col, mask, other=0.0).to(tl.float32)
    activated, slope = _gate(gate, GELU)
    dgate_ptrs = dgate_up_ptr + row * stride_dgate_up + col
    tl.store(dgate_ptrs, (dy * up * slope).to(dgate_up_ptr.dtype.element_ty), mask)
    tl.store(dgate_ptrs + cols, (dy * activated).to(dgate_up_ptr.dtype.element_ty), mask)


def launch_swiglu_project(gate_up: Any, lora_A: Any, y: Any, u: Any, gelu: bool = False) -> None:
    """y (rows, cols) = activation(gate) · up of gate_up (rows, 2 · cols); u = y lora_Aᵀ (None: none), padded as in launch_norm_project."""
    rows, cols = y.shape
    if rows == 0:
        return
    rank = 0 if lora_A is None else lora_A.shape[0]
    padded = 0 if lora_A is None else max(16, triton.next_power_of_2(rank))
    block = 256 if padded == 0 else 128
    swiglu_project[(triton.cdiv(rows, 16), 1 if padded else triton.cdiv(cols, block))](
        gate_up, y if lora_A is None else lora_A, y, y if u is None else u, rows, cols, rank,
        gate_up.stride(0), 0 if lora_A is None else lora_A.stride(0), y.stride(0), 0 if u is None else u.stride(0),
        GELU=gelu, RANK=padded, BLOCK_M=16, BLOCK_K=block, num_warps=4,
    )  # fmt: skip


def launch_swiglu_backward(dy: Any, gate_up: Any, dgate_up: Any, gelu: bool = False) -> None:
    """dgate_up (rows, 2 · cols), which may be gate_up itself, from dy (rows, cols)."""
    rows, cols = dy.shape
    if rows == 0:
        return
    swiglu_backward[(rows, triton.cdiv(cols, 1024))](
        dy, gate_up, dgate_up, cols, dy.stride(0), gate_up.stride(0), dgate_up.stride(0),
        GELU=gelu, BLOCK=1024, num_warps=4,
    )  # fmt: skip
