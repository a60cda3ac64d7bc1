# pyright: reportCallIssue=false
"""Cross entropy of one chunk of logits, its gradient in the logits' place. Formula and reference: ayar/ops/linear_cross_entropy.py."""

from typing import Any

import triton
import triton.language as tl


@triton.jit
def _capped(logits, softcap, HAS_SOFTCAP: tl.constexpr):
    if HAS_SOFTCAP:  # softcap · tanh(logits / softcap)
        return softcap - 2 * softcap / (tl.exp(2 * logits / softcap) + 1)
    return logits


@triton.jit
def cross_entropy_rows(
    logits_ptr, target_ptr, weight_ptr, loss_ptr, cols, stride_logits, softcap,
    HAS_WEIGHT: tl.constexpr, HAS_SOFTCAP: tl.constexpr, WRITES_GRADIENT: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """loss = weight · (logsumexp − logit of the target), logits ← weight · (softmax − onehot); a negative target: 0. One program a row."""
    row = tl.program_id(0).to(tl.int64)
    target = tl.load(target_ptr + row)
    weight = tl.where(target >= 0, 1.0, 0.0)
    if HAS_WEIGHT:
        weight *= tl.load(weight_ptr + row)
    row_ptr = logits_ptr + row * stride_logits
    offsets = tl.arange(0, BLOCK)
    largest = tl.full((BLOCK,), float("-inf"), tl.float32)
    total = tl.zeros((BLOCK,), tl.float32)  # one running sum a lane; they are joined once, at the end
    for start in range(0, cols, BLOCK):
        inside = start + offsets < cols
        logits = _capped(tl.load(row_ptr + start + offsets, inside, other=0.0).to(tl.float32), softcap, HAS_SOFTCAP)
        logits = tl.where(inside, logits, float("-inf"))
        larger = tl.maximum(largest, logits)
        shift = tl.where(larger == float("-inf"), 0.0, larger)
        total = total * tl.exp(largest - shift) + tl.exp(logits - shift)
        largest = larger
    top = tl.max(largest, 0)
    logsumexp = top + tl.log(tl.sum(total * tl.exp(largest - top), 0))
    wanted = _capped(tl.load(row_ptr + tl.maximum(target, 0)).to(tl.float32), softcap, HAS_SOFTCAP)
    tl.store(loss_ptr + row, tl.where(target >= 0, weight * (logsumexp - wanted), 0.0))
    if WRITES_GRADIENT:
        tl.debug_barrier()  # every thread has read the target's logit before one overwrites it
        for start in range(0, cols, BLOCK):
            inside = start + offsets < cols
            logits = _capped(tl.load(row_ptr + start + offsets, inside, other=0.0).to(tl.float32), softcap, HAS_SOFTCAP)
            gradient = weight * (tl.exp(logits - logsumexp) - tl.where(start + offsets == target, 1.0, 0.0))
            if HAS_SOFTCAP:
                gradient *= 1 - (logits / softcap) * (logits / softcap)
            tl.store(row_ptr + start + offsets, gradient.to(logits_ptr.dtype.element_ty), inside)


def launch_cross_entropy(logits: Any, targets: Any, weights: Any, losses: Any, softcap: float | None, writes_gradient: bool) -> None:
    """losses (rows,) fp32; with writes_gradient, logits (rows, vocab) become their gradient. targets: (rows,) int64, negative: ignored.

    weights: (rows,) fp32 or None: all 1.
    """
    rows, cols = logits.shape
    if rows == 0:
        return
    cross_entropy_rows[(rows,)](
        logits, targets, losses if weights is None else weights, losses, cols, logits.stride(0), 1.0 if softcap is None else softcap,
        HAS_WEIGHT=weights is not None, HAS_SOFTCAP=softcap is not None, WRITES_GRADIENT=writes_gradient, BLOCK=2048, num_warps=8,
    )  # fmt: skip
