# pyright: reportMissingImports=false
"""The loss on a GPU: cross entropy fused with the frozen head, chunk by chunk, without waiting for the device."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ayar.kernels import cross_entropy, keyed_rows
from ayar.ops.bordered import BorderedWeight

CHUNK_BYTES = 256 << 20  # of logits: enough rows for a product at full speed, and none of them is kept


def gpu_linear_cross_entropy(
    hidden: Tensor, head: BorderedWeight, positions: Tensor, targets: Tensor, weights: Tensor | None = None, softcap: float | None = None
) -> Tensor:
    """Σ over pairs of −weight · log softmax(hidden[positions] Wᵀ)[targets], a scalar fp32 on the device. A negative target counts 0.

    hidden: (tokens, hidden_size). positions, targets: (pairs,) int64; a position may occur more than once. weights: (pairs,) fp32 or None.
    Logits live one chunk at a time, their gradient in their place; the gradient of hidden is summed in a fixed order.
    """
    return _Loss.apply(hidden, head, positions, targets, weights, softcap)


class _Loss(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, head: BorderedWeight, positions: Tensor, targets: Tensor, weights: Tensor | None, softcap: float | None
    ) -> Tensor:
        pairs, vocab_size = len(targets), head.shape[0]
        losses = hidden.new_zeros(pairs, dtype=torch.float32)
        gathered = hidden.detach().index_select(0, positions)
        rows = max(16, CHUNK_BYTES // (hidden.element_size() * vocab_size) // 16 * 16)
        logits = hidden.new_empty(min(rows, pairs), vocab_size)
        for begin in range(0, pairs, rows):
            x = gathered[begin : begin + rows]
            y = logits[: len(x)]
            head.product(x, 0, y)
            part = None if weights is None else weights[begin : begin + rows]
            cross_entropy.launch_cross_entropy(
                y, targets[begin : begin + rows], part, losses[begin : begin + rows], softcap, ctx.needs_input_grad[0]
            )
            if ctx.needs_input_grad[0]:
                head.product_backward(y, 0, x)  # over the rows that are not needed any more
        if ctx.needs_input_grad[0]:
            ctx.save_for_backward(gathered, positions)
            ctx.tokens = hidden.shape[0]
        return losses.sum()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dloss: Tensor) -> tuple[Tensor | None, ...]:
        gradients, positions = ctx.saved_tensors
        dhidden = gradients.new_zeros(ctx.tokens, gradients.shape[1])
        keyed_rows.launch_sum_keyed_rows(positions, gradients * dloss.to(gradients.dtype), dhidden)
        return dhidden, None, None, None, None, None
