from typing import Any

import pytest
import torch

from ayar.errors import ShapeError
from ayar.ops import attention_varlen
from ayar.ops.attention import attention_reference
from tests.ops.compare import assert_close, double, each_dtype, value_and_grads

CU_SEQLENS = torch.tensor([0, 5, 5, 17, 18], dtype=torch.int32)


@each_dtype
@pytest.mark.parametrize(("window", "softcap", "scale"), [(None, None, None), (4, None, 0.3), (None, 2.0, None), (3, 1.5, 0.2)])
def test_equals_float64_reference(dtype: torch.dtype, window: int | None, softcap: float | None, scale: float | None) -> None:
    torch.manual_seed(0)
    query, key, value = [torch.randn(18, heads, 16).to(dtype).requires_grad_() for heads in (6, 2, 2)]
    dy = torch.randn(18, 6, 16, dtype=dtype)

    def theirs(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        qkv = torch.cat((query, key, value), 1)
        return attention_reference(qkv, CU_SEQLENS, 6, 2, scale or 0.25, None, window, softcap).view(18, 6, 16)

    got = value_and_grads(lambda q, k, v: attention_varlen(q, k, v, CU_SEQLENS, scale, window, softcap), (query, key, value), dy)
    want = value_and_grads(theirs, (double(query), double(key), double(value)), dy.double())
    assert_close(got, want, dy, 1e-5 if dtype == torch.float32 else 2e-2)


def test_views_of_one_tensor_are_taken() -> None:
    qkv = torch.randn(18, 3, 4, 16)
    query, key, value = qkv.unbind(1)
    want = attention_varlen(query.clone(), key.clone(), value.clone(), CU_SEQLENS)
    assert torch.equal(attention_varlen(query, key, value, CU_SEQLENS), want)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"query": torch.ones(18, 96)}, r"query \(18, 96\) must be"),
        ({"key": torch.ones(18, 2, 8)}, r"key \(18, 2, 8\) does not fit"),
        ({"value": torch.ones(18, 1, 16)}, r"value \(18, 1, 16\) does not fit"),
        ({"value": torch.ones(18, 2, 16, dtype=torch.bfloat16)}, "value is torch.bfloat16"),
        ({"key": torch.ones(18, 4, 16), "value": torch.ones(18, 4, 16)}, "multiple of num_kv_heads 4"),
        ({"cu_seqlens": torch.tensor([0, 17], dtype=torch.int32)}, "cu_seqlens must rise"),
    ],
)
def test_wrong_inputs_are_refused_by_name(change: dict[str, torch.Tensor], message: str) -> None:
    inputs: dict[str, Any] = {
        "query": torch.ones(18, 6, 16),
        "key": torch.ones(18, 2, 16),
        "value": torch.ones(18, 2, 16),
        "cu_seqlens": CU_SEQLENS,
    }
    with pytest.raises(ShapeError, match=message):
        attention_varlen(**{**inputs, **change})
