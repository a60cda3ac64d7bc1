"""Rows that say nearly the same. MinHash (Broder 1997) on character 5-grams finds candidates; true Jaccard similarity decides.

In memory: 128 numbers of 4 bytes a row, and the shingles of one chunk of rows. The first of a group stays.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

SHINGLE = 5  # characters; rows of eight words have too few word shingles
PERMUTATIONS, BAND_ROWS = 128, 4  # 32 bands of 4: a pair of similarity 0.7 is missed once in 6,000
CHUNK_CHARACTERS = 1 << 20
ALL_PAIRS = 32  # in a larger bucket each row meets its neighbour and the first only, so that work stays linear


def find_near_duplicates(keys: pa.Array, threshold: float, seed: int = 0) -> dict[int, int]:
    """Row → the earlier row, itself kept, whose set of shingles it shares to ``threshold`` (Jaccard) or more.

    keys: normalised texts (text_keys). The answer depends on ``seed`` only in pairs that the signatures miss.
    """
    signatures = minhash(keys, seed)
    original: dict[int, int] = {}
    earlier = _candidates(signatures)
    shingles: dict[int, np.ndarray] = {}
    for row in sorted(earlier):
        for other in sorted(earlier[row]):
            if other not in original and jaccard(_shingle_set(keys, row, shingles), _shingle_set(keys, other, shingles)) >= threshold:
                original[row] = other
                break
    return original


def jaccard(a: np.ndarray, b: np.ndarray) -> float:
    """Of two sorted arrays without repetition. Two empty sets are the same."""
    shared = len(np.intersect1d(a, b, assume_unique=True))
    union = len(a) + len(b) - shared
    return shared / union if union else 1.0


def minhash(keys: pa.Array, seed: int) -> np.ndarray:
    """(rows, 128) uint32: the least value of each of 128 random hash functions over a row's shingles."""
    random = np.random.default_rng(seed)
    multipliers = random.integers(1, 1 << 63, PERMUTATIONS, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    offsets = random.integers(0, 1 << 63, PERMUTATIONS, dtype=np.uint64)
    signatures = np.empty((len(keys), PERMUTATIONS), np.uint32)
    for start, texts in _chunks(keys):
        hashes, starts = _shingle_hashes(texts)
        for index, (multiplier, offset) in enumerate(zip(multipliers, offsets, strict=True)):
            mixed = ((hashes * multiplier + offset) >> np.uint64(32)).astype(np.uint32)  # multiply-shift: the high half is the mixed one
            signatures[start : start + len(texts), index] = np.minimum.reduceat(mixed, starts)
    return signatures


def _chunks(keys: pa.Array) -> Iterator[tuple[int, list[str]]]:
    held: list[str] = []
    start = characters = 0
    for row, key in enumerate(keys):
        text = key.as_py()
        held.append(text)
        characters += len(text)
        if characters >= CHUNK_CHARACTERS:
            yield start, held
            held, start, characters = [], row + 1, 0
    if held:
        yield start, held


def _shingle_hashes(texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Hashes of all shingles of all texts in one array, and where each text's begin. A short text is padded to one shingle."""
    padded = [text if len(text) >= SHINGLE else text.ljust(SHINGLE) for text in texts]
    points = np.frombuffer("".join(padded).encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)
    lengths = np.fromiter(map(len, padded), np.int64, len(padded))
    hashes = np.zeros(len(points) - SHINGLE + 1, np.uint64)
    for place in range(SHINGLE):
        hashes = (hashes + points[place : place + len(hashes)]) * np.uint64(0x9E3779B97F4A7C15)
        hashes ^= hashes >> np.uint64(29)
    ends = np.cumsum(lengths)
    inside = np.ones(len(hashes), bool)
    for place in range(1, SHINGLE):  # shingles that would reach into the next text
        borders = ends[:-1] - place
        inside[borders] = False
    counts = lengths - SHINGLE + 1
    return hashes[inside], np.concatenate([[0], np.cumsum(counts)[:-1]])


def _shingle_set(keys: pa.Array, row: int, cache: dict[int, np.ndarray]) -> np.ndarray:
    if row not in cache:
        cache[row] = np.unique(_shingle_hashes([keys[row].as_py()])[0])
    return cache[row]


def _candidates(signatures: np.ndarray) -> dict[int, set[int]]:
    """Row → earlier rows that share at least one band of the signature."""
    earlier: dict[int, set[int]] = {}
    for first in range(0, PERMUTATIONS, BAND_ROWS):
        band = np.ascontiguousarray(signatures[:, first : first + BAND_ROWS]).view(np.dtype((np.void, 4 * BAND_ROWS))).ravel()
        _, bucket_of = np.unique(band, return_inverse=True)
        order = np.argsort(bucket_of, kind="stable")
        borders = np.flatnonzero(np.diff(bucket_of[order])) + 1
        for bucket in np.split(order, borders):
            if len(bucket) > 1:
                _pair(bucket.tolist(), earlier)
    return earlier


def _pair(bucket: list[int], earlier: dict[int, set[int]]) -> None:
    for place in range(1, len(bucket)):
        partners = bucket[:place] if len(bucket) <= ALL_PAIRS else (bucket[0], bucket[place - 1])
        earlier.setdefault(bucket[place], set()).update(partners)
