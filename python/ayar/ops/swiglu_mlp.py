"""The gated MLP of Llama-like models with frozen weights and low-rank adapters: down(silu(gate(x)) · up(x)), in two products."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ayar.errors import ShapeError
from ayar.ops.frozen_weight import FrozenWeight
from ayar.ops.lora_linear import Adapter, lora_linear
from ayar.ops.recompute import recomputed
from ayar.ops.swiglu import swiglu, swiglu_reference


def swiglu_mlp(
    x: Tensor,
    gate_up: FrozenWeight,
    down: FrozenWeight,
    gate_up_adapters: Sequence[Adapter | None] = (),
    down_adapter: Adapter | None = None,
    gated: Callable[[Tensor], Tensor] = swiglu,
) -> Tensor:
    """down(silu(gate(x)) · up(x)), where each projection is a frozen weight with an adapter or none.

    x: (..., hidden) of the weights' dtype. gate_up: (2 · cols, hidden), gate's rows first. down: (out, cols). gate_up_adapters: one for each
    weight that was packed into ``gate_up``. gated: ``swiglu``, or ``geglu`` for Gemma's activation. Returns (..., out). Gradients: x and the
    adapters. The activated rows are not kept for the backward pass but computed again. Raises ShapeError.
    """
    if gate_up.shape[0] != 2 * down.shape[1]:
        raise ShapeError(f"swiglu_mlp: gate_up {gate_up.shape} must have twice as many rows as down {down.shape} has columns")
    if x.dim() < 1 or x.shape[-1] != gate_up.shape[1]:
        raise ShapeError(f"swiglu_mlp: x {tuple(x.shape)} must be (..., {gate_up.shape[1]})")
    both = lora_linear(x.reshape(-1, x.shape[-1]), gate_up, gate_up_adapters)
    with recomputed(gated(both), lambda: gated(both)) as activated:
        y = lora_linear(activated, down, () if down_adapter is None else (down_adapter,))
    return y.view(*x.shape[:-1], down.shape[0])


def swiglu_mlp_reference(x: Tensor, gate: Tensor, up: Tensor, down: Tensor) -> Tensor:
    """The plain formula without adapters. gate, up: (cols, hidden). down: (out, cols)."""
    return swiglu_reference(torch.cat((x @ gate.T, x @ up.T), -1)) @ down.T
