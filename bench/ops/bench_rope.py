"""RoPE on the q and k heads of a fused qkv, forward and backward."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from ayar.ops import rope
from ayar.ops.rope import rope_reference


@pytest.mark.parametrize("shape", [(2048, 9, 3, 64), (2048, 32, 8, 128)], ids="{0[0]}x{0[1]}+2x{0[2]}x{0[3]}".format)
def bench_forward_and_backward(measure: Callable[..., None], shape: tuple[int, int, int, int], dtype: torch.dtype) -> None:
    tokens, num_heads, num_kv_heads, head_dim = shape
    heads = num_heads + 2 * num_kv_heads
    qkv, dy = torch.randn(tokens, heads, head_dim).to(dtype).requires_grad_(), torch.randn(tokens, heads, head_dim).to(dtype)
    position_ids = torch.arange(tokens, dtype=torch.int32)
    angle = position_ids[:, None] * 10000.0 ** (-torch.arange(head_dim // 2) / (head_dim // 2))
    cos, sin = angle.cos(), angle.sin()

    def run(op: Callable[..., Tensor]) -> list[Tensor]:
        y = op(qkv, cos, sin, position_ids, num_heads + num_kv_heads)
        return [y, *torch.autograd.grad(y, qkv, dy)]

    measure(lambda: run(rope), lambda: run(rope_reference), dtype, bytes_moved=4 * qkv.numel() * dtype.itemsize)
