import gc
import weakref

import pytest
import torch

from ayar.ops import Adapter, FrozenWeight, backend, lora_linear, rms_norm, swiglu
from ayar.ops.recompute import recomputed
from tests.ops.compare import NATIVE


def layer(x: torch.Tensor, weight: FrozenWeight, adapter: Adapter, recompute: bool) -> tuple[torch.Tensor, weakref.ref]:
    hidden = swiglu(x)
    if recompute:
        with recomputed(hidden, lambda: swiglu(x)):
            y = lora_linear(hidden, weight, [adapter])
    else:
        y = lora_linear(hidden, weight, [adapter])
    return y, weakref.ref(hidden.untyped_storage())


@pytest.mark.parametrize("backend_name", [*NATIVE, backend.REFERENCE])
def test_gradients_are_the_same_to_the_bit_and_the_value_is_not_kept(backend_name: str) -> None:
    torch.manual_seed(0)
    x = torch.randn(19, 48, requires_grad=True)
    adapter = Adapter(torch.randn(4, 24, requires_grad=True), torch.randn(10, 4, requires_grad=True), 0.5)
    weight, dy = FrozenWeight.pack([torch.randn(10, 24)]), torch.randn(19, 10)
    gradients = []
    with backend.use(backend_name):
        for recompute in (False, True):
            y, hidden = layer(x, weight, adapter, recompute)
            gc.collect()
            assert (hidden() is None) == recompute
            gradients.append(torch.autograd.grad(y, (x, adapter.lora_A, adapter.lora_B), dy))
    assert all(torch.equal(kept, again) for kept, again in zip(*gradients, strict=True))


def test_other_tensors_are_saved_as_ever() -> None:
    x = torch.randn(5, 8, requires_grad=True)
    weight = torch.rand(8)
    other = torch.randn(5, 8, requires_grad=True)
    with recomputed(rms_norm(x, weight), lambda: pytest.fail("nothing saved it")):
        y = swiglu(other)
    (gradient,) = torch.autograd.grad(y, other, torch.ones_like(y))
    assert torch.equal(gradient, torch.autograd.grad(swiglu(other), other, torch.ones_like(y))[0])
