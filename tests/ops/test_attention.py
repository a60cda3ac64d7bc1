from itertools import accumulate
from random import Random
from typing import Any

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import Tensor

from ayar.errors import ShapeError
from ayar.ops import attention, backend
from ayar.ops.attention import attention_reference
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


def cu(lengths: list[int]) -> Tensor:
    return torch.tensor([0, *accumulate(lengths)], dtype=torch.int32)


def random_parents(count: int, draw: Random) -> Tensor:
    """A random forest in preorder: each segment goes on from one of the path that ends with the segment before, or from none."""
    parents: list[int] = []
    path: list[int] = []
    for segment in range(count):
        path = path[: draw.randint(0, len(path))]
        parents.append(path[-1] if path else -1)
        path.append(segment)
    return torch.tensor(parents, dtype=torch.int32)


def random_qkv(lengths: list[int], num_heads: int, num_kv_heads: int, head_dim: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(sum(lengths), num_heads + 2 * num_kv_heads, head_dim).to(dtype).requires_grad_()


@each_backend
@each_dtype
@settings(max_examples=30)
@given(
    lengths=st.lists(st.integers(0, 80), min_size=1, max_size=4),
    num_kv_heads=st.integers(1, 2),
    group=st.integers(1, 3),
    head_dim=st.integers(1, 12).map(lambda n: 8 * n) | st.integers(1, 70),
    seed=st.integers(0, 2**31),
)
@example(lengths=[0], num_kv_heads=1, group=1, head_dim=8, seed=0)
@example(lengths=[1, 0, 1], num_kv_heads=2, group=2, head_dim=64, seed=0)
@example(lengths=[64, 65, 63, 128], num_kv_heads=1, group=2, head_dim=64, seed=0)  # at the edges of a block
@example(lengths=[515, 20, 1100], num_kv_heads=1, group=2, head_dim=16, seed=0)  # several stretches, so several waves of the backward
@example(lengths=[140, 300], num_kv_heads=1, group=1, head_dim=256, seed=0)
def test_equals_float64_reference(
    backend_name: str, dtype: torch.dtype, lengths: list[int], num_kv_heads: int, group: int, head_dim: int, seed: int
) -> None:
    torch.manual_seed(seed)
    heads = (num_kv_heads * group, num_kv_heads)
    qkv = random_qkv(lengths, *heads, head_dim, dtype)
    dy = torch.randn(sum(lengths), heads[0] * head_dim, dtype=dtype)
    with backend.use(backend_name):
        got = value_and_grads(attention, (qkv, cu(lengths), *heads, head_dim**-0.5), dy)
    want = value_and_grads(attention_reference, (double(qkv), cu(lengths), *heads, head_dim**-0.5), dy.double())
    assert_close(got, want, dy, TOLERANCE[dtype])


@each_backend
@each_dtype
@settings(max_examples=20)
@given(
    lengths=st.lists(st.integers(0, 70), min_size=1, max_size=12),
    num_kv_heads=st.integers(1, 2),
    group=st.integers(1, 3),
    head_dim=st.sampled_from([8, 16, 33, 64]),
    window=st.none() | st.integers(1, 150),
    softcap=st.none() | st.sampled_from([2.0, 50.0]),
    seed=st.integers(0, 2**31),
)
@example(lengths=[358, *[22, 5, 31] * 5], num_kv_heads=1, group=2, head_dim=64, window=None, softcap=None, seed=1)
@example(lengths=[700, 3, 200, 500, 90], num_kv_heads=1, group=1, head_dim=16, window=130, softcap=None, seed=2)
@example(lengths=[1] * 12, num_kv_heads=1, group=1, head_dim=8, window=2, softcap=2.0, seed=3)
@example(lengths=[130, 90], num_kv_heads=1, group=1, head_dim=256, window=100, softcap=50.0, seed=4)
def test_trees_windows_and_soft_caps_equal_the_float64_reference(
    backend_name: str,
    dtype: torch.dtype,
    lengths: list[int],
    num_kv_heads: int,
    group: int,
    head_dim: int,
    window: int | None,
    softcap: float | None,
    seed: int,
) -> None:
    torch.manual_seed(seed)
    heads = (num_kv_heads * group, num_kv_heads)
    parents = random_parents(len(lengths), Random(seed))
    qkv = random_qkv(lengths, *heads, head_dim, dtype)
    dy = torch.randn(sum(lengths), heads[0] * head_dim, dtype=dtype)
    rest = (cu(lengths), *heads, head_dim**-0.5, parents, window, softcap)
    with backend.use(backend_name):
        got = value_and_grads(attention, (qkv, *rest), dy)
    want = value_and_grads(attention_reference, (double(qkv), *rest), dy.double())
    assert_close(got, want, dy, TOLERANCE[dtype])


@each_backend
@each_dtype
def test_a_branch_is_what_it_is_alone(backend_name: str, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    lengths, parents = [100, 22, 7, 30, 40, 9], [-1, 0, 1, 0, 3, -1]
    qkv = random_qkv(lengths, 4, 2, 64, dtype).detach()
    heads = (4, 2, 0.125)
    path = torch.cat([torch.arange(100), torch.arange(129, 199)])  # the segments 0, 3, 4
    with backend.use(backend_name):
        y = attention(qkv, cu(lengths), *heads, torch.tensor(parents, dtype=torch.int32))
        alone = attention(qkv[path], cu([100, 30, 40]), *heads, torch.tensor([-1, 0, 1], dtype=torch.int32))
        qkv[100:129] = float("nan")
        qkv[199:] = float("nan")
        beside = attention(qkv, cu(lengths), *heads, torch.tensor(parents, dtype=torch.int32))
    assert torch.equal(y[path], alone)  # bit by bit, whatever stands beside it
    assert torch.equal(beside[path], alone)
    assert beside[100:129].isnan().all()


@each_backend
def test_large_scores_stay_finite(backend_name: str) -> None:
    torch.manual_seed(0)
    qkv = (random_qkv([90], 2, 1, 16).detach() * 30).requires_grad_()
    dy = torch.randn(90, 32)
    with backend.use(backend_name):
        got = value_and_grads(attention, (qkv, cu([90]), 2, 1, 0.5), dy)
    want = value_and_grads(attention_reference, (double(qkv), cu([90]), 2, 1, 0.5), dy.double())
    assert want[1].norm() > 0
    assert_close(got, want, dy, 1e-3)  # scores near 7,000: an ulp of a score is 5e-4


@each_backend
@each_dtype
@pytest.mark.parametrize("window", [None, 70])
def test_scores_that_rise_along_the_path(backend_name: str, dtype: torch.dtype, window: int | None) -> None:
    torch.manual_seed(0)
    qkv = random_qkv([200], 2, 1, 16, dtype).detach()
    qkv[:, 2] *= torch.linspace(0.1, 12, 200, dtype=dtype)[:, None]  # what the first keys give is soon far below
    qkv.requires_grad_()
    dy = torch.randn(200, 32, dtype=dtype)
    with backend.use(backend_name):
        got = value_and_grads(attention, (qkv, cu([200]), 2, 1, 0.25, None, window), dy)
    want = value_and_grads(attention_reference, (double(qkv), cu([200]), 2, 1, 0.25, None, window), dy.double())
    assert_close(got, want, dy, TOLERANCE[dtype])


@each_backend
@each_dtype
def test_packed_sequences_do_not_see_each_other(backend_name: str, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    lengths = [70, 3, 600, 33]
    inputs = (cu(lengths), 4, 2, 0.125)
    qkv, dy = random_qkv(lengths, 4, 2, 64, dtype), torch.randn(706, 256, dtype=dtype)
    other = qkv.detach().clone()
    other[73:673] = float("nan")
    with backend.use(backend_name):
        before = value_and_grads(attention, (qkv, *inputs), dy)
        after = value_and_grads(attention, (other.requires_grad_(), *inputs), dy)
        alone = value_and_grads(attention, (qkv[673:].detach().requires_grad_(), cu([33]), 4, 2, 0.125), dy[673:])
    for a, b, own in zip(before, after, alone, strict=True):
        assert torch.equal(a[:73], b[:73])
        assert torch.equal(a[673:], b[673:])
        assert torch.equal(a[673:], own)  # nor does the place in the pack matter
        assert b[73:673].isnan().all()


@each_backend
def test_later_tokens_do_not_matter(backend_name: str) -> None:
    torch.manual_seed(0)
    qkv = random_qkv([150], 2, 1, 24).detach()
    changed = qkv.clone()
    changed[101:] = 1e30
    with backend.use(backend_name):
        assert torch.equal(attention(qkv, cu([150]), 2, 1, 0.2)[:101], attention(changed, cu([150]), 2, 1, 0.2)[:101])


@each_backend
@each_dtype
def test_result_does_not_depend_on_threads(backend_name: str, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    lengths = [1100, 3, 90, 400, *[22, 40] * 12]
    parents = torch.tensor([-1, -1, 1, 2, *[3] * 24], dtype=torch.int32)
    qkv, dy = random_qkv(lengths, 2, 1, 32, dtype), torch.randn(sum(lengths), 64, dtype=dtype)
    with backend.use(backend_name):
        assert_bit_identical(results_with_threads(lambda: value_and_grads(attention, (qkv, cu(lengths), 2, 1, 0.2, parents), dy)))


def test_is_what_torch_computes() -> None:
    query, key, value = (torch.randn(1, heads, 50, 16) for heads in (4, 2, 2))
    want = torch.nn.functional.scaled_dot_product_attention(query, key, value, is_causal=True, enable_gqa=True)
    got = attention(torch.cat((query, key, value), 1)[0].transpose(0, 1), cu([50]), 4, 2, 0.25)
    torch.testing.assert_close(got, want[0].transpose(0, 1).flatten(1))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_heads": 3}, "multiple of num_kv_heads"),
        ({"qkv": torch.ones(5, 7, 8)}, "qkv"),
        ({"scale": 0.0}, "scale"),
        ({"cu_seqlens": torch.tensor([0, 5])}, "int32"),
        ({"cu_seqlens": torch.tensor([0, 6], dtype=torch.int32)}, "5 tokens"),
        ({"cu_seqlens": torch.tensor([1, 5], dtype=torch.int32)}, "5 tokens"),
        ({"cu_seqlens": torch.tensor([0, 4, 3, 5], dtype=torch.int32)}, "5 tokens"),
        ({"cu_seqlens": torch.tensor([], dtype=torch.int32)}, "5 tokens"),
        ({"cu_seqlens": cu([2, 3]), "parents": torch.tensor([-1, 1], dtype=torch.int32)}, "preorder"),
        ({"cu_seqlens": cu([2, 3]), "parents": torch.tensor([-1, -2], dtype=torch.int32)}, "preorder"),
        ({"cu_seqlens": cu([2, 1, 1, 1]), "parents": torch.tensor([-1, 0, -1, 0], dtype=torch.int32)}, "preorder"),
        ({"cu_seqlens": cu([2, 3]), "parents": torch.tensor([-1], dtype=torch.int32)}, "preorder"),
        ({"parents": torch.tensor([-1])}, "int32"),
        ({"window": 0}, "window"),
        ({"softcap": -1.0}, "softcap"),
    ],
)
def test_wrong_inputs_are_refused(change: dict[str, Any], message: str) -> None:
    inputs = {"qkv": torch.ones(5, 8, 8), "cu_seqlens": cu([5]), "num_heads": 4, "num_kv_heads": 2, "scale": 0.3}
    with pytest.raises(ShapeError, match=message):
        attention(**{**inputs, **change})
