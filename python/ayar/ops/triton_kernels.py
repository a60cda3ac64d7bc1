# pyright: reportMissingImports=false
"""The kernels of a CUDA device under the names and arguments of the CPU's, so that an op is written once: backend.kernels picks.

Also run on the CPU by Triton's interpreter (TRITON_INTERPRET=1), where tests hold every op of a decoder against its reference.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from ayar.errors import BackendError
from ayar.kernels import adamw as adamw_kernels
from ayar.kernels import attention, head_norm, keyed_rows, lora_linear, rms_norm, rope, swiglu
from ayar.kernels import cross_entropy as cross_entropy_kernels
from ayar.kernels.philox import Masks
from ayar.ops.bordered import BorderedWeight, border_of, bordered_like
from ayar.ops.gpu_adapters import Group, group_of, input_gradients, output_gradients, product_backward, project
from ayar.ops.quantized_weight import QuantizedWeight
from ayar.ops.visibility import visibility

# First row of its projection, lora_A, lora_B, scaling, and the dropout's mask or None.
NativeAdapter = tuple[int, Tensor, Tensor, float, tuple[int, int, int, int] | None]


def PackedWeight(  # noqa: N802 (the CPU has a class of this name)
    weights: Sequence[Tensor], bias: Tensor | None, bf16: bool, storage: Literal["full", "nf4", "int8"] = "full"
) -> BorderedWeight | QuantizedWeight:
    """The frozen rows of projections that share x, computed with in fp32 or bf16."""
    dtype = torch.bfloat16 if bf16 else torch.float32
    return BorderedWeight(weights, bias, dtype) if storage == "full" else QuantizedWeight(weights, bias, dtype, storage)


def _group(adapters: Sequence[NativeAdapter]) -> tuple[Group, Masks | None]:
    """The adapters of one call, and their masks; one probability, seed and draw serves all."""
    group = group_of([(start, a, b, scaling, 0 if dropout is None else dropout[2]) for start, a, b, scaling, dropout in adapters])
    dropouts = [dropout for *_, dropout in adapters if dropout is not None]
    if not dropouts:
        return group, None
    (seed, draw, _, threshold), device = dropouts[0], adapters[0][1].device
    if len(dropouts) < len(adapters) or any((key, number, least) != (seed, draw, threshold) for key, number, _, least in dropouts):
        raise BackendError("lora_linear: on a GPU the adapters of one call must have the same dropout, but for its stream")
    return group, Masks(threshold, seed, torch.tensor([draw], dtype=torch.int64, device=device).to(torch.int32))


def rms_norm_forward(x: Tensor, weight: Tensor, eps: float, y: Tensor, rstd: Tensor) -> None:
    cols = x.shape[-1]
    rms_norm.launch_norm_project(x.view(-1, cols), None, weight, eps, None, y.view(-1, cols), None, rstd.view(-1), None)


def rms_norm_backward_input(dy: Tensor, x: Tensor, weight: Tensor, rstd: Tensor, residual: Tensor, dx: Tensor) -> None:
    cols = x.shape[-1]
    stream = residual.view(-1, cols) if residual.numel() else None
    rms_norm.launch_norm_backward(dy.view(-1, cols), x.view(-1, cols), weight, rstd.view(-1), stream, dx.view(-1, cols))


def rms_norm_backward_weight(dy: Tensor, x: Tensor, rstd: Tensor, dweight: Tensor) -> None:
    cols = x.shape[-1]
    rms_norm.launch_norm_weight_gradient(dy.view(-1, cols), x.view(-1, cols), rstd.view(-1), dweight)


def rope_forward(x: Tensor, cos: Tensor, sin: Tensor, position_ids: Tensor, num_rotated_heads: int, y: Tensor) -> None:
    _rope(x, cos, sin, position_ids, num_rotated_heads, y, backward=False)


def rope_backward(dy: Tensor, cos: Tensor, sin: Tensor, position_ids: Tensor, num_rotated_heads: int, dx: Tensor) -> None:
    _rope(dy, cos, sin, position_ids, num_rotated_heads, dx, backward=True)


def _rope(x: Tensor, cos: Tensor, sin: Tensor, position_ids: Tensor, turned: int, y: Tensor, backward: bool) -> None:
    rope.launch_rotate_heads(x, cos, sin, position_ids, turned, backward, out=y)
    y[:, turned:] = x[:, turned:]
    y[:, :turned, 2 * cos.shape[1] :] = x[:, :turned, 2 * cos.shape[1] :]


def head_norm_forward(x: Tensor, weight: Tensor, eps: float, y: Tensor, rstd: Tensor) -> None:
    head_norm.launch_normalize_heads(x, weight, eps, y, rstd)


def head_norm_backward(dy: Tensor, x: Tensor, weight: Tensor, rstd: Tensor, dx: Tensor) -> None:
    head_norm.launch_normalize_heads_backward(dy, x, weight, rstd, dx)


def swiglu_forward(gate_up: Tensor, y: Tensor) -> None:
    swiglu.launch_swiglu_project(gate_up, None, y, None)


def swiglu_backward(dy: Tensor, gate_up: Tensor, dgate_up: Tensor) -> None:
    swiglu.launch_swiglu_backward(dy, gate_up, dgate_up)


def geglu_forward(gate_up: Tensor, y: Tensor) -> None:
    swiglu.launch_swiglu_project(gate_up, None, y, None, gelu=True)


def geglu_backward(dy: Tensor, gate_up: Tensor, dgate_up: Tensor) -> None:
    swiglu.launch_swiglu_backward(dy, gate_up, dgate_up, gelu=True)


def linear_forward(x: Tensor, weight: BorderedWeight | QuantizedWeight, y: Tensor) -> None:
    weight.product(x, 0, y)


def linear_backward_input(dy: Tensor, weight: BorderedWeight | QuantizedWeight, dx: Tensor) -> None:
    weight.product_backward(dy, 0, dx)


def lora_linear_forward(
    x: Tensor, weight: BorderedWeight | QuantizedWeight, adapters: Sequence[NativeAdapter], u: Tensor, y: Tensor
) -> None:
    """x is copied once into rows with room for u, in the pass that computes u; so x may come from anywhere."""
    group, masks = _group(adapters)
    used = weight.write(group.factors)
    rows = bordered_like(x, weight.border)
    is_fused = group.is_fused(masks) and lora_linear.padded_rank(used) <= weight.border
    lora_A = weight.below(used) if is_fused else None
    rms_norm.launch_norm_project(x, None, None, 0.0, lora_A, rows, border_of(rows, used) if is_fused else None, None, None)
    if not is_fused:
        project(rows, weight, group, masks)
    weight.product(rows, used, y)
    u[:, :used] = border_of(rows, used)[:, : u.shape[1]]


def lora_linear_backward(
    dy: Tensor, x: Tensor, u: Tensor, weight: BorderedWeight | QuantizedWeight, adapters: Sequence[NativeAdapter], gradients: Sequence[tuple[Tensor, Tensor]],
    dx: Tensor,
) -> None:  # fmt: skip
    """gradients: (dlora_A, dlora_B) of each adapter. dx without rows: not wanted."""
    group, masks = _group(adapters)
    weight.write(group.factors)
    rows = bordered_like(dy, weight.border).copy_(dy)
    found: dict[int, Tensor] = {}
    output_gradients(rows, u.to(dy.dtype), group, found)
    input_gradients(border_of(rows, group.used), x, None, None, group, masks, found)
    for factor, (dlora_A, dlora_B) in zip(group.factors, gradients, strict=True):
        dlora_A.copy_(found[id(factor.lora_A)])
        dlora_B.copy_(found[id(factor.lora_B)])
    if len(dx):
        product_backward(weight, rows, group, masks, dx)


def attention_forward(
    qkv: Tensor, cu_seqlens: Tensor, parents: Tensor, num_heads: int, num_kv_heads: int, scale: float, window: int, softcap: float,
    y: Tensor, logsumexp: Tensor,
) -> None:  # fmt: skip
    plan = _plan(qkv, cu_seqlens, parents, window)
    attention.launch_attention_forward(qkv, plan, num_heads, num_kv_heads, scale, softcap or None, window or None, y, logsumexp)


def attention_backward(
    dy: Tensor, qkv: Tensor, y: Tensor, logsumexp: Tensor, cu_seqlens: Tensor, parents: Tensor, num_heads: int, num_kv_heads: int, scale: float,
    window: int, softcap: float, dqkv: Tensor,
) -> None:  # fmt: skip
    plan = _plan(qkv, cu_seqlens, parents, window)
    attention.launch_attention_backward(dy, qkv, y, logsumexp, plan, num_heads, num_kv_heads, scale, softcap or None, window or None, dqkv)


def _plan(qkv: Tensor, cu_seqlens: Tensor, parents: Tensor, window: int) -> attention.Plan:
    """Block lists for one call; a decoder makes them once a step instead."""
    until, position_ids = (
        torch.from_numpy(values).to(qkv.device) for values in visibility(cu_seqlens.cpu().numpy(), parents.cpu().numpy())
    )
    return attention.plan(until, position_ids, qkv.shape[2], qkv.element_size(), window or None)


def gather_rows(x: Tensor, positions: Tensor, y: Tensor) -> None:
    torch.index_select(x, 0, positions, out=y)


def add_rows(y: Tensor, positions: Tensor, x: Tensor) -> None:
    """x[positions[i]] += y[i], in a fixed order."""
    keyed_rows.launch_sum_keyed_rows(positions, y, x)


def cross_entropy(logits: Tensor, targets: Tensor, losses: Tensor, softcap: float = 0.0) -> None:
    cross_entropy_kernels.launch_cross_entropy(logits, targets, None, losses, softcap or None, writes_gradient=False)


def cross_entropy_with_gradient(logits: Tensor, targets: Tensor, losses: Tensor, dlogits: Tensor, softcap: float = 0.0) -> None:
    cross_entropy_kernels.launch_cross_entropy(logits, targets, None, losses, softcap or None, writes_gradient=True)
    if dlogits.data_ptr() != logits.data_ptr() or dlogits.dtype != logits.dtype:
        dlogits.copy_(logits)


def adamw(
    parameter: Tensor, gradient: Tensor, exp_avg: Tensor, exp_avg_sq: Tensor, learning_rate: float, beta1: float, beta2: float, eps: float,
    weight_decay: float, step: int,
) -> None:  # fmt: skip
    settings = parameter.new_tensor(adamw_kernels.step_settings(learning_rate, beta1, beta2, weight_decay, step))
    adamw_kernels.launch_adamw_update(parameter, gradient, exp_avg, exp_avg_sq, settings, beta1, beta2, eps)


def square_sum(x: Tensor) -> float:
    """Waits for the device: the one number of a step that the loop looks at."""
    return float(torch.linalg.vector_norm(x, dtype=torch.float64)) ** 2
