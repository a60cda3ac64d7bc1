# pyright: reportMissingImports=false
"""What the adapters of one frozen product add to a layer on a GPU: u, v and the gradients of their factors, with dropout or without.

Without dropout u = x Aᵀ comes from the kernel that writes x, and v A is part of dx's product. With it each adapter sees x through a mask
of its own, made again wherever it is needed; then u has a pass over x, and dx = Σ mask ⊙ (v A) + dy W is one product of ours.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ayar.kernels import lora_backward, lora_linear, swiglu, swiglu_backward
from ayar.kernels.lora_linear import PLAIN, Stored
from ayar.kernels.philox import Masks
from ayar.ops.bordered import BorderedWeight, Factor, border_of, factors_of, used_columns
from ayar.ops.quantized_weight import QuantizedWeight

Product = BorderedWeight | QuantizedWeight
FUSED_RANK = 64  # of all adapters that share x: more would not fit beside the norm in registers
# (first row of its projection, lora_A, lora_B, scaling), and which dropout mask, where there is dropout
Adapters = Sequence[tuple[int, Tensor, Tensor, float] | tuple[int, Tensor, Tensor, float, int]]


class Group(NamedTuple):
    """The adapters of one product. streams: (adapters,) int32 on the device, which masks they have. used: border columns they take."""

    factors: list[Factor]
    streams: Tensor | None
    used: int

    def is_fused(self, masks: Masks | None) -> bool:
        """Whether the kernel that writes x computes u too."""
        return masks is None and 0 < self.used <= FUSED_RANK


def group_of(adapters: Adapters) -> Group:
    factors = factors_of([(start, a, b, scaling) for start, a, b, scaling, *_ in adapters])
    numbers = [adapter[4] if len(adapter) == 5 else 0 for adapter in adapters]
    streams = torch.tensor(numbers, dtype=torch.int32, device=factors[0].lora_A.device) if factors else None
    return Group([factor._replace(stream=stream) for factor, stream in zip(factors, numbers, strict=True)], streams, used_columns(factors))


def project(x: Tensor, weight: Product, group: Group, masks: Masks | None) -> None:
    """u = x Aᵀ into the spare columns of x, in a pass of its own; with masks, a pass for each adapter."""
    lora_A = weight.below(group.used)
    if masks is None:
        parts = [(slice(begin, min(begin + FUSED_RANK, group.used)), 0) for begin in range(0, group.used, FUSED_RANK)]
    else:
        parts = [(factor.columns, factor.stream) for factor in group.factors]
        border_of(x, group.used)[:, sum(factor.rank for factor in group.factors) :].zero_()
    for columns, stream in parts:
        part = lora_A[columns]
        u = x.new_empty(x.shape[0], lora_linear.padded_rank(len(part)))
        lora_linear.launch_down_projection(x, part, u, masks, stream)
        border_of(x, group.used)[:, columns] = u[:, : len(part)]


def product_backward(weight: Product, dy: Tensor, group: Group, masks: Masks | None, dx: Tensor) -> None:
    """dx = [dy | v] [W ; A], the adapters' terms through their masks."""
    if masks is None or not group.factors:
        weight.product_backward(dy, group.used, dx)
        return
    stored = Stored(PLAIN, weight.frozen, None, None, weight.shape) if isinstance(weight, BorderedWeight) else weight.stored
    total = sum(factor.rank for factor in group.factors)
    v, lora_A = border_of(dy, group.used)[:, :total], weight.below(group.used)[:total]
    lora_linear.launch_bordered_gemm_backward(dy, stored, v, lora_A, dx, len(group.factors), masks, group.streams)


def output_gradients(dy: Tensor, u: Tensor, group: Group, gradients: dict[int, Tensor]) -> None:
    """v = s · dy B into the spare columns of dy, dB = s · dyᵀ u; each adapter reads the columns of its own projection."""
    v = border_of(dy, group.used)
    v[:, sum(factor.rank for factor in group.factors) :].zero_()
    for factor in group.factors:
        gradient = gradients[id(factor.lora_B)] = torch.empty_like(factor.lora_B)
        part = dy[:, factor.rows]
        lora_backward.launch_output_gradient(part, u[:, factor.columns], factor.lora_B, factor.scaling, v[:, factor.columns], gradient)


def input_gradients(
    v: Tensor, x: Tensor, row_scale: Tensor | None, column_scale: Tensor | None, group: Group, masks: Masks | None, gradients: dict[int, Tensor]
) -> None:  # fmt: skip
    """dA = vᵀ x: without masks of all adapters that read x, in one pass over it."""
    if not group.factors:
        return
    total = sum(factor.rank for factor in group.factors)
    together = v.new_empty(total, x.shape[1], dtype=torch.float32)
    if masks is None:
        lora_backward.launch_input_gradient(v[:, :total], x, row_scale, column_scale, together)
    for factor in group.factors:
        gradients[id(factor.lora_A)] = together[factor.columns]
        if masks is not None:
            part = v[:, factor.columns]
            lora_backward.launch_input_gradient(part, x, row_scale, column_scale, together[factor.columns], masks, factor.stream)


def gate_backward(
    dy: Tensor, gate_up: Tensor, u: Tensor, v_down: Tensor, gate: Group, down: Group, masks: Masks | None, is_gelu: bool,
    gradients: dict[int, Tensor],
) -> None:  # fmt: skip
    """gate_up becomes its own gradient, with v in its spare columns; also the gradient of A of down_proj, whose input is recomputed."""
    ranks = {factor.rank for factor in (*gate.factors, *down.factors)}
    fits = len(gate.factors) == 2 and len(down.factors) == 1 and len(ranks) == 1 and max(ranks) <= swiglu_backward.MOST_RANK
    if fits and masks is None:
        _gate_backward_at_once(dy, gate_up, u, v_down, gate, down.factors[0], is_gelu, gradients)
        return
    if down.factors:
        activated = dy.new_empty(dy.shape)
        swiglu.launch_swiglu_project(gate_up, None, activated, None, is_gelu)
        input_gradients(v_down, activated, None, None, down, masks, gradients)
    swiglu.launch_swiglu_backward(dy, gate_up, gate_up, is_gelu)
    output_gradients(gate_up, u, gate, gradients)


def _gate_backward_at_once(
    dy: Tensor, gate_up: Tensor, u: Tensor, v_down: Tensor, group: Group, down: Factor, is_gelu: bool, gradients: dict[int, Tensor]
) -> None:
    gate, up = group.factors
    da = gradients[id(down.lora_A)] = torch.empty_like(down.lora_A)
    db = (torch.empty_like(gate.lora_B), torch.empty_like(up.lora_B))
    gradients[id(gate.lora_B)], gradients[id(up.lora_B)] = db
    v = border_of(gate_up, group.used)
    v[:, gate.rank + up.rank :].zero_()
    swiglu_backward.launch_swiglu_lora_backward(
        dy, gate_up, gate_up, v_down, u, (gate.lora_B, up.lora_B), (gate.scaling, up.scaling), v, da, db, is_gelu
    )
