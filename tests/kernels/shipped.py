# pyright: reportMissingImports=false
"""Every launch that training makes, for models of several shapes: what the tests compile ahead of time is what would run.

Tensors are allocated and never touched, so the largest shapes cost nothing.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from ayar.kernels import (
    adamw,
    attention,
    cross_entropy,
    head_norm,
    keyed_rows,
    lora_backward,
    lora_linear,
    rms_norm,
    rope,
    swiglu,
    swiglu_backward,
)
from ayar.kernels.lora_linear import INT8, NF4, PLAIN, Stored
from ayar.kernels.philox import Masks

BORDER = 64  # spare columns of a row
MASKS = Masks(3277, 3, torch.zeros(1, dtype=torch.int32))


class Model(NamedTuple):
    hidden: int
    feed: int
    heads: int
    kv_heads: int
    head_dim: int
    vocab: int
    rank: int
    softcap: float | None = None
    window: int | None = None


MODELS = {
    "Llama-3-8B": Model(4096, 14336, 32, 8, 128, 128256, 16),
    "SmolLM2-135M": Model(576, 1536, 9, 3, 64, 49152, 64),
    "Gemma-2-2B": Model(2304, 9216, 8, 4, 256, 256000, 8, 50.0, 4096),
}
TENSOR_CORES = {
    "norm_project", "swiglu_project", "down_projection", "bordered_gemm", "bordered_gemm_backward", "output_gradient", "input_gradient",
    "swiglu_lora_backward", "attention_forward", "attention_backward_query", "attention_backward_key_value",
}  # fmt: skip
MEMORY_BOUND = {
    "norm_project", "norm_backward", "norm_weight_partials", "normalize_heads", "normalize_heads_backward",
    "rotate_heads", "swiglu_project", "swiglu_backward", "swiglu_lora_backward", "output_gradient",
    "input_gradient", "sum_partials", "cross_entropy_rows", "attention_delta",
    "adamw_update",
}  # fmt: skip


def rows_of(rows: int, cols: int, dtype: torch.dtype = torch.bfloat16) -> Tensor:
    """Rows with spare columns."""
    return torch.empty(rows, cols + BORDER, dtype=dtype)[:, :cols]


def launch_layer(model: Model, rows: int) -> None:
    """What a layer launches around its products and its attention, forward and backward, and the loss."""
    hidden, feed, rank = model.hidden, model.feed, model.rank
    shared, x = 3 * rank, torch.empty(rows, hidden, dtype=torch.bfloat16)
    rstd, weight, factor = torch.empty(rows), torch.empty(hidden), torch.empty(shared, hidden + BORDER, dtype=torch.bfloat16)[:, :hidden]
    buffer = torch.empty(rows, hidden + BORDER * -(-shared // BORDER), dtype=torch.bfloat16)
    y, u = buffer[:, :hidden], buffer[:, hidden:]
    rms_norm.launch_norm_project(x, x, weight, 1e-6, factor, y, u, rstd, torch.empty_like(x))  # q k v
    rms_norm.launch_norm_project(x, x, weight, 1e-6, factor[: 2 * rank], y, u, rstd, torch.empty_like(x))  # gate up
    rms_norm.launch_norm_project(x, x, weight, 1e-6, None, y, None, rstd, torch.empty_like(x))  # the last one
    rms_norm.launch_norm_project(x, None, None, 1e-6, factor[:rank], y, u, None, None)  # o
    rms_norm.launch_norm_backward(y, x, weight, rstd, x, rows_of(rows, hidden))
    rms_norm.launch_norm_weight_gradient(y, x, rstd, torch.empty(hidden))

    gate_up, activated = rows_of(rows, 2 * feed), rows_of(rows, feed)
    down_a = torch.empty(rank, feed + BORDER, dtype=torch.bfloat16)[:, :feed]
    factors = torch.empty(feed, rank), torch.empty(feed, rank)
    is_gelu = model.softcap is not None
    swiglu.launch_swiglu_project(gate_up, down_a, activated, u, is_gelu)
    swiglu.launch_swiglu_project(gate_up, None, activated, None, is_gelu)
    swiglu.launch_swiglu_backward(activated, gate_up, gate_up, is_gelu)
    swiglu_backward.launch_swiglu_lora_backward(
        activated, gate_up, gate_up, u[:, :rank], u, factors, (2.0, 2.0), u, torch.empty(rank, feed), factors, is_gelu
    )
    lora_backward.launch_output_gradient(y, u[:, :rank], torch.empty(hidden, rank), 2.0, u[:, :rank], torch.empty(hidden, rank))
    lora_backward.launch_input_gradient(u, x, rstd, weight, torch.empty(shared, hidden))
    lora_backward.launch_input_gradient(u, x, None, None, torch.empty(rank, hidden), MASKS, stream=3)

    logits = torch.empty(min(rows, 1024), model.vocab, dtype=torch.bfloat16)
    losses, targets = torch.empty(len(logits)), torch.zeros(len(logits), dtype=torch.int64)
    cross_entropy.launch_cross_entropy(logits, targets, losses, losses, model.softcap, writes_gradient=True)
    cross_entropy.launch_cross_entropy(logits, targets, None, losses, model.softcap, writes_gradient=False)
    parameter, gradient, exp_avg, exp_avg_sq = (torch.empty(1 << 20) for _ in range(4))
    adamw.launch_adamw_update(parameter, gradient, exp_avg, exp_avg_sq, torch.empty(4), 0.9, 0.99, 1e-8)
    keyed_rows.launch_sum_keyed_rows(torch.zeros(rows, dtype=torch.int64), x, torch.empty(1000, hidden))


def launch_attention(model: Model, rows: int) -> None:
    """RoPE and attention, forward and backward."""
    qkv_heads = model.heads + 2 * model.kv_heads
    qkv = rows_of(rows, qkv_heads * model.head_dim).unflatten(1, (qkv_heads, model.head_dim))
    angles, position = torch.empty(8192, model.head_dim // 2), torch.arange(rows, dtype=torch.int32)
    head_weight, rstd = torch.empty(model.heads + model.kv_heads, model.head_dim), torch.empty(rows, model.heads + model.kv_heads)
    head_norm.launch_normalize_heads(qkv, head_weight, 1e-6, qkv, rstd)
    head_norm.launch_normalize_heads_backward(qkv, qkv, head_weight, rstd, qkv)
    rope.launch_rotate_heads(qkv, angles, angles, position, model.heads + model.kv_heads)
    plan = attention.plan(torch.full((rows,), rows, dtype=torch.int32), position, model.head_dim, 2, model.window)
    mixed, logsumexp = rows_of(rows, model.heads * model.head_dim), torch.empty(rows, model.heads)
    scale, caps = 1 / math.sqrt(model.head_dim), (model.softcap, model.window)
    attention.launch_attention_forward(qkv, plan, model.heads, model.kv_heads, scale, *caps, mixed, logsumexp)
    attention.launch_attention_backward(mixed, qkv, mixed, logsumexp, plan, model.heads, model.kv_heads, scale, *caps, qkv)


def launch_products(model: Model, rows: int) -> None:
    """The products that a library does not do: W quantized, dropout, few rows."""
    hidden, feed, rank = model.hidden, model.feed, model.rank
    x, y, u = rows_of(rows, hidden), rows_of(rows, feed), torch.empty(rows, BORDER, dtype=torch.bfloat16)
    lora_A, lora_B = torch.empty(rank, hidden), torch.empty(feed, rank)
    stored = {
        PLAIN: Stored(PLAIN, torch.empty(feed, hidden, dtype=torch.bfloat16), None, None, (feed, hidden)),
        NF4: Stored(
            NF4, torch.empty(feed * hidden // 2, dtype=torch.uint8), torch.empty(feed * hidden // 64), torch.empty(16), (feed, hidden)
        ),
        INT8: Stored(INT8, torch.empty(feed, hidden, dtype=torch.int8), torch.empty(feed), None, (feed, hidden)),
    }
    lora_linear.launch_down_projection(x, lora_A, u)
    lora_linear.launch_down_projection(x, lora_A, u, MASKS, stream=3)
    for weight in stored.values():
        lora_linear.launch_bordered_gemm(x, weight, u, lora_B, 2.0, y)
        lora_linear.launch_bordered_gemm_backward(y, weight, u, lora_A, x)
        lora_linear.launch_bordered_gemm_backward(y, weight, u, lora_A, x, 1, MASKS, torch.zeros(1, dtype=torch.int32))
