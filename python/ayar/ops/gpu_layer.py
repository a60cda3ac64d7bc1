# pyright: reportMissingImports=false
"""One whole layer of a decoder on a GPU as one autograd function, so that every buffer has room for its border.

    x₁ = norm(s₁) with s₁ = h + delta;  q k v = LoRA linear of x₁;  a = attention(rope(q, k), v);  d = LoRA linear of a
    x₂ = norm(s₂) with s₂ = s₁ + d;     g, p = LoRA linear of x₂;   delta' = LoRA linear of act(g) · p;   returns s₂, delta'

Some families also norm each head of q and k before rope, and d and delta' before they join the stream. Kept for the backward pass: s₁,
s₂, q k v, a, g p, and the narrow u of each (and d, delta' where they are normed). Normalised rows and act(g) · p are not: A's gradient is
taken from s with the norm's factors outside the product, and act(g) · p is recomputed in the kernel that needs it.

Where memory is short, the large ones wait in the host's memory (``Offload``), or s₁ alone is kept and the layer computed again.
"""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ayar.errors import BackendError
from ayar.kernels import head_norm, rms_norm, rope, swiglu
from ayar.kernels.philox import Masks
from ayar.ops.bordered import border_of, bordered_like, bordered_rows
from ayar.ops.gpu_adapters import (
    Adapters,
    Group,
    Product,
    gate_backward,
    group_of,
    input_gradients,
    output_gradients,
    product_backward,
    project,
)
from ayar.ops.gpu_attention import Packing, attention_backward, attention_forward
from ayar.ops.gpu_offload import Keeping, Offload


class LayerWeights(NamedTuple):
    """What is frozen. Norms: (hidden_size,) fp32. head_norm: (query and key heads, head_dim) fp32."""

    attention_norm: Tensor
    qkv: Product
    o: Product
    mlp_norm: Tensor
    gate_up: Product
    down: Product
    head_norm: Tensor | None = None
    post_attention_norm: Tensor | None = None
    post_mlp_norm: Tensor | None = None


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
    groups: tuple[Group, ...] = field(init=False)

    def __post_init__(self) -> None:
        adapters = (self.qkv, self.o, self.gate_up, self.down)
        self.tensors = [factor for group in adapters for _, a, b, *_ in group for factor in (a, b)]
        self.groups = tuple(group_of(group) for group in adapters)


class Kept(NamedTuple):
    """What the backward pass reads."""

    first: Tensor
    qkv: Tensor
    mixed: Tensor
    second: Tensor
    gate_up: Tensor
    rstd1: Tensor
    u_qkv: Tensor
    logsumexp: Tensor
    rstd2: Tensor
    u_gate: Tensor
    u_down: Tensor
    rstd_heads: Tensor | None
    attended: Tensor | None
    output: Tensor | None
    rstd_attended: Tensor | None
    rstd_output: Tensor | None


LARGE = 5  # the first fields of Kept: what is worth moving


def gpu_layer(
    h: Tensor,
    delta: Tensor | None,
    weights: LayerWeights,
    adapters: LayerAdapters,
    shape: LayerShape,
    packing: Packing,
    masks: Masks | None = None,
    keeping: Keeping = "stored",
    offload: Offload | None = None,
) -> tuple[Tensor, Tensor]:
    """(s₂, delta'): the stream after the attention, and what the feed-forward block adds to it. h, delta: (tokens, hidden_size).

    masks: of the adapters' dropout, None without. keeping: the result is the same, bit by bit. offload: where to, if that is wanted.
    """
    if keeping == "offloaded" and offload is None:
        raise BackendError("gpu_layer: keeping is 'offloaded', but there is no offload to take the layer's activations")
    return _Layer.apply(h, delta, weights, adapters, shape, packing, masks, keeping, offload, *adapters.tensors)


def _computed(
    h: Tensor, delta: Tensor | None, weights: LayerWeights, adapters: LayerAdapters, shape: LayerShape, packing: Packing, masks: Masks | None
) -> tuple[Tensor, Kept]:  # fmt: skip
    """(delta', what the backward pass reads, s₂ among it)."""
    tokens, hidden = h.shape
    qkv_group, o_group, gate_group, down_group = adapters.groups

    first, rstd1, qkv, u_qkv = _normed_product(h, delta, weights.attention_norm, shape.eps, weights.qkv, qkv_group, masks)
    heads, rstd_heads = _turned(qkv, weights.head_norm, packing, shape)
    weights.o.write(o_group.factors)
    mixed = bordered_rows(tokens, weights.o.shape[1], h, weights.o.border)
    lora_A = weights.o.below(o_group.used) if o_group.is_fused(masks) else None
    logsumexp = attention_forward(heads, packing, shape, mixed, lora_A)
    if lora_A is None:
        project(mixed, weights.o, o_group, masks)
    attended = h.new_empty(tokens, hidden)
    weights.o.product(mixed, o_group.used, attended)
    joined, rstd_attended = _normed(attended, weights.post_attention_norm, shape.eps)

    second, rstd2, gate_up, u_gate = _normed_product(
        first, joined, weights.mlp_norm, shape.eps, weights.gate_up, gate_group, masks, weights.gate_up.border
    )
    weights.down.write(down_group.factors)
    activated = bordered_rows(tokens, weights.down.shape[1], h, weights.down.border)
    lora_A = weights.down.below(down_group.used) if down_group.is_fused(masks) else None
    u = None if lora_A is None else border_of(activated, weights.down.border)
    swiglu.launch_swiglu_project(gate_up, lora_A, activated, u, shape.gelu)
    if lora_A is None:
        project(activated, weights.down, down_group, masks)
    u_down = border_of(activated, down_group.used).clone() if down_group.used else activated.new_empty(tokens, 0)
    output = h.new_empty(tokens, hidden)
    weights.down.product(activated, down_group.used, output)
    added, rstd_output = _normed(output, weights.post_mlp_norm, shape.eps)
    normed_after = (attended, output) if weights.post_mlp_norm is not None else (None, None)
    small = rstd1, u_qkv, logsumexp, rstd2, u_gate, u_down, rstd_heads
    return added, Kept(first, qkv, mixed, second, gate_up, *small, *normed_after, rstd_attended, rstd_output)


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
        masks: Masks | None,
        keeping: Keeping,
        offload: Offload | None,
        *_: Tensor,
    ) -> tuple[Tensor, Tensor]:
        added, kept = _computed(h, delta, weights, adapters, shape, packing, masks)
        ctx.moved = None
        if keeping == "recomputed":
            ctx.save_for_backward(kept.first)
        elif keeping == "offloaded" and offload is not None and any(ctx.needs_input_grad):
            ctx.moved = offload.put(list(kept[:LARGE]))
            ctx.save_for_backward(*kept[LARGE:])
        else:
            ctx.save_for_backward(*kept)
        ctx.weights, ctx.adapters, ctx.shape, ctx.packing, ctx.masks = weights, adapters, shape, packing, masks
        ctx.keeping, ctx.offload = keeping, offload
        ctx.writers, ctx.is_spent = [weight.writer for weight in _products(weights)], False
        return kept.second, added

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dsecond: Tensor, dadded: Tensor) -> tuple[Tensor | None, ...]:
        if ctx.is_spent:
            raise BackendError("gpu_layer: its backward pass ran already, and wrote over what it read: run the forward pass again")
        ctx.is_spent = True
        weights, shape, packing, masks = ctx.weights, ctx.shape, ctx.packing, ctx.masks
        first, qkv, mixed, second, gate_up, rstd1, u_qkv, logsumexp, rstd2, u_gate, u_down, *rest = _kept_of(ctx)
        rstd_heads, attended, output, rstd_attended, rstd_output = rest
        qkv_group, o_group, gate_group, down_group = ctx.adapters.groups
        for weight, group, writer in zip(_products(weights), ctx.adapters.groups, ctx.writers, strict=True):
            if weight.writer is not writer:  # another forward pass has written its borders since
                weight.write(group.factors)
        gradients: dict[int, Tensor] = {}

        dy = _before_norm(dadded, output, weights.post_mlp_norm, rstd_output, weights.down)
        output_gradients(dy, u_down, down_group, gradients)
        dactivated = dy.new_empty(dy.shape[0], weights.down.shape[1])
        product_backward(weights.down, dy, down_group, masks, dactivated)
        v_down = border_of(dy, down_group.used)
        gate_backward(dactivated, gate_up, u_gate, v_down, gate_group, down_group, masks, shape.gelu, gradients)
        normed = dy.new_empty(second.shape)
        product_backward(weights.gate_up, gate_up, gate_group, masks, normed)
        input_gradients(border_of(gate_up, gate_group.used), second, rstd2, weights.mlp_norm, gate_group, masks, gradients)
        dstream = bordered_like(second, weights.o.border)
        rms_norm.launch_norm_backward(normed, second, weights.mlp_norm, rstd2, _whole_rows(dsecond), dstream)

        dattended = dstream
        if weights.post_attention_norm is not None:
            dattended = _before_norm(dstream, attended, weights.post_attention_norm, rstd_attended, weights.o)
        output_gradients(dattended, border_of(mixed, o_group.used), o_group, gradients)
        dmixed = dy.new_empty(mixed.shape)
        product_backward(weights.o, dattended, o_group, masks, dmixed)
        input_gradients(border_of(dattended, o_group.used), mixed, None, None, o_group, masks, gradients)
        dqkv = bordered_like(qkv, weights.qkv.border)
        heads = qkv.view(len(qkv), -1, shape.head_dim)
        turned = heads if weights.head_norm is None else _turned(qkv, weights.head_norm, packing, shape)[0]
        attention_backward(dmixed, turned, mixed, logsumexp, packing, shape, dqkv)
        if weights.head_norm is not None:
            by_head = dqkv.unflatten(1, (-1, shape.head_dim))
            head_norm.launch_normalize_heads_backward(by_head, heads, weights.head_norm, rstd_heads, by_head)
        output_gradients(dqkv, u_qkv, qkv_group, gradients)
        input_gradients(border_of(dqkv, qkv_group.used), first, rstd1, weights.attention_norm, qkv_group, masks, gradients)
        dh = None
        if ctx.needs_input_grad[0] or ctx.needs_input_grad[1]:
            product_backward(weights.qkv, dqkv, qkv_group, masks, normed)
            dh = bordered_like(first, weights.down.border)
            rms_norm.launch_norm_backward(normed, first, weights.attention_norm, rstd1, dstream, dh)
            dh.ayar_border = weights.down.border  # pyright: ignore[reportAttributeAccessIssue]: read by the layer below
        tensors = [gradients[id(t)] for group in ctx.adapters.groups for factor in group.factors for t in (factor.lora_A, factor.lora_B)]
        return (dh, dh if ctx.needs_input_grad[1] else None, *[None] * 7, *tensors)


def _kept_of(ctx: Any) -> tuple[Any, ...]:
    """What the forward pass left, from wherever it is."""
    if ctx.keeping == "recomputed":
        (first,) = ctx.saved_tensors
        return _computed(first, None, ctx.weights, ctx.adapters, ctx.shape, ctx.packing, ctx.masks)[1]
    if ctx.moved is not None:
        return (*ctx.offload.take(ctx.moved), *ctx.saved_tensors)
    return ctx.saved_tensors


def _normed_product(
    x: Tensor, delta: Tensor | None, norm: Tensor, eps: float, weight: Product, group: Group, masks: Masks | None, spare: int = 0
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """(x + delta, rstd, the product of its norm, u). spare: columns behind each row of the product."""
    weight.write(group.factors)
    total = x if delta is None else torch.empty_like(x, memory_format=torch.contiguous_format)
    normed, rstd = bordered_like(x, weight.border), x.new_empty(x.shape[0], dtype=torch.float32)
    lora_A = weight.below(group.used) if group.is_fused(masks) else None
    u = None if lora_A is None else border_of(normed, weight.border)
    rms_norm.launch_norm_project(x, delta, norm, eps, lora_A, normed, u, rstd, None if delta is None else total)
    if lora_A is None:
        project(normed, weight, group, masks)
    y = bordered_rows(x.shape[0], weight.shape[0], x, spare)
    weight.product(normed, group.used, y)
    return total, rstd, y, border_of(normed, group.used).clone() if group.used else x.new_empty(x.shape[0], 0)


def _turned(qkv: Tensor, norm: Tensor | None, packing: Packing, shape: LayerShape) -> tuple[Tensor, Tensor | None]:
    """(tokens, heads, head_dim) with queries and keys normed and rotated, and rstd: in place without a norm, else beside qkv, which stays."""
    heads, rstd, count = qkv.view(len(qkv), -1, shape.head_dim), None, shape.num_heads + shape.num_kv_heads
    if norm is not None:
        plain, heads = heads, torch.empty_like(heads)
        rstd = qkv.new_empty(len(qkv), count, dtype=torch.float32)
        head_norm.launch_normalize_heads(plain, norm, shape.eps, heads, rstd)
    rope.launch_rotate_heads(heads, packing.cos, packing.sin, packing.position_ids, count)
    return heads, rstd


def _normed(x: Tensor, norm: Tensor | None, eps: float) -> tuple[Tensor, Tensor | None]:
    """x behind a norm of its block, and rstd; x itself where the family has none."""
    if norm is None:
        return x, None
    y, rstd = torch.empty_like(x), x.new_empty(x.shape[0], dtype=torch.float32)
    rms_norm.launch_norm_project(x, None, norm, eps, None, y, None, rstd, None)
    return y, rstd


def _before_norm(dy: Tensor, x: Tensor | None, norm: Tensor | None, rstd: Tensor | None, weight: Product) -> Tensor:
    """The gradient of what a block's norm took, in rows with room for v; without a norm dy itself, if it has the room already."""
    if norm is None:
        return _bordered(dy, weight)
    dx = bordered_like(dy, weight.border)
    rms_norm.launch_norm_backward(_whole_rows(dy), x, norm, rstd, None, dx)
    return dx


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
