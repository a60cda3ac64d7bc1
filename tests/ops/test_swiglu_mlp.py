import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ayar.errors import ShapeError
from ayar.ops import Adapter, FrozenWeight, backend, geglu, swiglu, swiglu_mlp
from ayar.ops.swiglu_mlp import swiglu_mlp_reference
from tests.ops.compare import TOLERANCE, assert_close, double, each_backend, each_dtype, value_and_grads


@each_backend
@each_dtype
@given(rows=st.integers(1, 9), hidden=st.integers(1, 40), cols=st.integers(1, 70), rank=st.integers(1, 5), seed=st.integers(0, 2**31))
def test_equals_float64_reference(backend_name: str, dtype: torch.dtype, rows: int, hidden: int, cols: int, rank: int, seed: int) -> None:
    torch.manual_seed(seed)
    x = torch.randn(rows, 2, hidden).to(dtype).requires_grad_()
    gate, up, down = (torch.randn(n, k).div(k**0.5).to(dtype) for n, k in ((cols, hidden), (cols, hidden), (hidden, cols)))
    factors = [torch.randn(shape).div(3) for n, k in ((cols, hidden), (hidden, cols)) for shape in ((rank, k), (n, rank))]
    factors = [factor.requires_grad_() for factor in factors]
    dy = torch.randn(rows, 2, hidden, dtype=dtype)

    def ours(x: torch.Tensor, *factors: torch.Tensor) -> torch.Tensor:
        a, b, c, d = factors
        adapters = [Adapter(a, b, 0.5), None]
        return swiglu_mlp(x, FrozenWeight.pack([gate, up]), FrozenWeight.pack([down]), adapters, Adapter(c, d, 0.25))

    def theirs(x: torch.Tensor, *factors: torch.Tensor) -> torch.Tensor:
        a, b, c, d = factors
        return swiglu_mlp_reference(x, gate.double() + 0.5 * b @ a, up.double(), down.double() + 0.25 * d @ c)

    with backend.use(backend_name):
        got = value_and_grads(ours, (x, *factors), dy)
    want = value_and_grads(theirs, (double(x), *map(double, factors)), dy.double())
    assert got[0].shape == x.shape
    assert_close(got, want, dy, 3 * TOLERANCE[dtype])  # three roundings of rows one after another


def test_gate_is_a_choice_and_activated_rows_are_not_kept() -> None:
    torch.manual_seed(0)
    x, weights = torch.randn(5, 8, requires_grad=True), [torch.randn(12, 8), torch.randn(12, 8)]
    gate_up, down = FrozenWeight.pack(weights), FrozenWeight.pack([torch.eye(12)])
    torch.testing.assert_close(swiglu_mlp(x, gate_up, down), swiglu(x @ torch.cat(weights).T))
    torch.testing.assert_close(swiglu_mlp(x, gate_up, down, gated=geglu), geglu(x @ torch.cat(weights).T))


def test_what_does_not_fit_is_refused() -> None:
    gate_up, down = FrozenWeight.pack([torch.ones(6, 4)] * 2), FrozenWeight.pack([torch.ones(4, 6)])
    with pytest.raises(ShapeError, match=r"swiglu_mlp: x \(3, 5\) must be \(\.\.\., 4\)"):
        swiglu_mlp(torch.ones(3, 5), gate_up, down)
    with pytest.raises(ShapeError, match="twice as many rows"):
        swiglu_mlp(torch.ones(3, 4), gate_up, FrozenWeight.pack([torch.ones(4, 5)]))
