# pyright: reportCallIssue=false, reportMissingImports=false
"""AdamW of one flat fp32 buffer. Formula and reference: ayar/ops/adamw.py. (csrc/cuda/adamw.cu does it for a captured step, borders too.)"""

from typing import Any

import triton
import triton.language as tl


@triton.jit
def adamw_update(
    parameter_ptr, gradient_ptr, exp_avg_ptr, exp_avg_sq_ptr, count, learning_rate, beta1, beta2, eps, decay, correction1, correction2,
    BLOCK: tl.constexpr,
):  # fmt: skip
    """In place; decay = 1 − learning_rate · weight_decay, correction = 1 − beta^step."""
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = i < count
    gradient = tl.load(gradient_ptr + i, inside, other=0.0)
    exp_avg = beta1 * tl.load(exp_avg_ptr + i, inside, other=0.0) + (1 - beta1) * gradient
    exp_avg_sq = beta2 * tl.load(exp_avg_sq_ptr + i, inside, other=0.0) + (1 - beta2) * gradient * gradient
    parameter = tl.load(parameter_ptr + i, inside, other=0.0) * decay
    parameter -= learning_rate / correction1 * exp_avg / (tl.sqrt(exp_avg_sq / correction2) + eps)
    tl.store(exp_avg_ptr + i, exp_avg, inside)
    tl.store(exp_avg_sq_ptr + i, exp_avg_sq, inside)
    tl.store(parameter_ptr + i, parameter, inside)


def launch_adamw_update(
    parameter: Any, gradient: Any, exp_avg: Any, exp_avg_sq: Any, learning_rate: float, beta1: float, beta2: float, eps: float,
    weight_decay: float, step: int,
) -> None:  # fmt: skip
    """All four: fp32, contiguous, of one size. step: 1 at the first call."""
    count = parameter.numel()
    if count == 0:
        return
    adamw_update[(triton.cdiv(count, 1024),)](
        parameter, gradient, exp_avg, exp_avg_sq, count, learning_rate, beta1, beta2, eps, 1 - learning_rate * weight_decay,
        1 - beta1**step, 1 - beta2**step, BLOCK=1024, num_warps=4,
    )  # fmt: skip
