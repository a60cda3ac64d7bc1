# pyright: reportMissingImports=false
"""A whole decoder layer, two of them stacked, against plain PyTorch in float64: outputs and the gradient of every adapter."""

from typing import Literal

import pytest
import torch
from attention import laid_out
from interpreter import assert_close, run_checks, verifies
from torch import Tensor

from ayar.errors import BackendError
from ayar.kernels import attention
from ayar.ops import gpu_layer as gpu_layer_module
from ayar.ops.bordered import BorderedWeight, border_of, bordered_rows, factors_of
from ayar.ops.gpu_attention import Packing
from ayar.ops.gpu_layer import LayerAdapters, LayerShape, LayerWeights, gpu_layer
from ayar.ops.quantized_weight import QuantizedWeight

HIDDEN, FEED, HEADS, KV_HEADS, DIM = 48, 72, 4, 2, 8
SEGMENTS = [(21, -1), (5, 0), (0, 0), (9, 0), (13, -1)]
SPLITS = {"qkv": [HEADS * DIM, KV_HEADS * DIM, KV_HEADS * DIM], "o": [HIDDEN], "gate_up": [FEED, FEED], "down": [HIDDEN]}
INPUTS = {"qkv": HIDDEN, "o": HEADS * DIM, "gate_up": HIDDEN, "down": FEED}


def random_layer(
    ranks: dict[str, list[int]], has_bias: bool
) -> tuple[dict[str, Tensor], dict[str, list[tuple[int, Tensor, Tensor, float]]]]:
    weights = {name: torch.randn(sum(SPLITS[name]), INPUTS[name]) / INPUTS[name] ** 0.5 for name in SPLITS}
    weights |= {"bias": torch.randn(sum(SPLITS["qkv"])) if has_bias else torch.zeros(0)}
    weights |= {name: torch.rand(HIDDEN) + 0.5 for name in ("attention_norm", "mlp_norm")}
    adapters = {}
    for name, splits in SPLITS.items():
        starts = [sum(splits[:i]) for i in range(len(splits))]
        adapters[name] = [
            (
                start,
                (torch.randn(rank, INPUTS[name]) / 8).requires_grad_(),
                (torch.randn(n, rank) / rank**0.5 / 4).requires_grad_(),
                0.5 + i,
            )
            for i, (start, n, rank) in enumerate(zip(starts, splits, ranks[name], strict=True))
            if rank
        ]
    return weights, adapters


def reference(
    h: Tensor, delta: Tensor | None, weights: dict[str, Tensor], adapters: dict, shape: LayerShape, packing: Packing, seen: Tensor
):
    def linear(x: Tensor, name: str) -> Tensor:
        y = x @ weights[name].double().T
        if name == "qkv" and weights["bias"].numel():
            y = y + weights["bias"].double()
        for start, lora_A, lora_B, scaling in adapters[name]:
            update = torch.zeros_like(y)
            update[:, start : start + lora_B.shape[0]] = scaling * (x @ lora_A.T) @ lora_B.T
            y = y + update
        return y

    def normed(x: Tensor, name: str) -> Tensor:
        return x / (x.square().mean(-1, keepdim=True) + shape.eps).sqrt() * weights[name].double()

    first = h if delta is None else h + delta
    heads = linear(normed(first, "attention_norm"), "qkv").view(len(h), -1, DIM)
    turned, value = heads.split((HEADS + KV_HEADS, KV_HEADS), 1)
    c, s = (table.double()[packing.position_ids][:, None] for table in (packing.cos, packing.sin))
    a, b = turned.chunk(2, -1)
    query, key = torch.cat((a * c - b * s, b * c + a * s), -1).split((HEADS, KV_HEADS), 1)
    key, value = (x.repeat_interleave(HEADS // KV_HEADS, 1) for x in (key, value))
    scores = (torch.einsum("qhd,khd->hqk", query, key) * shape.scale).masked_fill(~seen, float("-inf"))
    second = first + linear(torch.einsum("hqk,khd->qhd", scores.softmax(-1), value).flatten(1), "o")
    gate, up = linear(normed(second, "mlp_norm"), "gate_up").chunk(2, -1)
    activated = torch.nn.functional.gelu(gate, approximate="tanh") if shape.gelu else torch.nn.functional.silu(gate)
    return second, linear(activated * up, "down")


def tensors_of(adapters: dict) -> list[Tensor]:
    return [t for group in adapters.values() for _, a, b, _ in group for t in (a, b)]


CASES = [  # ranks, has a bias, is GELU
    ({"qkv": [4, 4, 4], "o": [4], "gate_up": [4, 4], "down": [4]}, False, False),  # every adapter of one rank: the fused backward
    ({"qkv": [3, 0, 5], "o": [0], "gate_up": [2, 17], "down": [20]}, True, True),  # ranks that differ, adapters that are absent
    ({"qkv": [40, 30, 9], "o": [70], "gate_up": [0, 0], "down": [0]}, False, False),  # more than fits beside the norm, or in a border
]


@verifies("norm_project", "norm_backward", "rotate_heads", "swiglu_project", "swiglu_backward", "swiglu_lora_backward", "output_gradient")
def stacked(dtype: torch.dtype) -> list[Tensor]:
    if dtype == torch.float16:
        return []  # the masters are fp32 and sums are long: fp32 says what there is to say
    written = []
    until, position, seen = laid_out(SEGMENTS)
    for ranks, has_bias, is_gelu in CASES:
        shape = LayerShape(HEADS, KV_HEADS, DIM, 1e-5, 0.4, gelu=is_gelu)
        angles = torch.randn(64, DIM // 2)
        packing = Packing(angles.cos(), angles.sin(), position, attention.plan(until, position, DIM, 4))
        layers = [random_layer(ranks, has_bias) for _ in range(2)]
        h, dy = torch.randn(len(until), HIDDEN, requires_grad=True), torch.randn(len(until), HIDDEN)
        state: tuple[Tensor, Tensor | None] = (h, None)
        for weights, adapters in layers:
            bias = weights["bias"] if has_bias else None
            products = {name: BorderedWeight([weights[name]], bias if name == "qkv" else None, torch.float32) for name in SPLITS}
            frozen = LayerWeights(
                weights["attention_norm"], products["qkv"], products["o"], weights["mlp_norm"], products["gate_up"], products["down"]
            )
            state = gpu_layer(state[0], state[1], frozen, LayerAdapters(**adapters), shape, packing)
        assert state[1] is not None
        got = state[0] + state[1]
        trained = [t for _, adapters in layers for t in tensors_of(adapters)]
        got_gradients = torch.autograd.grad(got, [h, *trained], dy)

        doubles = [
            {
                n: [(s, a.detach().double().requires_grad_(), b.detach().double().requires_grad_(), c) for s, a, b, c in g]
                for n, g in x.items()
            }
            for _, x in layers
        ]
        leaf = h.detach().double().requires_grad_()
        state = (leaf, None)
        for (weights, _), adapters in zip(layers, doubles, strict=True):
            state = reference(state[0], state[1], weights, adapters, shape, packing, seen)
        assert state[1] is not None
        want = state[0] + state[1]
        want_gradients = torch.autograd.grad(want, [leaf, *(t for adapters in doubles for t in tensors_of(adapters))], dy.double())
        assert_close(got.detach(), want.detach(), dtype, "the stream")
        for i, (g, w) in enumerate(zip(got_gradients, want_gradients, strict=True)):
            assert_close(g, w, dtype, f"gradient {i}", beside=dy)
        written += [got.detach(), *got_gradients]
    return written


def gradient_of_the_layer_below_is_not_copied() -> None:
    """The gradient that a layer hands down has room for v already: the layer below takes it as it is."""
    until, position, _ = laid_out([(5, -1)])
    layers, shape, angles = (
        [random_layer(CASES[0][0], False) for _ in range(3)],
        LayerShape(HEADS, KV_HEADS, DIM, 1e-5, 0.4),
        torch.randn(8, DIM // 2),
    )
    packing = Packing(angles.cos(), angles.sin(), position, attention.plan(until, position, DIM, 4))
    taken: list[bool] = []
    original = gpu_layer_module._bordered

    def noted(dy: Tensor, weight: BorderedWeight) -> Tensor:
        rows = original(dy, weight)
        taken.append(rows is dy)
        return rows

    gpu_layer_module._bordered = noted
    try:
        state: tuple[Tensor, Tensor | None] = (torch.randn(5, HIDDEN), None)
        for weights, adapters in layers:
            p = {name: BorderedWeight([weights[name]], None, torch.float32) for name in SPLITS}
            frozen = LayerWeights(weights["attention_norm"], p["qkv"], p["o"], weights["mlp_norm"], p["gate_up"], p["down"])
            state = gpu_layer(state[0], state[1], frozen, LayerAdapters(**adapters), shape, packing)
        assert state[1] is not None
        loss = (state[0] + state[1]).sum()
        loss.backward(retain_graph=True)
    finally:
        gpu_layer_module._bordered = original
    assert taken == [False, True, True], taken
    with pytest.raises(BackendError, match="ran already"):  # it would read what the first one overwrote
        loss.backward()


@verifies("bordered_gemm", "bordered_gemm_backward", "down_projection")
def quantized_weights(dtype: torch.dtype) -> list[Tensor]:
    """A quantized weight is a bordered one of its dequantized values."""
    if dtype == torch.float16:
        return []
    written = []
    cases: list[tuple[Literal["nf4", "int8"], bool]] = [("nf4", True), ("int8", False)]
    for storage, has_bias in cases:
        parts, bias = [torch.randn(20, 64), torch.randn(13, 64)], torch.randn(33) if has_bias else None
        weight = QuantizedWeight(parts, bias, torch.float32, storage)
        factors = factors_of([(0, torch.randn(3, 64), torch.randn(20, 3), 0.5), (20, torch.randn(6, 64), torch.randn(13, 6), 2.0)])
        columns = torch.zeros(64, 33)
        weight.product(torch.eye(64), 0, columns)  # the identity shows W
        dequantized = (columns - (0 if bias is None else bias)).T.contiguous()
        assert 0 < (dequantized - torch.cat(parts)).norm() < 0.12 * torch.cat(parts).norm()
        plain = BorderedWeight(list(dequantized.split([20, 13])), bias, torch.float32)
        assert weight.nbytes < 0.8 * plain.nbytes
        used = weight.write(factors)
        assert plain.write(factors) == used
        x, dy = bordered_rows(17, 64, columns), bordered_rows(17, 33, columns)
        for rows in (x, dy):
            border_of(rows, 64).zero_()
            rows.copy_(torch.randn(rows.shape))
            border_of(rows, used)[:, :9] = torch.randn(17, 9)
        results = []
        for w in (weight, plain):
            y, dx = torch.full((17, 33), torch.nan), torch.full((17, 64), torch.nan)
            w.product(x, used, y)
            w.product_backward(dy, used, dx)
            results.append((y, dx))
        for got, want in zip(*results, strict=True):
            assert_close(got, want.double(), dtype, storage, beside=x)
        written += results[0]
    return written


if __name__ == "__main__":
    gradient_of_the_layer_below_is_not_copied()
    run_checks()
