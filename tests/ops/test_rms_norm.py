import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ayar.errors import ShapeError
from ayar.ops import backend, rms_norm, rms_norm_branch
from ayar.ops.rms_norm import rms_norm_reference
from tests.ops.compare import TOLERANCE, assert_close, double, each_backend, each_dtype, value_and_grads


@each_backend
@each_dtype
@given(rows=st.integers(0, 9), cols=st.integers(1, 300), seed=st.integers(0, 2**31))
def test_equals_float64_reference(backend_name: str, dtype: torch.dtype, rows: int, cols: int, seed: int) -> None:
    torch.manual_seed(seed)
    x = torch.randn(rows, cols)
    x = (x + x.sign() / 2).to(dtype).requires_grad_()  # off zero, where rstd and the error of dx have no bound
    weight, dy = torch.randn(cols, requires_grad=True), torch.randn(rows, cols, dtype=dtype)
    with backend.use(backend_name):
        got = value_and_grads(rms_norm, (x, weight), dy)
    want = value_and_grads(rms_norm_reference, (double(x), double(weight)), dy.double())
    assert_close(got, want, dy, TOLERANCE[dtype])


@each_backend
def test_result_does_not_depend_on_threads(backend_name: str) -> None:
    torch.manual_seed(0)
    x, weight, dy = torch.randn(37, 130, requires_grad=True), torch.randn(130, requires_grad=True), torch.randn(37, 130)
    native = backend.native()
    before = native.thread_count()
    results = []
    with backend.use(backend_name):
        for threads in (1, 2, 5):
            native.set_thread_count(threads)
            results.append(value_and_grads(rms_norm, (x, weight), dy))
    native.set_thread_count(before)
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))


@each_backend
@each_dtype
@given(rows=st.integers(0, 9), cols=st.integers(1, 70), seed=st.integers(0, 2**31))
def test_branch_adds_the_gradient_of_the_stream(backend_name: str, dtype: torch.dtype, rows: int, cols: int, seed: int) -> None:
    torch.manual_seed(seed)
    x = torch.randn(rows, cols)
    x = (x + x.sign() / 2).to(dtype).requires_grad_()
    weight, dy = torch.randn(cols, requires_grad=True), torch.randn(2 * rows, cols, dtype=dtype)
    with backend.use(backend_name):
        got = value_and_grads(lambda *inputs: torch.cat(rms_norm_branch(*inputs)), (x, weight), dy)
    want = value_and_grads(lambda x, weight: torch.cat((rms_norm_reference(x, weight), x)), (double(x), double(weight)), dy.double())
    assert_close(got, want, dy, TOLERANCE[dtype])


def test_branch_that_only_the_stream_leaves() -> None:
    x = torch.randn(3, 4, requires_grad=True)
    rms_norm_branch(x, torch.ones(4))[1].sum().backward()
    assert x.grad is not None
    assert torch.equal(x.grad, torch.ones(3, 4))


def test_wrong_weight_is_refused() -> None:
    with pytest.raises(ShapeError, match="rms_norm: weight"):
        rms_norm(torch.randn(2, 4), torch.ones(5))
