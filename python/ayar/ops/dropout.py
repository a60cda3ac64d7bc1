"""LoRA dropout whose mask is a function of where an element is: Philox 4×32-10 (Salmon et al., 2011), a counter-based generator.

The forward and the backward pass make the same mask, and nothing is stored. The low and the high half of word w of the counter
(16 g + lane, row, stream, draw) decide on the columns 128 g + 32 w + 2 lane and the next: kept where the half is at least the threshold.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ayar.errors import ShapeError

_LEVELS = 1 << 16  # a column is decided on by 16 bits
_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_WEYL = (0x9E3779B9, 0xBB67AE85)
_WORD = np.uint64(0xFFFFFFFF)


class Dropout(NamedTuple):
    """Which mask: equal values give equal masks.

    probability: in [0, 1), rounded to 1 / 65,536. seed: of the run, 64 bits. draw: another one for every batch, 32 bits. stream: another
    one for every adapter, 32 bits.
    """

    probability: float
    seed: int
    draw: int
    stream: int

    @property
    def threshold(self) -> int:
        """Levels of 65,536 that drop. Raises ShapeError where the probability is out of range."""
        if not 0 <= self.probability < 1:
            raise ShapeError(f"dropout: probability {self.probability} must be at least 0 and less than 1")
        return min(round(self.probability * _LEVELS), _LEVELS - 1)

    @property
    def kept_scale(self) -> float:
        """What is kept is multiplied by this, so that the mean stays: 1 / (1 − p), p as rounded."""
        return _LEVELS / (_LEVELS - self.threshold)


def dropout_mask(dropout: Dropout, rows: int, cols: int) -> Tensor:
    """Which elements of a (rows, cols) matrix are kept, as bool."""
    groups = -(-cols // 128)
    counters = np.arange(16 * groups, dtype=np.uint64)
    zeros = np.zeros((rows, len(counters)), np.uint64)
    words = philox(
        (
            zeros + counters,
            zeros + np.arange(rows, dtype=np.uint64)[:, None],
            zeros + np.uint64(dropout.stream),
            zeros + np.uint64(dropout.draw),
        ),
        dropout.seed,
    )
    halves = np.stack([word >> np.uint64(shift) & np.uint64(0xFFFF) for word in words for shift in (0, 16)])  # (word · half, rows, counter)
    halves = halves.reshape(4, 2, rows, groups, 16).transpose(2, 3, 0, 4, 1)  # rows, group, word, lane, half
    return torch.from_numpy(halves.reshape(rows, 128 * groups)[:, :cols] >= dropout.threshold)


def philox(counter: tuple[np.ndarray, ...], key: int) -> tuple[np.ndarray, ...]:
    """Four arrays of words (uint64 that hold 32 bits) from four arrays of counter words and a 64-bit key."""
    c0, c1, c2, c3 = counter
    k0, k1 = key & 0xFFFFFFFF, key >> 32 & 0xFFFFFFFF
    for _ in range(10):
        p0, p1 = c0 * np.uint64(_MULTIPLIERS[0]), c2 * np.uint64(_MULTIPLIERS[1])
        c0, c1, c2, c3 = p1 >> np.uint64(32) ^ c1 ^ np.uint64(k0), p1 & _WORD, p0 >> np.uint64(32) ^ c3 ^ np.uint64(k1), p0 & _WORD
        k0, k1 = (k0 + _WEYL[0]) & 0xFFFFFFFF, (k1 + _WEYL[1]) & 0xFFFFFFFF
    return c0, c1, c2, c3


def dropped_out(x: Tensor, dropout: Dropout) -> Tensor:
    """The plain formula: mask ⊙ x / (1 − p)."""
    mask = dropout_mask(dropout, *x.shape).to(x.device)
    return torch.where(mask, x, 0) * dropout.kept_scale
