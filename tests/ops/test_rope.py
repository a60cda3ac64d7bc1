from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from ayar.errors import ShapeError
from ayar.ops import backend, rope
from ayar.ops.rope import rope_reference
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


def angles(positions: int, half: int) -> tuple[Tensor, Tensor]:
    angle = torch.arange(positions)[:, None] * 10000.0 ** -(torch.arange(half) / max(half, 1))
    return angle.cos(), angle.sin()


@each_backend
@each_dtype
@given(
    tokens=st.integers(0, 9),
    heads=st.integers(1, 5),
    half=st.integers(1, 40),
    still=st.sampled_from([0, 0, 1, 24]),
    rotated=st.integers(0, 5),
    seed=st.integers(0, 2**31),
)
def test_equals_float64_reference(
    backend_name: str, dtype: torch.dtype, tokens: int, heads: int, half: int, still: int, rotated: int, seed: int
) -> None:
    torch.manual_seed(seed)
    qkv = torch.randn(tokens, heads, 2 * half + still).to(dtype).requires_grad_()
    cos, sin = angles(50, half)
    position_ids = torch.randint(0, 50, (tokens,), dtype=torch.int32)
    dy = torch.randn(tokens, heads, 2 * half + still, dtype=dtype)
    inputs = (cos, sin, position_ids, min(rotated, heads))
    with backend.use(backend_name):
        got = value_and_grads(rope, (qkv, *inputs), dy)
    want = value_and_grads(rope_reference, (double(qkv), cos.double(), sin.double(), position_ids, min(rotated, heads)), dy.double())
    assert_close(got, want, dy, TOLERANCE[dtype])


@each_backend
def test_result_does_not_depend_on_threads(backend_name: str) -> None:
    torch.manual_seed(0)
    qkv, dy = torch.randn(37, 3, 64, requires_grad=True), torch.randn(37, 3, 64)
    inputs = (qkv, *angles(37, 32), torch.arange(37, dtype=torch.int32), 2)
    with backend.use(backend_name):
        assert_bit_identical(results_with_threads(lambda: value_and_grads(rope, inputs, dy)))


def test_other_heads_are_copied_and_the_input_is_not_touched() -> None:
    qkv = torch.randn(4, 3, 8)
    before = qkv.clone()
    y = rope(qkv, *angles(9, 4), torch.tensor([0, 8, 3, 3], dtype=torch.int32), 2)
    assert torch.equal(y[:, 2], qkv[:, 2])
    assert torch.equal(y[0], qkv[0])  # position 0 does not turn
    assert not torch.equal(y[1, 0], qkv[1, 0])
    assert torch.equal(qkv, before)


def test_is_the_rotation_of_llama() -> None:
    llama = pytest.importorskip("transformers.models.llama.modeling_llama")
    query, key = torch.randn(1, 2, 5, 16), torch.randn(1, 1, 5, 16)
    cos, sin = angles(5, 8)
    want = llama.apply_rotary_pos_emb(query, key, torch.cat((cos, cos), -1)[None], torch.cat((sin, sin), -1)[None])
    got = rope(torch.cat((query, key), 1)[0].transpose(0, 1), cos, sin, torch.arange(5, dtype=torch.int32), 3)
    torch.testing.assert_close(got.transpose(0, 1), torch.cat(want, 1)[0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"qkv": torch.ones(3, 2, 7)}, "must both be"),
        ({"qkv": torch.ones(6, 8)}, "must be"),
        ({"cos": torch.ones(5, 3)}, "must both be"),
        ({"cos": torch.ones(5, 0), "sin": torch.ones(5, 0)}, "must both be"),
        ({"position_ids": torch.zeros(3, dtype=torch.int64)}, "int32"),
        ({"position_ids": torch.tensor([0, 5, 1], dtype=torch.int32)}, "between 0 and 4"),
        ({"position_ids": torch.tensor([0, -1, 1], dtype=torch.int32)}, "between 0 and 4"),
        ({"num_rotated_heads": 3}, "num_rotated_heads"),
    ],
)
def test_wrong_inputs_are_refused(change: dict[str, Any], message: str) -> None:
    inputs = {"qkv": torch.ones(3, 2, 8), "cos": torch.ones(5, 4), "sin": torch.ones(5, 4)}
    with pytest.raises(ShapeError, match=message):
        rope(**{**inputs, "position_ids": torch.zeros(3, dtype=torch.int32), "num_rotated_heads": 2, **change})
