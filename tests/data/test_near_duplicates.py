import random
from functools import cache

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from ayar.data.near_duplicates import SHINGLE, find_near_duplicates, minhash

TEXT = "card money refund transfer charged twice waiting please lost stolen atm cash top up limit fee country exchange rate pin code"
WORDS = TEXT.split()


@cache
def shingles(text: str) -> frozenset[str]:
    text = text.ljust(SHINGLE)
    return frozenset(text[place : place + SHINGLE] for place in range(len(text) - SHINGLE + 1))


def similarity(a: str, b: str) -> float:
    return len(shingles(a) & shingles(b)) / len(shingles(a) | shingles(b))


def corpus(seed: int, rows: int) -> list[str]:
    rng = random.Random(seed)
    texts: list[str] = []
    for _ in range(rows):
        if texts and rng.random() < 0.4:  # a neighbour of an earlier row, at any distance
            words = rng.choice(texts).split()
            for _ in range(rng.randint(1, 3)):
                words[rng.randrange(len(words))] = rng.choice(WORDS)
            texts.append(" ".join(words))
        else:
            texts.append(" ".join(rng.choices(WORDS, k=rng.randint(2, 30))))
    return texts


def test_every_dropped_row_has_a_kept_twin_and_no_clear_pair_is_left() -> None:
    for seed in range(5):
        texts = corpus(seed, 300)
        found = find_near_duplicates(pa.array(texts), 0.8)
        assert len(found) > 20
        for row, original in found.items():
            assert original < row
            assert original not in found
            assert similarity(texts[row], texts[original]) >= 0.8
        kept = [row for row in range(len(texts)) if row not in found]
        missed = [(a, b) for place, b in enumerate(kept) for a in kept[:place] if similarity(texts[a], texts[b]) >= 0.8]
        assert not missed, missed


def test_the_share_of_equal_minima_estimates_similarity() -> None:
    texts = corpus(7, 60)
    signatures = minhash(pa.array(texts), seed=1)
    pairs = [(a, b) for a in range(60) for b in range(a)]
    errors = [np.mean(signatures[a] == signatures[b]) - similarity(texts[a], texts[b]) for a, b in pairs]
    assert abs(np.mean(errors)) < 0.01  # no bias
    assert np.std(errors) < 0.06  # a binomial of 128 draws has 0.044 at most


@given(st.lists(st.text(max_size=12), max_size=20))
def test_odd_texts_and_shortest_rows(texts: list[str]) -> None:
    valid = [text.encode("utf-8", "replace").decode() for text in texts]
    found = find_near_duplicates(pa.array(valid, pa.string()), 1.0)
    assert {row for row in range(len(valid)) if row not in found} >= {valid.index(text) for text in set(valid)} - set(found)
    for row, original in found.items():
        assert shingles(valid[row]) == shingles(valid[original])


def test_a_thousand_equal_rows_take_linear_work() -> None:
    found = find_near_duplicates(pa.array(["the very same sentence again and again"] * 3000), 0.9)
    assert len(found) == 2999
