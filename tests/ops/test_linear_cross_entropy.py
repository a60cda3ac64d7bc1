from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from torch import Tensor

from ayar.errors import ShapeError
from ayar.ops import FrozenWeight, backend, linear_cross_entropy
from ayar.ops.linear_cross_entropy import linear_cross_entropy_reference
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


@pytest.fixture(scope="module", autouse=True)
def small_chunks() -> Iterator[None]:
    """Several chunks for a few dozen pairs, where a real vocabulary has several for a few hundred."""
    module = import_module("ayar.ops.linear_cross_entropy")  # as an attribute of ayar.ops, the name is the function
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "CHUNK_BYTES", 1)
        patch.setattr(module, "LEAST_ROWS", 7)
        yield


def random_case(tokens: int, hidden_size: int, vocab_size: int, pairs: int, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    hidden = torch.randn(tokens, hidden_size).to(dtype).requires_grad_()
    weight = (torch.randn(vocab_size, hidden_size) / hidden_size**0.5).to(dtype)
    positions = torch.randint(0, tokens, (pairs,))  # duplicates, as where a prefix is shared
    return hidden, weight, positions, torch.randint(0, vocab_size, (pairs,))


@each_backend
@each_dtype
@given(
    tokens=st.integers(1, 30),
    hidden_size=st.integers(1, 70),
    vocab_size=st.integers(1, 300),
    pairs=st.integers(0, 40),
    softcap=st.sampled_from([None, None, 0.7, 30.0]),
    seed=st.integers(0, 2**31),
)
@example(tokens=1, hidden_size=1, vocab_size=1, pairs=1, softcap=None, seed=0)
@example(tokens=5, hidden_size=8, vocab_size=64, pairs=1, softcap=2.0, seed=0)
def test_equals_float64_reference(
    backend_name: str, dtype: torch.dtype, tokens: int, hidden_size: int, vocab_size: int, pairs: int, softcap: float | None, seed: int
) -> None:
    torch.manual_seed(seed)
    hidden, weight, positions, targets = random_case(tokens, hidden_size, vocab_size, pairs, dtype)
    dloss = torch.randn(())
    with backend.use(backend_name):
        got = value_and_grads(linear_cross_entropy, (hidden, FrozenWeight.pack([weight]), positions, targets, None, softcap), dloss)
    want = value_and_grads(
        linear_cross_entropy_reference, (double(hidden), weight.double(), positions, targets, None, softcap), dloss.double()
    )
    assert_close(got, want, dloss, TOLERANCE[dtype])


@each_backend
@each_dtype
def test_a_weight_counts_as_so_many_pairs(backend_name: str, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    hidden, weight, positions, targets = random_case(9, 16, 80, 30, dtype)
    counts = torch.randint(0, 5, (30,))
    head, dloss = FrozenWeight.pack([weight]), torch.tensor(0.7)
    repeated = (positions.repeat_interleave(counts), targets.repeat_interleave(counts))
    want = value_and_grads(linear_cross_entropy_reference, (double(hidden), weight.double(), *repeated), dloss.double())
    with backend.use(backend_name):
        got = value_and_grads(linear_cross_entropy, (hidden, head, positions, targets, counts.float()), dloss)
    assert_close(got, want, dloss, TOLERANCE[dtype])


@each_backend
def test_large_logits_stay_exact(backend_name: str) -> None:
    torch.manual_seed(0)
    hidden, weight, positions, targets = random_case(6, 16, 1000, 20, torch.float32)
    hidden = (hidden.detach() * 60).requires_grad_()
    with backend.use(backend_name):
        got = value_and_grads(linear_cross_entropy, (hidden, FrozenWeight.pack([weight]), positions, targets), torch.tensor(1.0))
    want = value_and_grads(
        linear_cross_entropy_reference, (double(hidden), weight.double(), positions, targets), torch.tensor(1.0).double()
    )
    assert_close(got, want, torch.tensor(1.0), 1e-5)


@each_backend
@each_dtype
def test_without_pairs_loss_and_gradient_are_zero(backend_name: str, dtype: torch.dtype) -> None:
    hidden, weight, positions, targets = random_case(3, 8, 10, 0, dtype)
    with backend.use(backend_name):
        loss, gradient = value_and_grads(linear_cross_entropy, (hidden, FrozenWeight.pack([weight]), positions, targets), torch.tensor(1.0))
    assert loss.dtype == torch.float32
    assert loss.item() == 0
    assert torch.equal(gradient, torch.zeros_like(hidden))


@each_backend
def test_only_labelled_rows_get_a_gradient(backend_name: str) -> None:
    torch.manual_seed(0)
    hidden, weight, _, targets = random_case(9, 8, 50, 3, torch.float32)
    positions = torch.tensor([2, 7, 2])
    with backend.use(backend_name):
        _, gradient = value_and_grads(linear_cross_entropy, (hidden, FrozenWeight.pack([weight]), positions, targets), torch.tensor(1.0))
    assert gradient.norm(dim=1).gt(0).tolist() == [row in (2, 7) for row in range(9)]


@each_backend
@pytest.mark.parametrize("softcap", [None, 4.0])
def test_loss_without_gradient_is_the_same(backend_name: str, softcap: float | None) -> None:
    torch.manual_seed(0)
    hidden, weight, positions, targets = random_case(20, 24, 333, 30, torch.bfloat16)
    head = FrozenWeight.pack([weight])
    with backend.use(backend_name):
        assert torch.equal(
            linear_cross_entropy(hidden, head, positions, targets, None, softcap),
            linear_cross_entropy(hidden.detach(), head, positions, targets, None, softcap),
        )


@each_backend
@each_dtype
def test_result_does_not_depend_on_threads(backend_name: str, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    hidden, weight, positions, targets = random_case(20, 24, 333, 50, dtype)
    inputs = (hidden, FrozenWeight.pack([weight]), positions, targets)
    with backend.use(backend_name):
        assert_bit_identical(results_with_threads(lambda: value_and_grads(linear_cross_entropy, inputs, torch.tensor(0.3))))


def test_not_a_number_is_not_hidden() -> None:
    hidden, weight, positions, targets = random_case(20, 24, 333, 30, torch.float32)
    hidden = hidden.detach()
    hidden[positions[0], 3] = float("nan")
    assert linear_cross_entropy(hidden, FrozenWeight.pack([weight]), positions, targets).isnan()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hidden": torch.ones(3, 5)}, "hidden"),
        ({"hidden": torch.ones(3, 4, dtype=torch.bfloat16)}, "float32"),
        ({"positions": torch.tensor([0, 3])}, "positions must lie between 0 and 2"),
        ({"positions": torch.tensor([0, -1])}, "positions must lie"),
        ({"targets": torch.tensor([0, 7])}, "targets must lie between 0 and 6"),
        ({"targets": torch.tensor([-100, 6])}, "targets must lie"),
        ({"targets": torch.tensor([0, 1], dtype=torch.int32)}, "int64"),
        ({"targets": torch.tensor([0])}, "targets"),
    ],
)
def test_wrong_inputs_are_refused(change: dict[str, Any], message: str) -> None:
    inputs = {"hidden": torch.ones(3, 4), "positions": torch.tensor([0, 2]), "targets": torch.tensor([1, 6])}
    with pytest.raises(ShapeError, match=message):
        linear_cross_entropy(head=FrozenWeight.pack([torch.ones(7, 4)]), **{**inputs, **change})
