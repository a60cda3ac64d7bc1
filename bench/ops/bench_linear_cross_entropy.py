"""The loss with the output head, forward and backward, at labelled positions; torch computes the logits of the same positions whole."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from ayar.ops import FrozenWeight, linear_cross_entropy
from ayar.ops.linear_cross_entropy import linear_cross_entropy_reference


@pytest.mark.parametrize("shape", [(256, 576, 49152), (128, 2048, 32000)], ids="{0[0]}x{0[1]}x{0[2]}".format)
def bench_forward_and_backward(measure: Callable[..., None], shape: tuple[int, int, int], dtype: torch.dtype) -> None:
    pairs, hidden_size, vocab_size = shape
    hidden = torch.randn(pairs, hidden_size).to(dtype).requires_grad_()
    weight = (torch.randn(vocab_size, hidden_size) / hidden_size**0.5).to(dtype)
    head, positions, targets = FrozenWeight.pack([weight]), torch.arange(pairs), torch.randint(0, vocab_size, (pairs,))

    def run(op: Callable[..., Tensor], w: FrozenWeight | Tensor) -> list[Tensor]:
        loss = op(hidden, w, positions, targets)
        return [loss, *torch.autograd.grad(loss, hidden)]

    measure(
        lambda: run(linear_cross_entropy, head),
        lambda: run(linear_cross_entropy_reference, weight),
        dtype,
        flops=4 * pairs * hidden_size * vocab_size,
    )
