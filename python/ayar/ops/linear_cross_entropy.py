"""Cross entropy fused with the frozen output head, at labelled positions only; the logits exist one small chunk at a time."""

import math
from importlib import import_module
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ayar.errors import ShapeError
from ayar.ops import backend, memory
from ayar.ops.frozen_weight import FrozenWeight

CHUNK_BYTES = 32 << 20  # of fp32 logits: many rows for one read of the head, yet little memory
LEAST_ROWS = 24  # of a chunk, whatever the vocabulary: fewer would not pay for one read of the head


def linear_cross_entropy(
    hidden: Tensor, head: FrozenWeight, positions: Tensor, targets: Tensor, weights: Tensor | None = None, softcap: float | None = None
) -> Tensor:
    """The sum over pairs of −weights · log softmax(hidden[positions] Wᵀ)[targets]. Gradients flow to ``hidden`` only.

    hidden: (tokens, hidden_size) in the dtype of head, or (batch, tokens, hidden_size), which positions count through row by row.
    head: (vocab_size, hidden_size), frozen. positions, targets: (pairs,) int64; a position may occur more than once. weights: (pairs,)
    fp32; None: all 1. softcap: the logits are softcap · tanh(logits / softcap) first. Returns a scalar fp32, 0 without pairs. The
    gradient is computed with the loss, chunk by chunk, so that no logits are computed twice. Raises ShapeError.
    """
    hidden = hidden.flatten(0, -2) if hidden.dim() > 2 else hidden
    _check(hidden, head, positions, targets, weights)
    if weights is not None and bool((weights == 1).all()):
        weights = None
    if backend.is_reference():
        return linear_cross_entropy_reference(hidden, head.unpack(), positions, targets, weights, softcap)
    if backend.is_triton(hidden):
        gpu_loss = import_module("ayar.ops.gpu_loss")  # needs Triton
        return gpu_loss.gpu_linear_cross_entropy(hidden, head.packed, positions, targets, weights, softcap)
    return _LinearCrossEntropy.apply(hidden.contiguous(), head, positions.contiguous(), targets.contiguous(), weights, softcap or 0.0)


def linear_cross_entropy_reference(
    hidden: Tensor, weight: Tensor, positions: Tensor, targets: Tensor, weights: Tensor | None = None, softcap: float | None = None
) -> Tensor:
    logits = hidden[positions] @ weight.t()
    logits = logits if logits.dtype == torch.float64 else logits.float()
    logits = logits if softcap is None else softcap * (logits / softcap).tanh()
    losses = torch.nn.functional.cross_entropy(logits, targets, reduction="none")
    return losses.sum() if weights is None else (losses * weights).sum()


def _check(hidden: Tensor, head: FrozenWeight, positions: Tensor, targets: Tensor, weights: Tensor | None) -> None:
    vocab_size, hidden_size = head.shape
    if hidden.dim() != 2 or hidden.shape[1] != hidden_size or hidden.dtype != head.dtype:
        raise ShapeError(f"linear_cross_entropy: hidden {tuple(hidden.shape)} {hidden.dtype} must be (tokens, {hidden_size}) {head.dtype}")
    for name, index, size in (("positions", positions, hidden.shape[0]), ("targets", targets, vocab_size)):
        if index.dim() != 1 or index.shape != positions.shape or index.dtype != torch.int64:
            raise ShapeError(f"linear_cross_entropy: {name} {tuple(index.shape)} {index.dtype} must be (pairs,) torch.int64")
        if len(index) and not (int(index.min()) >= 0 and int(index.max()) < size):
            raise ShapeError(f"linear_cross_entropy: {name} must lie between 0 and {size - 1}")
    if weights is not None and (weights.shape != targets.shape or weights.dtype != torch.float32):
        raise ShapeError(f"linear_cross_entropy: weights {tuple(weights.shape)} {weights.dtype} must be (pairs,) torch.float32")


class _LinearCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, head: FrozenWeight, positions: Tensor, targets: Tensor, weights: Tensor | None, softcap: float
    ) -> Tensor:
        kernels = backend.kernels(hidden)
        vocab_size, hidden_size = head.shape
        losses = torch.empty(len(targets))
        dhidden = torch.zeros(hidden.shape) if ctx.needs_input_grad[0] else None
        rows = max(LEAST_ROWS, CHUNK_BYTES // (4 * vocab_size) // LEAST_ROWS * LEAST_ROWS)
        lines = -(-vocab_size // 16) | 1  # of a row: rows an even number of them apart would share a few sets of the cache
        logits = memory.empty(min(rows, len(targets)), 16 * lines, like=hidden, dtype=torch.float32)[:, :vocab_size]
        for begin in range(0, len(targets), rows):
            chunk = slice(begin, begin + rows)
            x = hidden.new_empty(len(positions[chunk]), hidden_size)
            kernels.gather_rows(hidden.detach(), positions[chunk], x)
            y = logits[: len(x)]
            kernels.linear_forward(x, head.packed, y)
            if dhidden is None:
                kernels.cross_entropy(y, targets[chunk], losses[chunk], softcap)
                continue
            dy = y.view(head.dtype)[:, :vocab_size]  # lies over the logits: bf16 takes the first half of each row
            kernels.cross_entropy_with_gradient(y, targets[chunk], losses[chunk], dy, softcap)
            dx = torch.empty(len(x), hidden_size)
            kernels.linear_backward_input(dy, head.packed, dx)
            if weights is not None:
                dx *= weights[chunk, None]
            kernels.add_rows(dx, positions[chunk], dhidden)
        ctx.save_for_backward(dhidden)
        ctx.dtype = hidden.dtype
        return torch.tensor(math.fsum((losses if weights is None else losses * weights).tolist()))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dloss: Tensor) -> tuple[Tensor, None, None, None, None, None]:
        (dhidden,) = ctx.saved_tensors
        return (dhidden * dloss).to(ctx.dtype), None, None, None, None, None
