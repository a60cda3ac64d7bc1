"""The GEMM on `vdpbf16ps` against an emulation of that instruction, bit for bit: both directions, more than one sweep, odd depths.

A step of two takes the odd product first, then the even one, each added in fp32 and rounded to nearest, ties to even; numbers below the
normal range count as zero, as operands and as results, whatever the processor's rounding and denormal settings are.
"""

import numpy as np
import pytest
import torch
from torch import Tensor

from ayar.ops import FrozenWeight, backend

pytestmark = pytest.mark.skipif("avx512_bf16" not in backend.available(), reason="this processor has no bf16 dot instruction")


def flushed(x: np.ndarray) -> np.ndarray:
    return np.where(np.abs(x) < np.float32(2.0**-126), np.float32(0), x)


def emulated_product(x: Tensor, panels: Tensor) -> np.ndarray:
    """Σₖ x[m][k] · panels[k][n] as the instruction adds it. x: (m, k) bf16, panels: (k, n) bf16. Returns (m, n) fp32."""
    left, right = flushed(x.float().numpy()), flushed(panels.float().numpy())
    if left.shape[1] % 2:
        left, right = np.pad(left, ((0, 0), (0, 1))), np.pad(right, ((0, 1), (0, 0)))
    total = np.zeros((len(left), right.shape[1]), dtype=np.float32)
    for k in range(0, left.shape[1], 2):
        for step in (k + 1, k):
            total = flushed(total + left[:, step, None] * right[None, step])  # a product of two bf16 is exact in fp32
    return total


@pytest.mark.parametrize(("rows", "depth", "cols"), [(1, 1, 1), (7, 37, 50), (13, 64, 80), (3, 2080, 33)])
@pytest.mark.parametrize("magnitude", [1.0, 2.0**-55])  # below, products leave the range of fp32, which the emulation rounds
def test_equals_the_emulated_instruction(rows: int, depth: int, cols: int, magnitude: float) -> None:
    torch.manual_seed(depth)
    x, weight = (magnitude * torch.randn(rows, depth)).bfloat16(), (magnitude * torch.randn(cols, depth)).bfloat16()
    dy = (magnitude * torch.randn(rows, cols)).bfloat16()
    packed = FrozenWeight.pack([weight]).packed
    kernels = backend.native().cpu.avx512_bf16
    y, dx = torch.empty(rows, cols), torch.empty(rows, depth)
    kernels.linear_forward(x, packed, y)
    kernels.linear_backward_input(dy, packed, dx)
    assert np.array_equal(y.numpy(), emulated_product(x, weight.T))
    assert np.array_equal(dx.numpy(), emulated_product(dy, weight))
