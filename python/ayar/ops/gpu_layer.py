# pyright: reportMissingImports=false
"""One whole layer of a Llama-shaped decoder on a GPU as one autograd function, so that every buffer has room for its border.

    x₁ = norm(s₁) with s₁ = h + delta;  q k v = LoRA linear of x₁;  a = attention(rope(q, k), v);  d = LoRA linear of a
    x₂ = norm(s₂) with s₂ = s₁ + d;     g, p = LoRA linear of x₂;   delta' = LoRA linear of act(g) · p;   returns s₂, delta'

Kept for the backward pass: s₁, s₂, q k v, a, g p, and the narrow u of each. Normalised rows and act(g) · p are not: A's gradient is
taken from s with the norm's factors outside the product, and act(g) · p is recomputed in the kernel that needs it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ayar.errors import BackendError
from ayar.kernels import lora_backward, lora_linear, rms_norm, rope, swiglu, swiglu_backward
from ayar.ops.bordered import BorderedWeight, Factor, border_of, bordered_like, bordered_rows, factors_of, used_columns
from ayar.ops.gpu_attention import Packing, attention_backward, attention_forward
from ayar.ops.quantized_weight import QuantizedWeight

Product = BorderedWeight | QuantizedWeight
FUSED_RANK = 64  # of all adapters that share x: more would not fit beside the norm in registers
Adapters = Sequence[tuple[int, Tensor, Tensor, float]]  # (first row of its projection, lora_A, lora_B, scaling)


class LayerWeights(NamedTuple):
    """What is frozen. Norms: (hidden_size,) fp32."""

    attention_norm: Tensor
    qkv: Product
    o: Product
    mlp_norm: Tensor
    gate_up: Product
    down: Product


class LayerShape(NamedTuple):
    """Of the attention, and the constants of the formulas."""

    num_heads: int
    num_kv_heads: int
    head_dim: int
    eps: float
    scale: float
    softcap: float | None = None
    window: int | None = None
    gelu: bool = False


@dataclass
class LayerAdapters:
    """The adapters of each product, in the order of their projections."""

    qkv: Adapters = ()
    o: Adapters = ()
    gate_up: Adapters = ()
    down: Adapters = ()
    tensors: list[Tensor] = field(init=False)  # every lora_A and lora_B, as autograd wants them: side by side

    def __post_init__(self) -> None:
        self.tensors = [factor for group in (self.qkv, self.o, self.gate_up, self.down) for _, a, b, _ in group for factor in (a, b)]


def gpu_layer(
    h: Tensor, delta: Tensor | None, weights: LayerWeights, adapters: LayerAdapters, shape: LayerShape, packing: Packing
) -> tuple[Tensor, Tensor]:
    """(s₂, delta'): the stream after the attention, and what the feed-forward block adds to it. h, delta: (tokens, hidden_size)."""
    return _Layer.apply(h, delta, weights, adapters, shape, packing, *adapters.tensors)


class _Layer(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        h: Tensor,
        delta: Tensor | None,
        weights: LayerWeights,
        adapters: LayerAdapters,
        shape: LayerShape,
        packing: Packing,
        *_: Tensor,
    ) -> tuple[Tensor, Tensor]:
        tokens, hidden = h.shape
        groups = [factors_of(group) for group in (adapters.qkv, adapters.o, adapters.gate_up, adapters.down)]
        qkv_factors, o_factors, gate_factors, down_factors = groups

        first, rstd1, qkv, u_qkv = _normed_product(h, delta, weights.attention_norm, shape.eps, weights.qkv, qkv_factors)
        heads = qkv.view(tokens, -1, shape.head_dim)
        rope.launch_rotate_heads(heads, packing.cos, packing.sin, packing.position_ids, shape.num_heads + shape.num_kv_heads)
        used = weights.o.write(o_factors)
        mixed = bordered_rows(tokens, weights.o.shape[1], h, weights.o.border)
        is_fused = 0 < used <= FUSED_RANK
        logsumexp = attention_forward(heads, packing, shape, mixed, weights.o.below(used) if is_fused else None)
        if not is_fused:
            _project(mixed, weights.o, used)
        attended = h.new_empty(tokens, hidden)
        weights.o.product(mixed, used, attended)

        second, rstd2, gate_up, u_gate = _normed_product(
            first, attended, weights.mlp_norm, shape.eps, weights.gate_up, gate_factors, weights.gate_up.border
        )
        used = weights.down.write(down_factors)
        activated = bordered_rows(tokens, weights.down.shape[1], h, weights.down.border)
        is_fused = 0 < used <= FUSED_RANK
        lora_A = weights.down.below(used) if is_fused else None
        swiglu.launch_swiglu_project(
            gate_up, lora_A, activated, border_of(activated, weights.down.border) if is_fused else None, shape.gelu
        )
        if not is_fused:
            _project(activated, weights.down, used)
        u_down = border_of(activated, used).clone() if used else activated.new_empty(tokens, 0)
        output = h.new_empty(tokens, hidden)
        weights.down.product(activated, used, output)

        ctx.save_for_backward(first, rstd1, u_qkv, qkv, mixed, logsumexp, second, rstd2, u_gate, gate_up, u_down)
        ctx.weights, ctx.groups, ctx.shape, ctx.packing = weights, groups, shape, packing
        ctx.writers, ctx.is_spent = [weight.writer for weight in _products(weights)], False
        return second, output

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dsecond: Tensor, doutput: Tensor) -> tuple[Tensor | None, ...]:
        if ctx.is_spent:
            raise BackendError("gpu_layer: its backward pass ran already, and wrote over what it read: run the forward pass again")
        ctx.is_spent = True
        first, rstd1, u_qkv, qkv, mixed, logsumexp, second, rstd2, u_gate, gate_up, u_down = ctx.saved_tensors
        weights, shape, packing = ctx.weights, ctx.shape, ctx.packing
        qkv_factors, o_factors, gate_factors, down_factors = ctx.groups
        for weight, factors, writer in zip(_products(weights), ctx.groups, ctx.writers, strict=True):
            if weight.writer is not writer:  # another forward pass has written its borders since
                weight.write(factors)
        gradients: dict[int, Tensor] = {}

        dy = _bordered(doutput, weights.down)
        _output_gradients(dy, u_down, down_factors, gradients)
        dactivated = dy.new_empty(dy.shape[0], weights.down.shape[1])
        weights.down.product_backward(dy, used_columns(down_factors), dactivated)
        _gate_backward(dactivated, gate_up, u_gate, border_of(dy, used_columns(down_factors)), gate_factors, down_factors, shape, gradients)
        normed = dy.new_empty(second.shape)
        weights.gate_up.product_backward(gate_up, used_columns(gate_factors), normed)
        _input_gradients(border_of(gate_up, used_columns(gate_factors)), second, rstd2, weights.mlp_norm, gate_factors, gradients)
        dstream = bordered_like(second, weights.o.border)
        rms_norm.launch_norm_backward(normed, second, weights.mlp_norm, rstd2, _whole_rows(dsecond), dstream)

        _output_gradients(dstream, border_of(mixed, used_columns(o_factors)), o_factors, gradients)
        dmixed = dy.new_empty(mixed.shape)
        weights.o.product_backward(dstream, used_columns(o_factors), dmixed)
        _input_gradients(border_of(dstream, used_columns(o_factors)), mixed, None, None, o_factors, gradients)
        dqkv = bordered_like(qkv, weights.qkv.border)
        attention_backward(dmixed, qkv.view(len(qkv), -1, shape.head_dim), mixed, logsumexp, packing, shape, dqkv)
        _output_gradients(dqkv, u_qkv, qkv_factors, gradients)
        _input_gradients(border_of(dqkv, used_columns(qkv_factors)), first, rstd1, weights.attention_norm, qkv_factors, gradients)
        dh = None
        if ctx.needs_input_grad[0] or ctx.needs_input_grad[1]:
            weights.qkv.product_backward(dqkv, used_columns(qkv_factors), normed)
            dh = bordered_like(first, weights.down.border)
            rms_norm.launch_norm_backward(normed, first, weights.attention_norm, rstd1, dstream, dh)
            dh.ayar_border = weights.down.border  # pyright: ignore[reportAttributeAccessIssue]: read by the layer below
        tensors = [gradients[id(t)] for group in ctx.groups for factor in group for t in (factor.lora_A, factor.lora_B)]
        return (dh, dh if ctx.needs_input_grad[1] else None, None, None, None, None, *tensors)


def _normed_product(
    x: Tensor, delta: Tensor | None, norm: Tensor, eps: float, weight: Product, factors: Sequence[Factor], spare: int = 0
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """(x + delta, rstd, the product of its norm, u). spare: columns behind each row of the product."""
    used = weight.write(factors)
    total = x if delta is None else torch.empty_like(x, memory_format=torch.contiguous_format)
    normed, rstd = bordered_like(x, weight.border), x.new_empty(x.shape[0], dtype=torch.float32)
    is_fused = 0 < used <= FUSED_RANK
    lora_A = weight.below(used) if is_fused else None
    u = border_of(normed, weight.border) if is_fused else None
    rms_norm.launch_norm_project(x, delta, norm, eps, lora_A, normed, u, rstd, None if delta is None else total)
    if not is_fused:
        _project(normed, weight, used)
    y = bordered_rows(x.shape[0], weight.shape[0], x, spare)
    weight.product(normed, used, y)
    return total, rstd, y, border_of(normed, used).clone() if used else x.new_empty(x.shape[0], 0)


def _project(x: Tensor, weight: Product, used: int) -> None:
    """u = x Aᵀ into the spare columns of x, in a pass of its own."""
    lora_A = weight.below(used)
    for begin in range(0, used, FUSED_RANK):
        part = lora_A[begin : begin + FUSED_RANK]
        u = x.new_empty(x.shape[0], lora_linear.padded_rank(len(part)))
        lora_linear.launch_down_projection(x, part, u)
        border_of(x, used)[:, begin : begin + len(part)] = u[:, : len(part)]


def _products(weights: LayerWeights) -> tuple[Product, ...]:
    return weights.qkv, weights.o, weights.gate_up, weights.down


def _bordered(dy: Tensor, weight: Product) -> Tensor:
    """dy in rows with room for v: its own where the layer above marked them as such, else a copy."""
    if getattr(dy, "ayar_border", 0) >= weight.border:
        return dy
    return bordered_like(dy, weight.border).copy_(dy)


def _whole_rows(x: Tensor) -> Tensor:
    """x, whose rows may lie apart but whose columns do not; a gradient that was expanded is copied."""
    return x if x.stride(1) == 1 and x.stride(0) >= x.shape[1] else x.contiguous()


def _output_gradients(dy: Tensor, u: Tensor, factors: Sequence[Factor], gradients: dict[int, Tensor]) -> None:
    """v = s · dy B into the spare columns of dy, dB = s · dyᵀ u; each adapter reads the columns of its own projection."""
    used = used_columns(factors)
    v = border_of(dy, used)
    v[:, sum(factor.rank for factor in factors) :] = 0
    for factor in factors:
        gradient = gradients[id(factor.lora_B)] = torch.empty_like(factor.lora_B)
        part = dy[:, factor.rows]
        lora_backward.launch_output_gradient(part, u[:, factor.columns], factor.lora_B, factor.scaling, v[:, factor.columns], gradient)


def _input_gradients(
    v: Tensor, x: Tensor, row_scale: Tensor | None, column_scale: Tensor | None, factors: Sequence[Factor], gradients: dict[int, Tensor]
) -> None:
    """dA = vᵀ x of all adapters that read x, in one pass over it."""
    if not factors:
        return
    total = sum(factor.rank for factor in factors)
    together = v.new_empty(total, x.shape[1], dtype=torch.float32)
    lora_backward.launch_input_gradient(v[:, :total], x, row_scale, column_scale, together)
    for factor in factors:
        gradients[id(factor.lora_A)] = together[factor.columns]


def _gate_backward(
    dy: Tensor, gate_up: Tensor, u: Tensor, v_down: Tensor, gate_factors: Sequence[Factor], down_factors: Sequence[Factor], shape: LayerShape,
    gradients: dict[int, Tensor],
) -> None:  # fmt: skip
    """gate_up becomes its own gradient, with v in its spare columns; also the gradient of A of down_proj, whose input is recomputed."""
    ranks = {factor.rank for factor in (*gate_factors, *down_factors)}
    is_whole = len(gate_factors) == 2 and len(down_factors) == 1 and len(ranks) == 1 and max(ranks) <= swiglu_backward.MOST_RANK
    if is_whole:
        gate, up, down = *gate_factors, *down_factors
        da = gradients[id(down.lora_A)] = torch.empty_like(down.lora_A)
        db = [torch.empty_like(factor.lora_B) for factor in gate_factors]
        gradients[id(gate.lora_B)], gradients[id(up.lora_B)] = db
        v = border_of(gate_up, used_columns(gate_factors))
        v[:, gate.rank + up.rank :] = 0
        swiglu_backward.launch_swiglu_lora_backward(
            dy, gate_up, gate_up, v_down, u, (gate.lora_B, up.lora_B), (gate.scaling, up.scaling), v, da, (db[0], db[1]), shape.gelu
        )
        return
    if down_factors:
        activated = dy.new_empty(dy.shape)
        swiglu.launch_swiglu_project(gate_up, None, activated, None, shape.gelu)
        _input_gradients(v_down, activated, None, None, down_factors, gradients)
    swiglu.launch_swiglu_backward(dy, gate_up, gate_up, shape.gelu)
    _output_gradients(gate_up, u, gate_factors, gradients)
