"""Texts that say nearly the same, found by the native core in whole Arrow columns.

MinHash (Broder 1997) on the pieces of a text finds candidates; their true Jaccard similarity decides.
"""

from importlib import import_module
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from ayar.text.cleaning import Texts, text_buffers

_native: Any = import_module("ayar._native")

PERMUTATIONS = 128


class Shingles(NamedTuple):
    """The pieces that two texts are compared by: every run of ``width`` (1 to 16) characters, or of ``width`` words between white space.

    A text of fewer words than ``width`` is compared by its runs of five characters; one shorter than a piece is one piece.
    """

    unit: Literal["characters", "words"] = "characters"
    width: int = 5  # rows of eight words have too few pieces of words


CHARACTERS = Shingles()


def minhash_signatures(
    texts: Texts,
    shingles: Shingles = CHARACTERS,
    permutations: int = PERMUTATIONS,
    seed: int = 0,
) -> npt.NDArray[np.uint32]:
    """(rows, permutations) uint32: the least value of each of ``permutations`` (a multiple of 16, at most 128) random hash functions.

    The share of places in which two rows agree estimates the Jaccard similarity of their sets of pieces; its variance is a half to
    all of that of as many coin tosses. The same on every machine and for any number of threads. Raises ValueError for a width or number out of range.
    """
    return _native.minhash.signatures(*_buffers(texts), *shingles, permutations, seed)


def find_near_duplicates(
    texts: Texts,
    threshold: float,
    shingles: Shingles = CHARACTERS,
    seed: int = 0,
) -> dict[int, int]:
    """Row → the earlier row, itself kept, whose set of pieces it shares to ``threshold`` (Jaccard; above 0, at most 1) or more.

    texts: normalised by the caller. Rows are judged in order, each against kept rows only, so likeness is never passed on along a chain
    of rows. The answer depends on ``seed`` only in pairs that the signatures miss: fewer than one in 5,000 at the threshold from 0.3 on.
    """
    original = _native.minhash.near_duplicates(*_buffers(texts), *shingles, threshold, PERMUTATIONS, seed)
    rows = np.flatnonzero(original >= 0)
    return dict(zip(rows.tolist(), original[rows].tolist(), strict=True))


def _buffers(texts: Texts) -> tuple[Any, Any, int, int, bool]:
    bytes_, offsets, first, has_wide_offsets = text_buffers(texts)
    return bytes_, offsets, first, len(texts), has_wide_offsets
