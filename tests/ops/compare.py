"""How an op is compared with its float64 reference (a gradient that cancels has no bound on its relative error alone)."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from ayar.ops import backend

TOLERANCE = {torch.float32: 1e-5, torch.bfloat16: 1e-2}
NATIVE = [name for name in backend.available() if name != backend.REFERENCE]

each_backend = pytest.mark.parametrize("backend_name", NATIVE)
each_dtype = pytest.mark.parametrize("dtype", list(TOLERANCE), ids=lambda dtype: str(dtype).removeprefix("torch."))


def double(x: Tensor) -> Tensor:
    """A float64 leaf with the values of ``x``."""
    return x.detach().double().requires_grad_(x.requires_grad)


def value_and_grads(op: Callable[..., Tensor], inputs: Sequence[Any], dy: Tensor) -> list[Tensor]:
    """op(*inputs), then the gradient of each tensor input that requires one, for the upstream gradient ``dy``."""
    y = op(*inputs)
    wanted = [x for x in inputs if isinstance(x, Tensor) and x.requires_grad]
    return [y.detach(), *torch.autograd.grad(y, wanted, dy)]


def assert_close(got: Sequence[Tensor], want: Sequence[Tensor], dy: Tensor, tolerance: float) -> None:
    """error ≤ tolerance × (‖want‖ + ‖dy‖), for the value and for each gradient; NaN fails."""
    assert len(got) == len(want)
    for position, (g, w) in enumerate(zip(got, want, strict=True)):
        assert g.shape == w.shape, f"output {position}"
        error = (g.double() - w).norm()
        assert error <= tolerance * (w.norm() + dy.double().norm()), f"output {position}: error {error:.3e}"


def results_with_threads(compute: Callable[[], Sequence[Tensor]], counts: Sequence[int] = (1, 2, 5)) -> list[Sequence[Tensor]]:
    """What ``compute`` returns with each number of native threads; the number before is restored."""
    native = backend.native()
    before = native.thread_count()
    results = []
    try:
        for count in counts:
            native.set_thread_count(count)
            results.append(compute())
    finally:
        native.set_thread_count(before)
    return results


def assert_bit_identical(results: Sequence[Sequence[Tensor]]) -> None:
    """Every sequence of tensors equals the first, bit for bit."""
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))
