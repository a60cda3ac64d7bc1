import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ayar.errors import ShapeError
from ayar.ops import backend, geglu
from ayar.ops.geglu import geglu_reference
from tests.ops.compare import (
    TOLERANCE,
    assert_bit_identical,
    assert_close,
    double,
    each_backend,
    each_dtype,
    results_with_threads,
    value_and_grads,
)


@each_backend
@each_dtype
@given(rows=st.integers(0, 9), cols=st.integers(1, 150), spread=st.sampled_from([1.0, 30.0]), seed=st.integers(0, 2**31))
def test_equals_float64_reference(backend_name: str, dtype: torch.dtype, rows: int, cols: int, spread: float, seed: int) -> None:
    torch.manual_seed(seed)
    gate_up = (torch.randn(rows, 2 * cols) * spread).to(dtype).requires_grad_()
    dy = torch.randn(rows, cols, dtype=dtype)
    with backend.use(backend_name):
        got = value_and_grads(geglu, (gate_up,), dy)
    want = value_and_grads(geglu_reference, (double(gate_up),), dy.double())
    assert_close(got, want, dy, TOLERANCE[dtype])


@each_backend
def test_ends_of_the_range(backend_name: str) -> None:
    gate = torch.tensor([0.0, -0.0, -8.5, -12.0, -200.0, 200.0, 3e12, -3e12])
    with backend.use(backend_name):
        got = geglu(torch.stack((gate, torch.ones_like(gate)), 1))[:, 0]
    torch.testing.assert_close(got, torch.nn.functional.gelu(gate, approximate="tanh"), rtol=1e-5, atol=1e-6)


@each_backend
def test_result_does_not_depend_on_threads(backend_name: str) -> None:
    torch.manual_seed(0)
    gate_up, dy = torch.randn(37, 130, requires_grad=True), torch.randn(37, 65)
    with backend.use(backend_name):
        assert_bit_identical(results_with_threads(lambda: value_and_grads(geglu, (gate_up,), dy)))


def test_odd_width_is_refused() -> None:
    with pytest.raises(ShapeError, match="geglu: gate_up"):
        geglu(torch.randn(2, 5))
