# pyright: reportCallIssue=false
"""Rows added up by key, in a fixed order and without atomics: the gradient of an embedding, or of rows that were gathered."""

from typing import Any

import torch
import triton
import triton.language as tl


@triton.jit
def sum_keyed_rows(key_ptr, order_ptr, rows_ptr, out_ptr, count, cols, stride_rows, stride_out, BLOCK: tl.constexpr):
    """out[key] += Σ rows[order[i]] over the run of equal keys. One program a position; the one at the head of a run does its work."""
    head = tl.program_id(0).to(tl.int64)
    col = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    key = tl.load(key_ptr + head)
    before = tl.load(key_ptr + head - 1, head > 0, other=-1)
    if key != before:
        out_ptrs = out_ptr + key * stride_out + col
        total = tl.load(out_ptrs, col < cols, other=0.0).to(tl.float32)
        i = head
        while (i < count) & (tl.load(key_ptr + i, i < count, other=-1) == key):
            row = tl.load(order_ptr + i)
            total += tl.load(rows_ptr + row * stride_rows + col, col < cols, other=0.0).to(tl.float32)
            i += 1
        tl.store(out_ptrs, total.to(out_ptr.dtype.element_ty), col < cols)


def launch_sum_keyed_rows(keys: Any, rows: Any, out: Any) -> None:
    """out[keys[i]] += rows[i] for each i. keys: (count,) int64, not negative. rows: (count, cols); out: (any, cols), fp32 or bf16."""
    count, cols = rows.shape
    if count == 0:
        return
    ordered, order = torch.sort(keys, stable=True)  # stable: the order of the sums is fixed
    block = min(1024, triton.next_power_of_2(cols))
    sum_keyed_rows[(count, triton.cdiv(cols, block))](
        ordered, order, rows, out, count, cols, rows.stride(0), out.stride(0), BLOCK=block, num_warps=4
    )
