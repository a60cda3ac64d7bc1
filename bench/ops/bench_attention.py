"""Attention, forward and backward, against scaled_dot_product_attention: which takes one length a batch, so the pack has equal ones."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from ayar.ops import attention

HEADS, KV_HEADS, HEAD_DIM = 9, 3, 64  # SmolLM2-135M


@pytest.mark.parametrize("shape", [(4, 512), (1, 2048), (32, 64)], ids="{0[0]}x{0[1]}".format)
def bench_forward_and_backward(measure: Callable[..., None], shape: tuple[int, int], dtype: torch.dtype) -> None:
    sequences, length = shape
    heads = (HEADS, KV_HEADS, KV_HEADS)
    query, key, value = parts = [torch.randn(sequences, n, length, HEAD_DIM).to(dtype).requires_grad_() for n in heads]
    qkv = torch.cat([packed(part) for part in parts], dim=1).detach().requires_grad_()
    cu_seqlens = torch.arange(0, sequences * length + 1, length, dtype=torch.int32)
    dy = torch.randn(sequences, HEADS, length, HEAD_DIM).to(dtype)
    packed_dy = packed(dy).flatten(1)

    def ours() -> list[Tensor]:
        y = attention(qkv, cu_seqlens, HEADS, KV_HEADS, HEAD_DIM**-0.5)
        (dqkv,) = torch.autograd.grad(y, qkv, packed_dy)
        return [y.view(-1, HEADS, HEAD_DIM), *dqkv.split(heads, dim=1)]

    def theirs() -> list[Tensor]:
        y = torch.nn.functional.scaled_dot_product_attention(query, key, value, is_causal=True, enable_gqa=True)
        return [packed(x) for x in (y, *torch.autograd.grad(y, parts, dy))]

    scores = sequences * HEADS * length * (length + 1) / 2
    measure(ours, theirs, dtype, flops=(4 + 10) * scores * HEAD_DIM)


def packed(x: Tensor) -> Tensor:
    """(sequences, heads, length, head_dim) as a view of (tokens, heads, head_dim), copied only where it must be."""
    return x.transpose(1, 2).flatten(0, 1)
