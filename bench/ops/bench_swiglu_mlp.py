"""The gated MLP with adapters, forward and backward, on the shape of SmolLM2-135M; torch as peft writes it."""

from collections.abc import Callable

import torch
from torch import Tensor

from ayar.ops import Adapter, FrozenWeight, swiglu_mlp
from ayar.ops.lora_linear import lora_linear_reference
from ayar.ops.swiglu import swiglu_reference

ROWS, HIDDEN, COLS, RANK, SCALING = 2048, 576, 1536, 16, 2.0


def bench_forward_and_backward(measure: Callable[..., None], dtype: torch.dtype) -> None:
    x, dy = torch.randn(ROWS, HIDDEN).to(dtype).requires_grad_(), torch.randn(ROWS, HIDDEN).to(dtype)
    gate, up, down = ((torch.randn(n, k) / k**0.5).to(dtype) for n, k in ((COLS, HIDDEN), (COLS, HIDDEN), (HIDDEN, COLS)))
    adapters = [
        Adapter(
            (torch.randn(RANK, w.shape[1]) / w.shape[1] ** 0.5).requires_grad_(),
            (torch.randn(w.shape[0], RANK) * 0.1).requires_grad_(),
            SCALING,
        )
        for w in (gate, up, down)
    ]
    inputs = [x, *(factor for adapter in adapters for factor in adapter[:2])]
    gate_up, packed_down, stacked = FrozenWeight.pack([gate, up]), FrozenWeight.pack([down]), torch.cat((gate, up))

    def run(y: Tensor) -> list[Tensor]:
        return [y, *torch.autograd.grad(y, inputs, dy)]

    def theirs() -> list[Tensor]:
        both = lora_linear_reference(x, stacked, adapters[:2], (COLS, COLS))
        return run(lora_linear_reference(swiglu_reference(both), down, adapters[2:], (HIDDEN,)))

    measure(
        lambda: run(swiglu_mlp(x, gate_up, packed_down, adapters[:2], adapters[2])),
        theirs,
        dtype,
        flops=12 * ROWS * HIDDEN * COLS + 6 * ROWS * RANK * 3 * (HIDDEN + COLS),
    )
