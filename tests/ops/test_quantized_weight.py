"""lora_linear over frozen weights kept in NF4 and in int8."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from ayar.ops import Adapter, FrozenWeight, Storage, backend, lora_linear
from ayar.ops.int8 import int8_quantize
from ayar.ops.lora_linear import lora_linear_reference
from ayar.ops.nf4 import (
    CODEBOOK,
    nest_absmax_reference,
    nf4_dequantize_reference,
    nf4_quantize_reference,
    unnest_absmax_reference,
)
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

each_storage = pytest.mark.parametrize("storage", ["nf4", "int8"])


def nf4_round_trip(weight: Tensor) -> Tensor:
    """fp32 values of one matrix in double-quantized NF4."""
    quantized = nf4_quantize_reference(weight)
    return nf4_dequantize_reference(
        quantized._replace(absmax=unnest_absmax_reference(nest_absmax_reference(quantized.absmax))), torch.float32
    )


def random_factor(rows: int, cols: int) -> Tensor:
    """Its products are about as large as what it multiplies: else bf16's rounding of a large u would drown a small y."""
    return (torch.randn(rows, cols) / cols**0.5).requires_grad_()


def test_nf4_keeps_what_the_reference_keeps() -> None:
    torch.manual_seed(0)
    weights = [torch.randn(n, 192) * torch.rand(n, 1) for n in (33, 70, 5)]  # panels of rows reach across matrices
    weights[0][:2] = 0
    packed = FrozenWeight.pack(weights, storage="nf4")
    want = torch.cat([nf4_round_trip(weight) for weight in weights])
    torch.testing.assert_close(packed.unpack(), want, rtol=1e-6, atol=1e-6)  # the mean of the absmax may differ in its last bit
    assert torch.equal(FrozenWeight.pack(weights, dtype=torch.bfloat16, storage="nf4").unpack(), packed.unpack().bfloat16())


def test_nf4_holds_at_most_six_tenths_of_a_byte() -> None:
    packed = FrozenWeight.pack([torch.randn(512, 576), torch.randn(192, 576)], dtype=torch.bfloat16, storage="nf4")
    x = torch.randn(4, 576).bfloat16().requires_grad_()
    lora_linear(x, packed).sum().backward()
    assert packed.nbytes <= 0.53 * 704 * 576


def test_nested_absmax_loses_little() -> None:
    absmax = nf4_quantize_reference(torch.randn(300, 640, generator=torch.Generator().manual_seed(0))).absmax
    error = (unnest_absmax_reference(nest_absmax_reference(absmax)) - absmax) / absmax
    assert error.abs().max() < 0.011
    assert error.square().mean().sqrt() < 0.003


def test_codebook_survives() -> None:
    weight = torch.tensor(CODEBOOK * 4).repeat(20, 2)
    assert torch.equal(FrozenWeight.pack([weight], storage="nf4").unpack(), weight)


def test_int8_keeps_what_the_reference_keeps() -> None:
    torch.manual_seed(0)
    weight = torch.randn(37, 50)
    weight[3] = 0
    packed = FrozenWeight.pack([weight[:20], weight[20:]], storage="int8")
    code, scale = packed.unpack_int8()
    want = int8_quantize(weight)
    assert torch.equal(code, want.code)
    assert torch.equal(scale, want.scale)
    assert (packed.unpack() - weight).abs().max() <= 0.5001 * scale.max()


@each_storage
@each_backend
@each_dtype
@given(
    rows=st.one_of(st.integers(0, 9), st.sampled_from([47, 49, 200])),
    k=st.one_of(st.integers(1, 80), st.sampled_from([128, 130, 257, 576])),
    projections=st.lists(
        st.tuples(st.one_of(st.integers(1, 80), st.sampled_from([96, 130, 300])), st.sampled_from([None, 1, 4, 8, 16, 17, 64])),
        min_size=1,
        max_size=3,
    ),
    has_bias=st.booleans(),
    seed=st.integers(0, 2**31),
)
def test_equals_float64_reference(
    backend_name: str,
    storage: Storage,
    dtype: torch.dtype,
    rows: int,
    k: int,
    projections: list[tuple[int, int | None]],
    has_bias: bool,
    seed: int,
) -> None:
    torch.manual_seed(seed)
    x = torch.randn(rows, k + 3).to(dtype)[:, :k].requires_grad_()
    bias = torch.randn(sum(n for n, _ in projections)) if has_bias else None
    weight = FrozenWeight.pack([torch.randn(n, k) for n, _ in projections], bias, dtype, storage)
    factors = [random_factor(*shape) for n, r in projections if r for shape in ((r, k), (n, r))]
    dy = torch.randn(rows, weight.shape[0]).to(dtype)

    def adapters(factors: tuple[Tensor, ...]) -> list[Adapter | None]:
        left = iter(factors)
        return [Adapter(next(left), next(left), 0.5 + i) if rank else None for i, (_, rank) in enumerate(projections)]

    with backend.use(backend_name):
        got = value_and_grads(lambda x, *f: lora_linear(x, weight, adapters(f)), (x, *factors), dy)
    plain = weight.unpack_int8() if storage == "int8" else weight.unpack().double()
    want = value_and_grads(
        lambda x, *f: lora_linear_reference(x, plain, adapters(f), weight.splits, bias), (double(x), *map(double, factors)), dy.double()
    )
    assert_close(got, want, dy, TOLERANCE[dtype])


@each_storage
@each_backend
def test_result_does_not_depend_on_threads(backend_name: str, storage: Storage) -> None:
    weights = [torch.randn(n, 203) for n in (1300, 70)]  # more than one chunk of panels
    weight = FrozenWeight.pack(weights, dtype=torch.bfloat16, storage=storage)
    for rows in (1, 301):
        torch.manual_seed(0)
        x = torch.randn(rows, 203).bfloat16().requires_grad_()
        factors = [torch.randn(16, 203, requires_grad=True), torch.randn(1300, 16, requires_grad=True)]
        dy = torch.randn(rows, 1370).bfloat16()

        def compute(x: Tensor = x, factors: list[Tensor] = factors, dy: Tensor = dy) -> list[Tensor]:
            return value_and_grads(lambda x, *f: lora_linear(x, weight, [Adapter(f[0], f[1], 2.0), None]), (x, *factors), dy)

        with backend.use(backend_name):
            assert_bit_identical(results_with_threads(compute))


@each_backend
@each_dtype
def test_nf4_in_several_chunks(backend_name: str, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    weight = FrozenWeight.pack([torch.randn(700, 4160), torch.randn(40, 4160)], dtype=dtype, storage="nf4")
    x = torch.randn(5, 4160).to(dtype).requires_grad_()
    factors = [torch.randn(3, 4160, requires_grad=True), torch.randn(700, 3, requires_grad=True)]
    dy = torch.randn(5, 740).to(dtype)
    with backend.use(backend_name):
        got = value_and_grads(lambda x, *f: lora_linear(x, weight, [Adapter(f[0], f[1], 2.0), None]), (x, *factors), dy)
    want = value_and_grads(
        lambda x, *f: lora_linear_reference(x, weight.unpack().double(), [Adapter(f[0], f[1], 2.0), None], weight.splits),
        (double(x), *map(double, factors)),
        dy.double(),
    )
    assert_close(got, want, dy, TOLERANCE[dtype])


@each_storage
@each_backend
def test_infinity_and_nan_stay(backend_name: str, storage: Storage) -> None:
    x = torch.ones(3, 8, dtype=torch.bfloat16)
    x[0, 3], x[1, 5] = torch.inf, torch.nan
    with backend.use(backend_name):
        y = lora_linear(x, FrozenWeight.pack([torch.ones(2, 8)], dtype=torch.bfloat16, storage=storage))
    assert not y[:2].isfinite().any()
    assert torch.equal(y[2], torch.full((2,), 8.0, dtype=torch.bfloat16))


@each_backend
def test_int8_is_the_same_in_every_instruction_set(backend_name: str) -> None:
    torch.manual_seed(0)
    weight = FrozenWeight.pack([torch.randn(100, 75)], storage="int8")
    x, dy = torch.randn(20, 75, requires_grad=True), torch.randn(20, 100)
    with backend.use("portable"):
        want = value_and_grads(lambda x: lora_linear(x, weight), (x,), dy)
    with backend.use(backend_name):
        got = value_and_grads(lambda x: lora_linear(x, weight), (x,), dy)
    assert all(torch.equal(g, w) for g, w in zip(got, want, strict=True))


@each_storage
def test_reference_backend_computes_the_same(storage: Storage) -> None:
    torch.manual_seed(0)
    weight = FrozenWeight.pack([torch.randn(30, 70)], storage=storage)
    x, dy = torch.randn(9, 70, requires_grad=True), torch.randn(9, 30)
    native = value_and_grads(lambda x: lora_linear(x, weight), (x,), dy)
    with backend.use("reference"):
        reference = value_and_grads(lambda x: lora_linear(x, weight), (x,), dy)
    assert_close(native, [value.double() for value in reference], dy, 1e-5)


def test_unknown_storage_is_refused() -> None:
    with pytest.raises(ValueError, match="nf4"):
        FrozenWeight.pack([torch.zeros(2, 2)], storage="fp8")  # pyright: ignore[reportArgumentType]
