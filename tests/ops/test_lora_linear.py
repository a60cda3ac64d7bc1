from collections.abc import Sequence

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from ayar.errors import ShapeError
from ayar.ops import Adapter, FrozenWeight, backend, lora_linear
from ayar.ops.lora_linear import lora_linear_reference
from tests.ops.compare import TOLERANCE, assert_close, double, each_backend, each_dtype, value_and_grads

sizes = st.one_of(st.integers(1, 80), st.sampled_from([63, 64, 65, 96, 97, 130, 257]))
ranks = st.one_of(st.none(), st.sampled_from([1, 2, 4, 7, 8, 16, 17, 33, 64]))


def random_layer(rows: int, k: int, projections: Sequence[tuple[int, int | None]], dtype: torch.dtype, has_bias: bool):
    """x (a strided view), weight (ΣN, K), bias, factors [A0, B0, ...] and dy, all random."""
    x = torch.randn(rows, k + 3).to(dtype)[:, :k].requires_grad_()
    weight = torch.cat([torch.randn(n, k) for n, _ in projections]).to(dtype)
    bias = torch.randn(len(weight)) if has_bias else None
    factors = [f for n, r in projections if r for f in (torch.randn(r, k, requires_grad=True), torch.randn(n, r, requires_grad=True))]
    return x, weight, bias, factors, torch.randn(rows, len(weight)).to(dtype)


def adapters_of(projections: Sequence[tuple[int, int | None]], factors: Sequence[Tensor]) -> list[Adapter | None]:
    left = iter(factors)
    return [Adapter(next(left), next(left), 0.5 + i) if rank else None for i, (_, rank) in enumerate(projections)]


@each_backend
@each_dtype
@given(
    rows=st.one_of(st.integers(0, 9), st.sampled_from([47, 48, 49, 200])),
    k=sizes,
    projections=st.lists(st.tuples(sizes, ranks), min_size=1, max_size=3),
    has_bias=st.booleans(),
    seed=st.integers(0, 2**31),
)
def test_equals_float64_reference(
    backend_name: str, dtype: torch.dtype, rows: int, k: int, projections: list[tuple[int, int | None]], has_bias: bool, seed: int
) -> None:
    torch.manual_seed(seed)
    x, weight, bias, factors, dy = random_layer(rows, k, projections, dtype, has_bias)
    splits = [n for n, _ in projections]
    packed = FrozenWeight.pack(weight.split(splits), bias)
    assert packed.splits == tuple(splits)

    def ours(x: Tensor, *factors: Tensor) -> Tensor:
        return lora_linear(x, packed, adapters_of(projections, factors))

    def reference(x: Tensor, *factors: Tensor) -> Tensor:
        return lora_linear_reference(x, weight.double(), adapters_of(projections, factors), splits, bias)

    with backend.use(backend_name):
        got = value_and_grads(ours, (x, *factors), dy)
    want = value_and_grads(reference, (double(x), *map(double, factors)), dy.double())
    assert_close(got, want, dy, TOLERANCE[dtype])


@each_backend
@each_dtype
def test_depth_beyond_one_sweep(backend_name: str, dtype: torch.dtype) -> None:
    torch.manual_seed(1)
    projections = [(20, 6), (30, 3)]
    x, weight, bias, factors, dy = random_layer(13, 9001, projections, dtype, has_bias=True)
    packed = FrozenWeight.pack(weight.split([20, 30]), bias)
    with backend.use(backend_name):
        got = value_and_grads(lambda x, *f: lora_linear(x, packed, adapters_of(projections, f)), (x, *factors), dy)
    want = value_and_grads(
        lambda x, *f: lora_linear_reference(x, weight.double(), adapters_of(projections, f), bias=bias),
        (double(x), *map(double, factors)),
        dy.double(),
    )
    assert_close(got, want, dy, TOLERANCE[dtype])


@each_backend
@each_dtype
def test_result_does_not_depend_on_threads(backend_name: str, dtype: torch.dtype) -> None:
    native = backend.native()
    before = native.thread_count()
    projections = [(130, 16), (70, None), (64, 7)]
    for rows in (1, 301):  # few rows: threads share the columns instead
        torch.manual_seed(0)
        x, weight, _, factors, dy = random_layer(rows, 203, projections, dtype, has_bias=False)
        packed = FrozenWeight.pack(weight.split([130, 70, 64]))

        def layer(x: Tensor, *factors: Tensor, packed: FrozenWeight = packed) -> Tensor:
            return lora_linear(x, packed, adapters_of(projections, factors))

        results = []
        with backend.use(backend_name):
            for threads in (1, 2, 5):
                native.set_thread_count(threads)
                results.append(value_and_grads(layer, (x, *factors), dy))
        native.set_thread_count(before)
        for other in results[1:]:
            assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))


def test_a_row_does_not_depend_on_its_neighbours() -> None:
    torch.manual_seed(0)
    packed = FrozenWeight.pack([torch.randn(100, 60)], dtype=torch.bfloat16)
    x = torch.randn(50, 60).bfloat16()
    whole = lora_linear(x, packed)
    x[1:] = float("nan")
    assert torch.equal(lora_linear(x, packed)[0], whole[0])
    assert torch.equal(lora_linear(x[:1], packed)[0], whole[0])


@each_backend
def test_only_wanted_gradients_are_computed(backend_name: str) -> None:
    torch.manual_seed(0)
    x, weight, _, (lora_A, lora_B), dy = random_layer(8, 20, [(30, 4)], torch.float32, has_bias=False)
    packed = FrozenWeight.pack([weight])
    with backend.use(backend_name):
        y = lora_linear(x.detach(), packed, [Adapter(lora_A, lora_B.detach(), 2.0)])
        y.backward(dy)
        assert lora_B.grad is None
        want = 2 * (dy @ lora_B.detach()).T @ x.detach()
        assert lora_A.grad is not None
        torch.testing.assert_close(lora_A.grad, want, rtol=1e-4, atol=1e-4)


@each_backend
def test_expanded_upstream_gradient(backend_name: str) -> None:
    x = torch.randn(5, 12, requires_grad=True)
    weight = torch.randn(9, 12)
    with backend.use(backend_name):
        lora_linear(x, FrozenWeight.pack([weight])).sum().backward()
    torch.testing.assert_close(x.grad, weight.sum(0).expand(5, -1))


@each_dtype
def test_packing_keeps_every_bit(dtype: torch.dtype) -> None:
    weights = [torch.randn(33, 17).to(dtype), torch.randn(40, 5).to(dtype).repeat(1, 4)[:, :17]]
    assert torch.equal(FrozenWeight.pack(weights).unpack(), torch.cat(weights))


def test_packing_converts_to_the_compute_dtype() -> None:
    weight = torch.randn(5, 7)
    packed = FrozenWeight.pack([weight], dtype=torch.bfloat16)
    assert torch.equal(packed.unpack(), weight.bfloat16())
    assert torch.equal(FrozenWeight.pack([weight.T]).unpack(), weight.T)


@each_backend
def test_infinity_and_nan_stay(backend_name: str) -> None:
    x = torch.tensor([[float("inf"), 1.0], [float("nan"), 1.0], [1.0, 1.0]], dtype=torch.bfloat16)
    with backend.use(backend_name):
        y = lora_linear(x, FrozenWeight.pack([torch.ones(1, 2, dtype=torch.bfloat16)]))
    assert y[0, 0].isinf()
    assert y[1, 0].isnan()
    assert y[2, 0] == 2


def test_wrong_shapes_and_dtypes_are_refused() -> None:
    packed = FrozenWeight.pack([torch.randn(6, 4), torch.randn(2, 4)])
    good = Adapter(torch.randn(3, 4), torch.randn(6, 3), 1.0)
    with pytest.raises(ShapeError, match=r"x \(2, 5\) must be"):
        lora_linear(torch.randn(2, 5), packed)
    with pytest.raises(ShapeError, match="packed for"):
        lora_linear(torch.randn(2, 4, dtype=torch.bfloat16), packed)
    with pytest.raises(ShapeError, match="1 adapters for 2 projections"):
        lora_linear(torch.randn(2, 4), packed, [good])
    with pytest.raises(ShapeError, match="adapter 1 has lora_A"):
        lora_linear(torch.randn(2, 4), packed, [good, good])
    with pytest.raises(ShapeError, match="must be float32"):
        lora_linear(torch.randn(2, 4), packed, [Adapter(good.lora_A.bfloat16(), good.lora_B, 1.0), None])
    with pytest.raises(ShapeError, match="one K"):
        FrozenWeight.pack([torch.randn(6, 4), torch.randn(2, 5)])
    with pytest.raises(ShapeError, match="bias"):
        FrozenWeight.pack([torch.randn(6, 4)], bias=torch.randn(5))
