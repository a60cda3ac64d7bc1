"""A frozen projection with its adapter, forward and backward, on the shapes of SmolLM2-135M; torch as peft writes it."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from ayar.ops import Adapter, FrozenWeight, lora_linear
from ayar.ops.lora_linear import lora_linear_reference

ROWS, RANK, SCALING = 2048, 16, 2.0
SHAPES = {"qkv": ((576, 192, 192), 576), "gate_up": ((1536, 1536), 576), "down": ((576,), 1536)}


@pytest.mark.parametrize("shape", SHAPES)
def bench_forward_and_backward(measure: Callable[..., None], shape: str, dtype: torch.dtype) -> None:
    splits, columns = SHAPES[shape]
    x = torch.randn(ROWS, columns).to(dtype).requires_grad_()
    weight = (torch.randn(sum(splits), columns) / columns**0.5).to(dtype)
    factors = [t for n in splits for t in (torch.randn(RANK, columns) / columns**0.5, torch.randn(n, RANK) * 0.1)]
    factors = [factor.requires_grad_() for factor in factors]
    packed, dy = FrozenWeight.pack([weight[i] for i in _rows(splits)]), torch.randn(ROWS, sum(splits)).to(dtype)
    adapters = [Adapter(a, b, SCALING) for a, b in zip(factors[::2], factors[1::2], strict=True)]

    def run(y: Tensor) -> list[Tensor]:
        return [y, *torch.autograd.grad(y, [x, *factors], dy)]

    measure(
        lambda: run(lora_linear(x, packed, adapters)),
        lambda: run(lora_linear_reference(x, weight, adapters, splits)),
        dtype,
        flops=4 * ROWS * sum(splits) * columns + 6 * ROWS * RANK * (columns * len(splits) + sum(splits)),
    )


def _rows(splits: tuple[int, ...]) -> list[slice]:
    ends = [sum(splits[: index + 1]) for index in range(len(splits))]
    return [slice(end - count, end) for end, count in zip(ends, splits, strict=True)]
