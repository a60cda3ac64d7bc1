"""The public ops and a whole decoder step through the Triton backend, against their references in float64."""

import torch
from interpreter import apart, assert_close, run_checks, verifies
from torch import Tensor

from ayar.ops import (
    Adapter,
    FrozenWeight,
    adamw_,
    attention,
    backend,
    geglu,
    gradient_norm,
    head_norm,
    linear_cross_entropy,
    lora_linear,
    rms_norm,
    rope,
    swiglu,
)
from ayar.ops.adamw import adamw_reference_
from ayar.ops.attention import attention_reference
from ayar.ops.geglu import geglu_reference
from ayar.ops.head_norm import head_norm_reference
from ayar.ops.linear_cross_entropy import linear_cross_entropy_reference
from ayar.ops.lora_linear import lora_linear_reference
from ayar.ops.rms_norm import rms_norm_reference
from ayar.ops.rope import rope_reference
from ayar.ops.swiglu import swiglu_reference


def held_against_reference(op, reference, inputs: list, dtype: torch.dtype) -> list[Tensor]:
    """Value and gradients of ``op`` under the Triton backend, and of its reference in float64."""
    results = []
    for compute, double in ((op, False), (reference, True)):
        given = [_leaf(x, double) if isinstance(x, Tensor) else x for x in inputs]
        leaves = [x for x in given if isinstance(x, Tensor) and x.requires_grad]
        with backend.use(backend.TRITON):
            y = compute(*given)
            torch.manual_seed(3)
            dy = torch.randn(y.shape).to(y.dtype)
            results.append([y.detach(), *torch.autograd.grad(y, leaves, dy)])
    for i, (got, want) in enumerate(zip(*results, strict=True)):
        assert_close(got, want.double(), dtype, f"{reference.__name__}, output {i}", beside=results[1][0])
    return results[0]


def _leaf(x: Tensor, double: bool) -> Tensor:
    if not x.is_floating_point():
        return x
    return (x.detach().double() if double else x.detach().clone()).requires_grad_(x.requires_grad)


@verifies("norm_backward", "rotate_heads", "swiglu_backward", "attention_backward_query")
def single_ops(dtype: torch.dtype) -> list[Tensor]:
    if dtype == torch.float16:
        return []  # the ops take fp32 and bf16
    angles, position = torch.randn(30, 8), torch.randint(0, 30, (19,), dtype=torch.int32)
    cu_seqlens = torch.tensor([0, 7, 7, 19], dtype=torch.int32)
    qkv = torch.randn(19, 8, 16, requires_grad=True)
    written = held_against_reference(
        rms_norm, rms_norm_reference, [torch.randn(9, 40, requires_grad=True), torch.randn(40, requires_grad=True), 1e-5], dtype
    )
    written += held_against_reference(rope, rope_reference, [qkv, angles.cos(), angles.sin(), position, 6], dtype)
    written += held_against_reference(rope, rope_reference, [qkv, angles[:, :5].cos(), angles[:, :5].sin(), position, 6], dtype)
    head_weight = torch.rand(6, 16) + 0.5
    written += held_against_reference(head_norm, head_norm_reference, [qkv, head_weight, 1e-5], dtype)
    written += held_against_reference(geglu, geglu_reference, [torch.randn(9, 80, requires_grad=True)], dtype)
    written += held_against_reference(swiglu, swiglu_reference, [torch.randn(9, 80, requires_grad=True)], dtype)
    written += held_against_reference(attention, attention_reference, [qkv, cu_seqlens, 4, 2, 0.3], dtype)
    parents = torch.tensor([-1, 0, 0], dtype=torch.int32)
    written += held_against_reference(attention, attention_reference, [qkv, cu_seqlens, 4, 2, 0.3, parents, 5, 2.0], dtype)
    return written


@verifies("down_projection", "output_gradient", "input_gradient")
def linears(dtype: torch.dtype) -> list[Tensor]:
    if dtype == torch.float16:
        return []
    written = []
    for ranks, has_bias in (((4, 0, 9), True), ((70, 40, 1), False), ((0, 0, 0), True)):
        splits = (20, 8, 13)
        x = apart(17, 30, torch.float32).detach().requires_grad_()
        weights, bias = [torch.randn(n, 30) for n in splits], torch.randn(41) if has_bias else None
        adapters = [
            Adapter(torch.randn(r, 30).requires_grad_(), torch.randn(n, r).requires_grad_(), 0.7) if r else None
            for n, r in zip(splits, ranks, strict=True)
        ]
        trained = [t for a in adapters if a is not None for t in (a.lora_A, a.lora_B)]
        dy = torch.randn(17, 41)
        with backend.use(backend.TRITON):
            frozen = FrozenWeight.pack(weights, bias)
            assert torch.equal(frozen.unpack(), torch.cat(weights))
            y = lora_linear(x, frozen, adapters)
            got = [y.detach(), *torch.autograd.grad(y, [x, *trained], dy)]
        leaf = x.detach().double().requires_grad_()
        doubles = [
            a and Adapter(a.lora_A.detach().double().requires_grad_(), a.lora_B.detach().double().requires_grad_(), 0.7) for a in adapters
        ]
        want_y = lora_linear_reference(leaf, torch.cat(weights).double(), doubles, splits, None if bias is None else bias.double())
        want = [
            want_y.detach(),
            *torch.autograd.grad(want_y, [leaf, *(t for a in doubles if a for t in (a.lora_A, a.lora_B))], dy.double()),
        ]
        for i, (g, w) in enumerate(zip(got, want, strict=True)):
            assert_close(g, w, dtype, f"lora_linear, output {i}", beside=dy)
        written += got
    return written


@verifies("cross_entropy_rows", "sum_keyed_rows")
def loss(dtype: torch.dtype) -> list[Tensor]:
    if dtype == torch.float16:
        return []
    written = []
    for positions in ([0, 5, 5, 2, 11], [], [3]):
        hidden, head = torch.randn(12, 24, requires_grad=True), torch.randn(100, 24)
        index, targets = torch.tensor(positions, dtype=torch.int64), torch.randint(0, 100, (len(positions),))
        with backend.use(backend.TRITON):
            got = linear_cross_entropy(hidden, FrozenWeight.pack([head]), index, targets)
            (gradient,) = torch.autograd.grad(got * 0.5, hidden)
        leaf = hidden.detach().double().requires_grad_()
        want = linear_cross_entropy_reference(leaf, head.double(), index, targets)
        (want_gradient,) = torch.autograd.grad(want * 0.5, leaf)
        assert_close(got.detach(), want.detach(), dtype, "loss")
        assert_close(gradient, want_gradient, dtype, "dhidden", beside=want.detach())
        written += [got.detach(), gradient]
    return written


@verifies("adamw_update")
def optimizer(dtype: torch.dtype) -> list[Tensor]:
    if dtype == torch.float16:
        return []
    written = []
    for count in (0, 1, 1500):
        state = [torch.randn(count), torch.randn(count), torch.randn(count), torch.rand(count)]
        doubles = [x.double() for x in state]
        with backend.use(backend.TRITON):
            for step in (1, 2):
                for update, (p, g, m, v) in ((adamw_, state), (adamw_reference_, doubles)):
                    update(p, g, m, v, 0.01, 0.9, 0.99, 1e-8, 0.1, step)
            assert abs(gradient_norm([state[1]]) - float(doubles[1].norm())) <= 1e-6 * float(doubles[1].norm())
        for got, want in zip(state, doubles, strict=True):
            assert_close(got, want, dtype, "adamw")
        written += state
    return written


if __name__ == "__main__":
    run_checks()
