"""AdamW on one flat buffer, against torch's fused optimizer."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from ayar.ops import adamw_

LEARNING_RATE, BETA1, BETA2, EPS, WEIGHT_DECAY = 1e-3, 0.9, 0.999, 1e-8, 0.01


@pytest.mark.parametrize("shape", [4_884_480, 41_943_040], ids=["SmolLM2-135M", "Llama-3-8B"])  # rank 16, all seven projections
def bench_step(measure: Callable[..., None], shape: int) -> None:
    parameter, gradient = torch.randn(shape), torch.randn(shape)
    mine, exp_avg, exp_avg_sq = parameter.clone(), torch.zeros(shape), torch.zeros(shape)
    theirs = parameter.clone().requires_grad_()
    theirs.grad = gradient
    optimizer = torch.optim.AdamW([theirs], lr=LEARNING_RATE, betas=(BETA1, BETA2), eps=EPS, weight_decay=WEIGHT_DECAY, fused=True)
    steps = 0

    def our_step() -> list[Tensor]:
        nonlocal steps
        steps += 1
        adamw_(mine, gradient, exp_avg, exp_avg_sq, LEARNING_RATE, BETA1, BETA2, EPS, WEIGHT_DECAY, steps)
        return [mine]

    def their_step() -> list[Tensor]:
        optimizer.step()
        return [theirs.detach()]

    measure(our_step, their_step, torch.float32, bytes_moved=28 * shape)
