import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ayar.errors import ShapeError
from ayar.ops import backend, head_norm
from ayar.ops.head_norm import head_norm_reference
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
@given(tokens=st.integers(0, 9), heads=st.integers(1, 5), normed=st.integers(1, 5), head_dim=st.integers(1, 70), seed=st.integers(0, 2**31))
def test_equals_float64_reference(
    backend_name: str, dtype: torch.dtype, tokens: int, heads: int, normed: int, head_dim: int, seed: int
) -> None:
    torch.manual_seed(seed)
    qkv = torch.randn(tokens, heads, head_dim)
    qkv = (qkv + qkv.sign() / 2).to(dtype).requires_grad_()  # off zero, where rstd and the error of dx have no bound
    weight, dy = torch.randn(min(normed, heads), head_dim), torch.randn(tokens, heads, head_dim, dtype=dtype)
    with backend.use(backend_name):
        got = value_and_grads(head_norm, (qkv, weight), dy)
    want = value_and_grads(head_norm_reference, (double(qkv), weight.double()), dy.double())
    assert_close(got, want, dy, TOLERANCE[dtype])


@each_backend
def test_result_does_not_depend_on_threads(backend_name: str) -> None:
    torch.manual_seed(0)
    qkv, weight, dy = torch.randn(37, 5, 24, requires_grad=True), torch.randn(3, 24), torch.randn(37, 5, 24)
    with backend.use(backend_name):
        assert_bit_identical(results_with_threads(lambda: value_and_grads(head_norm, (qkv, weight), dy)))


def test_heads_without_a_row_are_copied() -> None:
    qkv = torch.randn(4, 5, 6)
    assert torch.equal(head_norm(qkv, torch.ones(3, 6))[:, 3:], qkv[:, 3:])


def test_what_does_not_fit_is_refused() -> None:
    for weight in (torch.ones(6, 6), torch.ones(3, 5), torch.ones(6)):
        with pytest.raises(ShapeError, match="head_norm: qkv"):
            head_norm(torch.randn(4, 5, 6), weight)
    for weight in (torch.ones(3, 6, dtype=torch.bfloat16), torch.ones(3, 6, requires_grad=True)):
        with pytest.raises(ShapeError, match="head_norm: weight must be float32 and frozen"):
            head_norm(torch.randn(4, 5, 6), weight)
