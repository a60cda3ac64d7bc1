"""Rows and weights with room beside them: x stands in rows with spare columns for u = x Aᵀ, W has A below it and sB beside it.

    [x | u] · [W | sB]ᵀ = x Wᵀ + s (x Aᵀ) Bᵀ        [dy | v] · [W ; A] = dy W + s (dy B) A

So one library product does both terms, and y and dx are written and rounded once.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

SPARE = 64  # columns: a row of bf16 stays aligned to 128 bytes


def bordered_rows(rows: int, columns: int, like: Tensor, border: int = SPARE) -> Tensor:
    """(rows, columns) of the dtype and device of ``like``, uninitialised, each row followed by ``border`` spare columns."""
    return like.new_empty(rows, columns + border)[:, :columns]


def bordered_like(x: Tensor, border: int = SPARE) -> Tensor:
    """Bordered rows of the shape of x (rows, columns)."""
    return bordered_rows(x.shape[0], x.shape[1], x, border)


def with_border(x: Tensor, used: int) -> Tensor:
    """The first ``used`` spare columns of bordered rows too: (rows, columns + used)."""
    return x.as_strided((x.shape[0], x.shape[1] + used), x.stride())


def border_of(x: Tensor, used: int) -> Tensor:
    """(rows, used): the first spare columns of bordered rows."""
    return with_border(x, used)[:, x.shape[1] :]


class Factor(NamedTuple):
    """One adapter of a group of projections: where its rows of the weight and its columns of the border begin."""

    start: int
    column: int
    lora_A: Tensor  # (rank, K) fp32
    lora_B: Tensor  # (N_i, rank) fp32
    scaling: float
    stream: int = 0  # which dropout mask

    @property
    def rank(self) -> int:
        return self.lora_A.shape[0]

    @property
    def rows(self) -> slice:
        return slice(self.start, self.start + self.lora_B.shape[0])

    @property
    def columns(self) -> slice:
        return slice(self.column, self.column + self.rank)


def factors_of(adapters: Sequence[tuple[int, Tensor, Tensor, float]]) -> list[Factor]:
    """adapters: (first row of its projection, lora_A, lora_B, scaling) each; their border columns follow one another."""
    factors, column = [], 0
    for start, lora_A, lora_B, scaling in adapters:
        factors.append(Factor(start, column, lora_A, lora_B, scaling))
        column += lora_A.shape[0]
    return factors


def used_columns(factors: Sequence[Factor]) -> int:
    """Border columns that a product reads: a multiple of 8, which keeps its loads at 16 bytes; those beyond the ranks hold zeros."""
    total = sum(factor.rank for factor in factors)
    return -(-total // 8) * 8


class BorderedWeight:
    """The frozen rows (N, K) of one or more projections in a buffer with a border on the right and one below. Made once, at load."""

    def __init__(self, weights: Sequence[Tensor], bias: Tensor | None, dtype: torch.dtype) -> None:
        outputs, inputs = sum(weight.shape[0] for weight in weights), weights[0].shape[1]
        self.shape, self.bias = (outputs, inputs), None if bias is None else bias.to(dtype)
        self.writer: object = None  # of the borders: a new object for each call of ``write``
        self._buffer = self._new_buffer(weights[0].to(dtype), SPARE)
        torch.cat([weight.to(dtype) for weight in weights], out=self.frozen)

    def _new_buffer(self, like: Tensor, border: int) -> Tensor:
        outputs, inputs = self.shape
        self.border = border
        return like.new_zeros(outputs + border, inputs + border)

    @property
    def frozen(self) -> Tensor:
        """W (N, K), a view."""
        return self._buffer[: self.shape[0], : self.shape[1]]

    @property
    def nbytes(self) -> int:
        return self._buffer.nbytes

    def unpack(self, weight: Tensor) -> None:
        """Copies W into ``weight``."""
        weight.copy_(self.frozen)

    def below(self, used: int) -> Tensor:
        """(used, K): the rows below W, a view."""
        return self._buffer[self.shape[0] : self.shape[0] + used, : self.shape[1]]

    def write(self, factors: Sequence[Factor]) -> int:
        """Puts A and sB into the borders, in the weight's dtype. Returns the border columns in use."""
        self.writer = object()
        used = used_columns(factors)
        if used > self.border:  # a rank larger than any before: the weight moves into a wider buffer, once
            old = self.frozen
            self._buffer = self._new_buffer(old, -(-used // SPARE) * SPARE)
            self.frozen.copy_(old)
        outputs, inputs = self.shape
        self._buffer[:outputs, inputs : inputs + used].zero_()
        self._buffer[outputs : outputs + used, :inputs].zero_()
        for factor in factors:
            self._buffer[factor.rows, inputs + factor.column : inputs + factor.column + factor.rank] = factor.lora_B * factor.scaling
            self._buffer[outputs + factor.column : outputs + factor.column + factor.rank, :inputs] = factor.lora_A
        return used

    def product(self, x: Tensor, used: int, y: Tensor) -> None:
        """y (rows, N) = [x | u] [W | sB]ᵀ + bias. x: bordered rows (rows, K) whose first ``used`` spare columns hold u."""
        outputs, inputs = self.shape
        weight = self._buffer[:outputs, : inputs + used].t()
        rows = with_border(x, used) if used else x
        torch.mm(rows, weight, out=y) if self.bias is None else torch.addmm(self.bias, rows, weight, out=y)

    def product_backward(self, dy: Tensor, used: int, dx: Tensor) -> None:
        """dx (rows, K) = [dy | v] [W ; A]. dy: bordered rows (rows, N) whose first ``used`` spare columns hold v."""
        outputs, inputs = self.shape
        torch.mm(with_border(dy, used) if used else dy, self._buffer[: outputs + used, :inputs], out=dx)
