"""A frozen linear layer with low-rank adapters inside its matrix product (LoRA, Hu et al. 2021, arXiv 2106.09685)."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ayar.errors import ShapeError
from ayar.ops import backend, memory
from ayar.ops.dropout import Dropout, dropped_out
from ayar.ops.frozen_weight import FrozenWeight
from ayar.ops.int8 import Int8, Int8LinearReference


class Adapter(NamedTuple):
    """The low-rank update of one projection: scaling · lora_B · lora_A, with dropout on the x that it takes where one is given."""

    lora_A: Tensor  # (rank, K) fp32
    lora_B: Tensor  # (N_i, rank) fp32
    scaling: float  # alpha / rank
    dropout: Dropout | None = None


def lora_linear(x: Tensor, weight: FrozenWeight, adapters: Sequence[Adapter | None] = ()) -> Tensor:
    """y_i = x W_iᵀ + bias_i + scaling_i (dropout_i(x) A_iᵀ) B_iᵀ for each projection i stacked in ``weight``, side by side.

    x: (T, K) or (..., K) of ``weight.dtype``, rows may be strided. adapters: one a projection, None where it has none; empty: none has.
    Returns (T, ΣN_i) or (..., ΣN_i) of x's dtype. Gradients: x, lora_A and lora_B (fp32). Raises ShapeError.
    """
    if x.dim() > 2:
        return lora_linear(x.reshape(-1, x.shape[-1]), weight, adapters).view(*x.shape[:-1], weight.shape[0])
    _require_fitting(x, weight, adapters)
    if backend.is_reference():
        plain = weight.unpack_int8() if weight.storage == "int8" else weight.unpack()
        return lora_linear_reference(x, plain, adapters, weight.splits, weight.bias)
    fixed, factors = [], []
    column = 0
    for adapter, split in zip(adapters, weight.splits, strict=False):
        if adapter is not None:
            fixed.append(_Fixed(column, adapter.scaling, _native_dropout(adapter.dropout)))
            factors += [adapter.lora_A, adapter.lora_B]
        column += split
    if not factors and weight.storage == "full":
        return _FrozenLinear.apply(x, weight)
    return _LoraLinear.apply(x, weight, fixed, *factors)


def lora_linear_reference(
    x: Tensor,
    weight: Tensor | Int8,
    adapters: Sequence[Adapter | None] = (),
    splits: Sequence[int] = (),
    bias: Tensor | None = None,
) -> Tensor:
    """The plain formula. weight: (ΣN_i, K). splits: the N_i; not needed where every projection has an adapter."""
    y = Int8LinearReference.apply(x, weight) if isinstance(weight, Int8) else x @ weight.T
    if bias is not None:
        y = y + bias.to(y.dtype)
    if not any(adapters):
        return y
    splits = splits or [adapter.lora_B.shape[0] for adapter in adapters if adapter is not None]
    parts = []
    for part, adapter in zip(y.split(list(splits), dim=-1), adapters, strict=True):
        if adapter is None:
            parts.append(part)
        else:
            taken = x if adapter.dropout is None else dropped_out(x, adapter.dropout)
            update = taken.to(adapter.lora_A.dtype) @ adapter.lora_A.T @ adapter.lora_B.T
            parts.append(part + (adapter.scaling * update).to(part.dtype))
    return torch.cat(parts, dim=-1)


def _require_fitting(x: Tensor, weight: FrozenWeight, adapters: Sequence[Adapter | None]) -> None:
    if x.dim() != 2 or x.shape[1] != weight.shape[1]:
        raise ShapeError(f"lora_linear: x {tuple(x.shape)} must be (T, {weight.shape[1]})")
    if x.dtype != weight.dtype:
        raise ShapeError(f"lora_linear: x is {x.dtype}, the weight was packed for {weight.dtype}")
    if adapters and len(adapters) != len(weight.splits):
        raise ShapeError(f"lora_linear: {len(adapters)} adapters for {len(weight.splits)} projections; use None where there is none")
    for position, (adapter, split) in enumerate(zip(adapters, weight.splits, strict=False)):
        if adapter is None:
            continue
        rank = adapter.lora_A.shape[0]
        if rank == 0 or adapter.lora_A.shape != (rank, weight.shape[1]) or adapter.lora_B.shape != (split, rank):
            raise ShapeError(
                f"lora_linear: adapter {position} has lora_A {tuple(adapter.lora_A.shape)} and lora_B {tuple(adapter.lora_B.shape)}; "
                f"wanted (rank, {weight.shape[1]}) and ({split}, rank) with rank at least 1"
            )
        if adapter.lora_A.dtype != torch.float32 or adapter.lora_B.dtype != torch.float32:
            raise ShapeError(f"lora_linear: adapter {position} must be float32")


def _rows(x: Tensor) -> Tensor:
    """x with contiguous rows, which may lie apart."""
    x = x.detach()
    return x if x.stride(1) == 1 and x.stride(0) >= x.shape[1] else x.contiguous()


class _FrozenLinear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: FrozenWeight) -> Tensor:
        ctx.weight = weight
        y = memory.empty(x.shape[0], weight.shape[0], like=x)
        backend.kernels(x).linear_forward(_rows(x), weight.packed, y)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, None]:
        if not ctx.needs_input_grad[0]:
            return None, None
        dx = memory.empty(dy.shape[0], ctx.weight.shape[1], like=dy)
        backend.kernels(dy).linear_backward_input(_rows(dy), ctx.weight.packed, dx)
        return dx, None


class _Fixed(NamedTuple):
    """What a native adapter has beside its factors."""

    first_column: int
    scaling: float
    dropout: tuple[int, int, int, int] | None


class _LoraLinear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: FrozenWeight, fixed: list[_Fixed], *factors: Tensor) -> Tensor:
        x_rows = _rows(x)
        adapters = _native_adapters(fixed, factors)
        u = memory.empty(x.shape[0], sum(rank + rank % 2 for rank in map(len, factors[::2])), like=x, dtype=torch.float32)
        y = memory.empty(x.shape[0], weight.shape[0], like=x)
        backend.kernels(x).lora_linear_forward(x_rows, weight.packed, adapters, u, y)
        ctx.weight, ctx.fixed = weight, fixed
        ctx.save_for_backward(x_rows, u, *factors)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        x, u, *factors = ctx.saved_tensors
        gradients = [torch.empty_like(factor) for factor in factors]
        dx = memory.empty(x.shape[0] if ctx.needs_input_grad[0] else 0, x.shape[1], like=x)  # no rows: not wanted
        backend.kernels(dy).lora_linear_backward(
            _rows(dy),
            x,
            u,
            ctx.weight.packed,
            _native_adapters(ctx.fixed, factors),
            list(zip(gradients[::2], gradients[1::2], strict=True)),
            dx,
        )
        wanted = (gradient if needed else None for gradient, needed in zip(gradients, ctx.needs_input_grad[3:], strict=True))
        return (dx if ctx.needs_input_grad[0] else None, None, None, *wanted)


def _native_adapters(fixed: list[_Fixed], factors: Sequence[Tensor]) -> list[tuple[Any, ...]]:
    pairs = zip(factors[::2], factors[1::2], strict=True)
    return [(own.first_column, _rows(a), _rows(b), own.scaling, own.dropout) for own, (a, b) in zip(fixed, pairs, strict=True)]


def _native_dropout(dropout: Dropout | None) -> tuple[int, int, int, int] | None:
    if dropout is None or dropout.threshold == 0:
        return None
    return dropout.seed & (1 << 64) - 1, dropout.draw & 0xFFFFFFFF, dropout.stream & 0xFFFFFFFF, dropout.threshold
