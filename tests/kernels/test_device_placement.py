# pyright: reportMissingImports=false
"""A training step on a device that is not there: tensors without contents, of which torch keeps shape, type and device ("meta"). Every
operator must find its operands on one device, PyTorch's own attention included; Triton's launches are checked one by one."""

import math
from collections.abc import Iterator
from typing import Any

import pytest
import torch

pytest.importorskip("triton", reason="Triton is not installed: pip install 'ayar[gpu]'")

from triton.runtime.jit import JITFunction

from ayar.kernels.chip import CHIPS, pretend
from ayar.kernels.philox import Masks
from ayar.model.gpu_batch import Bucket, DeviceBatch
from ayar.model.gpu_decoder import GpuDecoder
from ayar.ops import gpu_attention
from ayar.ops.bordered import BorderedWeight
from ayar.ops.gpu_layer import LayerAdapters, LayerShape, LayerWeights
from ayar.ops.gpu_offload import Keeping

HIDDEN, FEED, HEADS, KV_HEADS, DIM, RANK, VOCAB = 64, 96, 4, 2, 16, 8, 128
DEVICE = torch.device("meta")
launched: list[str] = []


@pytest.fixture(autouse=True)
def launches_are_checked(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    launched.clear()

    def check(self: Any, *args: Any, grid: Any, warmup: bool, **options: Any) -> None:
        name = self.fn.__name__
        launched.append(name)
        elsewhere = [tuple(x.shape) for x in args if isinstance(x, torch.Tensor) and x.device != DEVICE]
        assert not elsewhere, f"{name}: {elsewhere} are not on the device"
        assert math.prod(grid) > 0, name

    monkeypatch.setattr(JITFunction, "run", check)
    monkeypatch.setattr(gpu_attention, "takes_library", lambda x, packing, shape: packing.cu_seqlens is not None)
    with pretend(CHIPS[90]):
        yield


def decoder(keeping: tuple[Keeping, ...], has_norms: bool, dropout: bool) -> GpuDecoder:
    def weight(*outputs: int, inputs: int) -> BorderedWeight:
        return BorderedWeight([torch.empty(n, inputs, device=DEVICE, dtype=torch.bfloat16) for n in outputs], None, torch.bfloat16)

    def adapters(*outputs: int, inputs: int) -> list[tuple[int, torch.Tensor, torch.Tensor, float, int]]:
        made = []
        for i, n in enumerate(outputs):
            a, b = torch.empty(RANK, inputs, device=DEVICE).requires_grad_(), torch.empty(n, RANK, device=DEVICE).requires_grad_()
            made.append((sum(outputs[:i]), a, b, 2.0, i))
        return made

    norm, kv = torch.empty(HIDDEN, device=DEVICE), KV_HEADS * DIM
    extra = (torch.empty(HEADS + KV_HEADS, DIM, device=DEVICE), norm, norm) if has_norms else ()
    shapes = {
        "qkv": ((HEADS * DIM, kv, kv), HIDDEN),
        "o": ((HIDDEN,), HEADS * DIM),
        "gate_up": ((FEED, FEED), HIDDEN),
        "down": ((HIDDEN,), FEED),
    }
    layers, trained = [], []
    for _ in keeping:
        products = {name: weight(*outputs, inputs=inputs) for name, (outputs, inputs) in shapes.items()}
        layers.append(LayerWeights(norm, products["qkv"], products["o"], norm, products["gate_up"], products["down"], *extra))
        trained.append(LayerAdapters(**{name: adapters(*outputs, inputs=inputs) for name, (outputs, inputs) in shapes.items()}))
    table = torch.empty(256, DIM // 2, device=DEVICE)
    masks = Masks(6554, 1, torch.zeros(1, dtype=torch.int32, device=DEVICE)) if dropout else None
    return GpuDecoder(
        torch.empty(VOCAB, HIDDEN, device=DEVICE, dtype=torch.bfloat16), layers, trained, LayerShape(HEADS, KV_HEADS, DIM, 1e-5, 0.25), norm,
        weight(VOCAB, inputs=HIDDEN), table, table, masks=masks, is_dropping=dropout, keeping=keeping,
    )  # fmt: skip


@pytest.mark.parametrize("longest", [32, 0], ids=["library's attention", "our attention"])
@pytest.mark.parametrize(
    ("keeping", "has_norms", "dropout"), [(("stored", "stored"), False, False), (("recomputed", "stored"), True, True)]
)
def test_a_step_finds_everything_on_the_device(keeping: tuple[Keeping, ...], has_norms: bool, dropout: bool, longest: int) -> None:
    model = decoder(keeping, has_norms, dropout)
    loss = model.loss_in(DeviceBatch(Bucket(64, 64, 4, longest), DEVICE))
    loss.backward()
    for adapters in model.adapters:
        for tensor in adapters.tensors:
            assert tensor.grad is not None
            assert tensor.grad.device == DEVICE
    assert ("attention_forward" in launched) == (longest == 0)
    assert {"norm_project", "norm_backward", "cross_entropy_rows", "input_gradient"} <= set(launched)
    assert ("normalize_heads_backward" in launched) == has_norms
    assert ("bordered_gemm_backward" in launched) == dropout
