"""The ops for other people's loops: batches of three axes, views, and errors that name the argument."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from ayar.errors import AyarError, ShapeError
from ayar.ops import Adapter, FrozenWeight, attention_varlen, linear_cross_entropy, lora_linear, rms_norm, swiglu_mlp

torch.manual_seed(0)
SQUARE = FrozenWeight.pack([torch.randn(8, 8)])
GATE_UP = FrozenWeight.pack([torch.randn(8, 8), torch.randn(8, 8)])
CU_SEQLENS = torch.tensor([0, 4, 6], dtype=torch.int32)
ADAPTER = Adapter(torch.randn(2, 8), torch.randn(8, 2), 0.5)

OPS: dict[str, Callable[[Tensor], Tensor]] = {
    "lora_linear": lambda x: lora_linear(x, SQUARE, [ADAPTER]),
    "rms_norm": lambda x: rms_norm(x, torch.ones(8)),
    "swiglu_mlp": lambda x: swiglu_mlp(x, GATE_UP, SQUARE),
}


@pytest.mark.parametrize("op", OPS.values(), ids=OPS)
def test_batches_and_views_give_what_rows_give(op: Callable[[Tensor], Tensor]) -> None:
    x = torch.randn(2, 3, 16, requires_grad=True)
    view = x[..., ::2]
    want = op(view.reshape(6, 8).contiguous())
    got = op(view)
    assert got.shape == (2, 3, 8)
    assert torch.equal(got.flatten(0, 1), want)
    assert torch.equal(*(torch.autograd.grad(y.flatten(), x, torch.arange(48.0), retain_graph=True)[0] for y in (got, want)))


def test_loss_of_a_batch_is_that_of_its_rows() -> None:
    hidden = torch.randn(2, 3, 8)
    positions, targets = torch.tensor([1, 5]), torch.tensor([3, 0])
    assert torch.equal(
        linear_cross_entropy(hidden, SQUARE, positions, targets), linear_cross_entropy(hidden.view(6, 8), SQUARE, positions, targets)
    )


@pytest.mark.parametrize("dtype", [torch.float16, torch.float64, torch.int64], ids=str)
def test_other_dtypes_are_refused_by_name(dtype: torch.dtype) -> None:
    x = torch.ones(6, 8, dtype=dtype)
    heads = torch.ones(6, 2, 4, dtype=dtype)
    for name, call in {
        "lora_linear: x": lambda: lora_linear(x, SQUARE),
        "rms_norm: x": lambda: rms_norm(x, torch.ones(8)),
        "rms_norm: weight": lambda: rms_norm(torch.ones(6, 8), torch.ones(8, dtype=dtype)),
        "lora_linear: x is": lambda: swiglu_mlp(x, GATE_UP, SQUARE),
        "attention_varlen: query": lambda: attention_varlen(heads, heads, heads, CU_SEQLENS),
        "linear_cross_entropy: hidden": lambda: linear_cross_entropy(x, SQUARE, torch.tensor([0]), torch.tensor([0])),
        "adapter 0 must be float32": lambda: lora_linear(torch.ones(6, 8), SQUARE, [Adapter(x[:2], x.T[:, :2], 1.0)]),
    }.items():
        with pytest.raises(ShapeError, match=name):
            call()


def test_other_devices_are_refused() -> None:
    x = torch.ones(6, 8, device="meta")
    heads = torch.ones(6, 2, 4)
    calls: dict[str, Callable[[], Any]] = {
        "meta": lambda: lora_linear(x, SQUARE),
        "device 'meta'": lambda: rms_norm(x, torch.ones(8, device="meta")),
        "rms_norm: weight is on meta, x is on cpu": lambda: rms_norm(torch.ones(6, 8), torch.ones(8, device="meta")),
        "attention_varlen: key is on meta": lambda: attention_varlen(heads, heads.to("meta"), heads, CU_SEQLENS),
    }
    for message, call in calls.items():
        with pytest.raises(AyarError, match=message):
            call()


def test_a_weight_that_is_trained_is_not_packed() -> None:
    with pytest.raises(ShapeError, match="requires grad"):
        FrozenWeight.pack([torch.nn.Linear(8, 8).weight])


def test_a_bf16_norm_weight_gets_its_gradient() -> None:
    weight = torch.ones(8, dtype=torch.bfloat16, requires_grad=True)
    rms_norm(torch.randn(3, 8, dtype=torch.bfloat16), weight).sum().backward()
    assert weight.grad is not None
    assert weight.grad.dtype == torch.bfloat16
    assert weight.grad.norm() > 0
