"""RMSNorm, forward and backward; the weight is frozen, as in LoRA training."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from ayar.ops import rms_norm
from ayar.ops.rms_norm import rms_norm_reference


@pytest.mark.parametrize("shape", [(2048, 576), (512, 4096)], ids="{0[0]}x{0[1]}".format)
def bench_forward_and_backward(measure: Callable[..., None], shape: tuple[int, int], dtype: torch.dtype) -> None:
    x, dy, weight = torch.randn(shape).to(dtype).requires_grad_(), torch.randn(shape).to(dtype), torch.randn(shape[1])

    def run(op: Callable[..., Tensor]) -> list[Tensor]:
        y = op(x, weight, 1e-6)
        return [y, *torch.autograd.grad(y, x, dy)]

    measure(lambda: run(rms_norm), lambda: run(rms_norm_reference), dtype, bytes_moved=5 * x.numel() * dtype.itemsize)
