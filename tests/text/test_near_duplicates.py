import random
from functools import cache

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ayar.ops import backend
from ayar.text.near_duplicates import Shingles, find_near_duplicates, minhash_signatures

TEXT = "card money refund transfer charged twice waiting please lost stolen atm cash top up limit fee country exchange rate pin code"
WORDS = TEXT.split()
CHARACTERS, TWO_WORDS = Shingles(), Shingles("words", 2)
each_kind = pytest.mark.parametrize("kind", [CHARACTERS, Shingles("characters", 3), TWO_WORDS, Shingles("words", 4)], ids=str)


@cache
def shingles(text: str, kind: Shingles = CHARACTERS) -> frozenset[object]:
    """The slow reference."""
    words = text.split()
    if kind.unit == "words":
        if len(words) >= kind.width:
            return frozenset(tuple(words[place : place + kind.width]) for place in range(len(words) - kind.width + 1))
        kind = CHARACTERS
    text = text.ljust(kind.width)
    return frozenset(text[place : place + kind.width] for place in range(len(text) - kind.width + 1))


def similarity(a: str, b: str, kind: Shingles = CHARACTERS) -> float:
    one, other = shingles(a, kind), shingles(b, kind)
    return len(one & other) / len(one | other)


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


@each_kind
@pytest.mark.parametrize("threshold", [0.5, 0.8, 0.95])
def test_every_dropped_row_has_a_kept_twin_and_no_clear_pair_is_left(kind: Shingles, threshold: float) -> None:
    texts = corpus(3, 300)
    found = find_near_duplicates(pa.array(texts), threshold, kind)
    assert found
    for row, original in found.items():
        assert original < row
        assert original not in found
        assert similarity(texts[row], texts[original], kind) >= threshold
    kept = [row for row in range(len(texts)) if row not in found]
    missed = [(a, b) for place, b in enumerate(kept) for a in kept[:place] if similarity(texts[a], texts[b], kind) >= threshold]
    assert not missed


@each_kind
def test_the_share_of_equal_minima_estimates_similarity(kind: Shingles) -> None:
    texts = corpus(7, 60)
    signatures = minhash_signatures(pa.array(texts), kind, seed=1)
    pairs = [(a, b) for a in range(60) for b in range(a)]
    true = np.array([similarity(texts[a], texts[b], kind) for a, b in pairs])
    errors = np.array([np.mean(signatures[a] == signatures[b]) for a, b in pairs]) - true
    assert abs(np.mean(errors)) < 0.01  # no bias
    assert np.sum(errors**2) < 0.9 * np.sum(true * (1 - true) / 128)  # 128 tosses of a coin would vary more


@pytest.mark.parametrize("size", [1, 10, 1000, 30_000])
def test_the_estimate_holds_for_sets_of_any_size(size: int) -> None:
    rng = random.Random(size)
    words = [f"{rng.getrandbits(60):x}" for _ in range(size + size // 2)]
    shared = size - size // 2
    pair = pa.array([" ".join(words[:size]), " ".join(words[size - shared :])])
    signatures = [minhash_signatures(pair, Shingles("words", 1), seed=seed) for seed in range(30)]
    true = shared / len(words)
    estimates = [np.mean(signature[0] == signature[1]) for signature in signatures]
    assert abs(np.mean(estimates) - true) <= 4 * np.sqrt(true * (1 - true) / 128 / 30)
    assert np.std(estimates) <= 1.35 * np.sqrt(true * (1 - true) / 128)


def test_signatures_are_of_sets() -> None:
    one = Shingles("words", 1)
    rows = pa.array(["b a c", "c c b a b a", " a\tb \n c\u3000", "a b"])
    signatures = minhash_signatures(rows, one)
    assert (signatures[0] == signatures[1]).all()
    assert (signatures[0] == signatures[2]).all()
    assert not (signatures[0] == signatures[3]).all()
    assert not (signatures == minhash_signatures(rows, one, seed=1)).any(axis=1).all()


@each_kind
def test_any_number_of_threads_gives_the_same(kind: Shingles) -> None:
    texts = pa.array(corpus(5, 3000))
    native = backend.native()
    before = native.thread_count()
    answers = []
    try:
        for threads in (1, 2, 5):
            native.set_thread_count(threads)
            answers.append((find_near_duplicates(texts, 0.7, kind), minhash_signatures(texts, kind).tobytes()))
    finally:
        native.set_thread_count(before)
    assert answers[0] == answers[1] == answers[2]


@given(st.lists(st.text(max_size=12), max_size=20), st.sampled_from([CHARACTERS, TWO_WORDS]))
def test_odd_texts_and_shortest_rows(texts: list[str], kind: Shingles) -> None:
    valid = [text.encode("utf-8", "replace").decode() for text in texts]
    found = find_near_duplicates(pa.array(valid, pa.string()), 1.0, kind)
    for row, original in found.items():
        assert shingles(valid[row], kind) == shingles(valid[original], kind)
    kept = [shingles(text, kind) for row, text in enumerate(valid) if row not in found]
    assert len(set(kept)) == len(kept)


def test_slices_nulls_and_wide_offsets_are_read_in_place() -> None:
    texts = corpus(11, 200)
    found = find_near_duplicates(pa.array(texts), 0.8)
    for array in (pa.array(["x", *texts]).slice(1), pa.array(texts, pa.large_string()), pa.array(texts).cast(pa.binary())):
        assert find_near_duplicates(array, 0.8) == found
    assert find_near_duplicates(pa.array(["long enough a row", None, None, "long enough a row"]), 0.8) == {2: 1, 3: 0}


def test_thousands_of_equal_rows_take_linear_work() -> None:
    found = find_near_duplicates(pa.array(["the very same sentence again and again"] * 30_000), 0.9)
    assert len(found) == 29_999


@pytest.mark.parametrize("kind", [Shingles(width=0), Shingles(width=17), Shingles("lines")], ids=str)  # pyright: ignore[reportArgumentType]
def test_settings_out_of_range_are_refused(kind: Shingles) -> None:
    with pytest.raises(ValueError, match=r"width|unit"):
        find_near_duplicates(pa.array(["a"]), 0.8, kind)
    with pytest.raises(ValueError, match="count"):
        minhash_signatures(pa.array(["a"]), permutations=100)
    with pytest.raises(ValueError, match="threshold"):
        find_near_duplicates(pa.array(["a"]), 0.0)
