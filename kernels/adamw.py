# pyright: reportCallIssue=false, reportMissingImports=false
"""AdamW of one flat fp32 buffer. Formula and reference: ayar/ops/adamw.py. (csrc/cuda/adamw.cu does it for a captured step, borders too.)"""

from typing import Any

import triton
import triton.language as tl


@triton.jit
def adamw_update(
    parameter_ptr, gradient_ptr, exp_avg_ptr, exp_avg_sq_ptr, settings_ptr, count, beta1, beta2, eps,
    BLOCK: tl.constexpr,
):  # fmt: skip
    """In place. settings: rate / correction1, 1 − rate · weight_decay, correction2, what the gradient is multiplied by; correction = 1 − beta^step."""
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = i < count
    gradient = tl.load(gradient_ptr + i, inside, other=0.0) * tl.load(settings_ptr + 3)
    exp_avg = beta1 * tl.load(exp_avg_ptr + i, inside, other=0.0) + (1 - beta1) * gradient
    exp_avg_sq = beta2 * tl.load(exp_avg_sq_ptr + i, inside, other=0.0) + (1 - beta2) * gradient * gradient
    parameter = tl.load(parameter_ptr + i, inside, other=0.0) * tl.load(settings_ptr + 1)
    parameter -= tl.load(settings_ptr) * exp_avg / (tl.sqrt(exp_avg_sq / tl.load(settings_ptr + 2)) + eps)
    tl.store(exp_avg_ptr + i, exp_avg, inside)
    tl.store(exp_avg_sq_ptr + i, exp_avg_sq, inside)
    tl.store(parameter_ptr + i, parameter, inside)


def step_settings(learning_rate: float, beta1: float, beta2: float, weight_decay: float, step: int) -> list[float]:
    """What the kernel reads from memory, since it changes from step to step and a captured step keeps its arguments; the gradient whole."""
    return [learning_rate / (1 - beta1**step), 1 - learning_rate * weight_decay, 1 - beta2**step, 1.0]


def launch_adamw_update(
    parameter: Any, gradient: Any, exp_avg: Any, exp_avg_sq: Any, settings: Any, beta1: float, beta2: float, eps: float
) -> None:
    """The first four: fp32, contiguous, of one size. settings: (4,) fp32 on their device, as ``step_settings`` has them."""
    count = parameter.numel()
    if count == 0:
        return
    adamw_update[(triton.cdiv(count, 1024),)](
        parameter, gradient, exp_avg, exp_avg_sq, settings, count, beta1, beta2, eps, BLOCK=1024, num_warps=4
    )
