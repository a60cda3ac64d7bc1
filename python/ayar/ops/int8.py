"""int8, row by row: code = round(127 · value / largest of the row), value ≈ scale · code. The references of the native int8 products.

A frozen weight is quantized once, by output row; x and dy while they are multiplied. In dx = dy W the scale of a weight's row lies along
the sum, so dy takes it on before it is quantized: both directions then multiply the same codes.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

_LARGEST = 127.0
_NEGLIGIBLE = 1e-30  # a row this small is zero: its reciprocal would not be finite


class Int8(NamedTuple):
    """A quantized matrix: ``code`` float (rows, cols) of whole numbers in ±127, ``scale`` fp32 (rows, 1)."""

    code: Tensor
    scale: Tensor


def int8_quantize(value: Tensor) -> Int8:
    """Quantizes each row, in fp32. A row with an infinity or a NaN gets the scale NaN."""
    value = value.detach().float()
    largest = value.abs().amax(1, keepdim=True) if value.shape[1] else value.new_zeros(len(value), 1)
    is_zero = largest < _NEGLIGIBLE
    reciprocal = torch.where(is_zero, 0.0, torch.full_like(largest, _LARGEST) / largest)  # torch divides a number by way of 1 / largest
    scale = torch.where(is_zero, 0.0, largest / _LARGEST)
    scale = torch.where(largest.isfinite(), scale, torch.nan)
    return Int8((value * reciprocal).nan_to_num().round(), scale)


class Int8LinearReference(torch.autograd.Function):
    """y = x Wᵀ from codes of x and W; dx from codes of dy ⊙ scale and W. float32 or float64."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Int8) -> Tensor:
        ctx.weight = weight
        return _product(int8_quantize(x), (weight.code.to(x.dtype) * weight.scale.to(x.dtype)).T, x.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor, None]:
        code, scale = ctx.weight
        return _product(int8_quantize(dy.float() * scale.T), code.to(dy.dtype), dy.dtype), None


def _product(rows: Int8, matrix: Tensor, dtype: torch.dtype) -> Tensor:
    return (rows.code.to(dtype) * rows.scale.to(dtype)) @ matrix
