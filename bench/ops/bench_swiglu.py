"""SwiGLU, forward and backward."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from ayar.ops import swiglu
from ayar.ops.swiglu import swiglu_reference


@pytest.mark.parametrize("shape", [(2048, 1536), (512, 14336)], ids="{0[0]}x{0[1]}".format)
def bench_forward_and_backward(measure: Callable[..., None], shape: tuple[int, int], dtype: torch.dtype) -> None:
    rows, cols = shape
    gate_up, dy = torch.randn(rows, 2 * cols).to(dtype).requires_grad_(), torch.randn(rows, cols).to(dtype)

    def run(op: Callable[[Tensor], Tensor]) -> list[Tensor]:
        y = op(gate_up)
        return [y, *torch.autograd.grad(y, gate_up, dy)]

    measure(lambda: run(swiglu), lambda: run(swiglu_reference), dtype, bytes_moved=8 * rows * cols * dtype.itemsize)
