import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ayar.errors import ShapeError
from ayar.ops import Adapter, Dropout, FrozenWeight, Storage, backend, lora_linear
from ayar.ops.dropout import dropout_mask, philox
from ayar.ops.lora_linear import lora_linear_reference
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


@pytest.mark.parametrize(
    ("counter", "key", "want"),
    [  # the known answers that the authors publish with their library
        ((0, 0, 0, 0), 0, (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((0xFFFFFFFF,) * 4, 0xFFFFFFFFFFFFFFFF, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            0x299F31D0A4093822,
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ],
)
def test_philox_known_answers(counter: tuple[int, ...], key: int, want: tuple[int, ...]) -> None:
    words = philox(tuple(np.full(3, word, np.uint64) for word in counter), key)
    assert [set(word.tolist()) for word in words] == [{word} for word in want]


def test_mask_differs_in_every_coordinate() -> None:
    usual = Dropout(0.5, seed=1, draw=2, stream=3)
    mask = dropout_mask(usual, 8, 200)
    for other in (usual._replace(seed=2), usual._replace(seed=1 << 40 | 1), usual._replace(draw=3), usual._replace(stream=4)):
        agreement = (dropout_mask(other, 8, 200) == mask).float().mean().item()
        assert 0.4 < agreement < 0.6
    assert torch.equal(dropout_mask(usual, 5, 130), mask[:5, :130]), "a mask depends on where an element is, not on the matrix"


@pytest.mark.parametrize("probability", [0.0, 0.05, 0.3, 0.9])
def test_share_and_scale(probability: float) -> None:
    dropout = Dropout(probability, seed=5, draw=0, stream=0)
    dropped = 1 - dropout_mask(dropout, 500, 1000).double().mean().item()
    assert abs(dropped - probability) < 4 * math.sqrt(0.25 / 500_000)
    assert dropout.kept_scale == pytest.approx(1 / (1 - probability), rel=2e-4)


def masks_of_native(dropout: Dropout, rows: int, cols: int) -> torch.Tensor:
    """What the native op keeps of x, seen through lora_A = 1 for one column after the other: u = x · A."""
    x, weight = torch.ones(rows, cols), FrozenWeight.pack([torch.zeros(cols, cols)])
    adapter = Adapter(torch.eye(cols), torch.eye(cols), 1.0, dropout)
    return lora_linear(x, weight, [adapter])


@each_backend
@pytest.mark.parametrize(("rows", "cols"), [(1, 1), (3, 127), (2, 129), (5, 300)])
def test_native_mask_equals_reference(backend_name: str, rows: int, cols: int) -> None:
    dropout = Dropout(0.4, seed=(7 << 32) + 9, draw=0xFFFFFFFE, stream=12)
    with backend.use(backend_name):
        got = masks_of_native(dropout, rows, cols)
    assert torch.equal(got != 0, dropout_mask(dropout, rows, cols))
    torch.testing.assert_close(got[got != 0], torch.full_like(got[got != 0], dropout.kept_scale))


def random_factor(rows: int, cols: int) -> torch.Tensor:
    """Its products are about as large as what it multiplies: else bf16's rounding of a large u would drown a small y."""
    return (torch.randn(rows, cols) / cols**0.5).requires_grad_()


@each_backend
@each_dtype
@given(
    rows=st.one_of(st.integers(0, 9), st.sampled_from([47, 200, 300])),
    k=st.sampled_from([1, 15, 16, 64, 130, 257]),
    projections=st.lists(
        st.tuples(st.sampled_from([1, 16, 40, 65]), st.sampled_from([None, 1, 4, 8, 16, 17, 64]), st.sampled_from([None, 0.0, 0.05, 0.5])),
        min_size=1,
        max_size=3,
    ),
    storage=st.sampled_from(["full", "nf4"]),
    seed=st.integers(0, 2**31),
)
def test_equals_float64_reference_with_the_same_mask(
    backend_name: str,
    dtype: torch.dtype,
    rows: int,
    k: int,
    projections: list[tuple[int, int | None, float | None]],
    storage: Storage,
    seed: int,
) -> None:
    torch.manual_seed(seed)
    x = torch.randn(rows, k).to(dtype).requires_grad_()
    weight = FrozenWeight.pack(
        [torch.randn(n, k) for n, _, _ in projections], torch.randn(sum(n for n, _, _ in projections)), dtype, storage
    )
    factors = [random_factor(*shape) for n, r, _ in projections if r for shape in ((r, k), (n, r))]
    dy = torch.randn(rows, weight.shape[0]).to(dtype)

    def adapters(factors: tuple[torch.Tensor, ...]) -> list[Adapter | None]:
        left = iter(factors)
        return [
            Adapter(next(left), next(left), 0.5 + i, None if p is None else Dropout(p, seed, draw=i, stream=7 * i)) if r else None
            for i, (_, r, p) in enumerate(projections)
        ]

    with backend.use(backend_name):
        got = value_and_grads(lambda x, *f: lora_linear(x, weight, adapters(f)), (x, *factors), dy)
    plain = weight.unpack().double()
    want = value_and_grads(
        lambda x, *f: lora_linear_reference(x, plain, adapters(f), weight.splits, weight.bias),
        (double(x), *map(double, factors)),
        dy.double(),
    )
    assert_close(got, want, dy, TOLERANCE[dtype])


@each_backend
def test_result_does_not_depend_on_threads(backend_name: str) -> None:
    for rows in (1, 301):
        torch.manual_seed(0)
        x = torch.randn(rows, 203).bfloat16().requires_grad_()
        weight = FrozenWeight.pack([torch.randn(130, 203), torch.randn(70, 203)], dtype=torch.bfloat16)
        factors = [torch.randn(s, requires_grad=True) for s in ((16, 203), (130, 16), (7, 203), (70, 7))]
        dy = torch.randn(rows, 200).bfloat16()

        def layer(x: torch.Tensor, *f: torch.Tensor, weight: FrozenWeight = weight) -> torch.Tensor:
            return lora_linear(
                x, weight, [Adapter(f[0], f[1], 2.0, Dropout(0.3, 1, 2, 3)), Adapter(f[2], f[3], 2.0, Dropout(0.3, 1, 2, 4))]
            )

        def compute(x: torch.Tensor = x, factors: list[torch.Tensor] = factors, dy: torch.Tensor = dy) -> list[torch.Tensor]:
            return value_and_grads(layer, (x, *factors), dy)

        with backend.use(backend_name):
            assert_bit_identical(results_with_threads(compute))


def test_probability_out_of_range_is_refused() -> None:
    weight = FrozenWeight.pack([torch.zeros(2, 2)])
    for probability in (-0.1, 1.0, math.nan):
        adapter = Adapter(torch.zeros(1, 2), torch.zeros(2, 1), 1.0, Dropout(probability, 0, 0, 0))
        with pytest.raises(ShapeError, match="probability"):
            lora_linear(torch.zeros(1, 2), weight, [adapter])
