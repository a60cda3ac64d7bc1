"""Dropout masks from a counter (Philox 4x32-10: Salmon et al., 2011): made again in the backward pass, never stored, and the very ones
of the CPU. Formula and reference: ayar/ops/dropout.py."""

from typing import Any, NamedTuple

import triton
import triton.language as tl


class Masks(NamedTuple):
    """What the adapters' masks of a batch have in common. threshold: levels of 65,536 that drop. draw: (1,) int32 on the device, so that a
    captured step takes another one each time."""

    threshold: int
    seed: int
    draw: Any

    @property
    def kept_scale(self) -> float:
        """What is kept is multiplied by this."""
        return 65536 / (65536 - self.threshold)


@triton.jit
def _masked_scale(seed, draw, stream, row, first, threshold, kept_scale, COLUMNS: tl.constexpr):
    """(rows, COLUMNS) fp32 from column ``first``, a multiple of COLUMNS: kept_scale where the element is kept, else 0. COLUMNS: 64 or 128.

    One counter decides on 8 columns: word w of counter 16 g + lane on 128 g + 32 w + 2 lane and the next.
    """
    lane = tl.arange(0, 16).to(tl.uint32)
    rows = row[:, None].to(tl.uint32) + lane[None, :] * 0
    counter = rows * 0 + lane[None, :] + first // 128 * 16
    words0, words1, words2, words3 = tl.philox(seed, counter, rows, rows * 0 + stream, rows * 0 + draw)
    if COLUMNS == 128:
        by_word = tl.join(tl.join(words0, words2), tl.join(words1, words3))  # (rows, lane, w / 2, w % 2)
        words = tl.reshape(tl.permute(by_word, (0, 2, 3, 1)), (row.shape[0], 64))
    else:
        is_later = first % 128 != 0
        by_word = tl.join(tl.where(is_later, words2, words0), tl.where(is_later, words3, words1))
        words = tl.reshape(tl.permute(by_word, (0, 2, 1)), (row.shape[0], 32))
    halves = tl.reshape(tl.join(words & 0xFFFF, words >> 16), (row.shape[0], COLUMNS))
    return tl.where(halves >= threshold, kept_scale, 0.0)
