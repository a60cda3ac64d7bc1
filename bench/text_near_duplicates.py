"""Near-duplicate signatures beside `rensa`: python bench/text_near_duplicates.py [--json FILE]. One thread each, from raw rows to signatures.

Both are given the same rows and make the sets of five-word shingles themselves, `rensa` from Python strings with its fastest call for
them; 128 permutations. The answers are judged first: the error of the estimate against the true Jaccard similarity.
"""

import os

os.environ["RAYON_NUM_THREADS"] = "1"  # read when rensa starts its pool

import argparse
import random
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
import pyarrow as pa

from ayar.ops import backend
from ayar.text.near_duplicates import Shingles, minhash_signatures
from corpus import make_corpus
from reporting import write_report
from timing import median_seconds

WIDTH, PERMUTATIONS, ROUNDS, SEED = 5, 128, 5, 7


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", metavar="FILE", help="where the figures are written")
    arguments = parser.parse_args()
    write_report(arguments.json, *near_duplicate_figures())


def near_duplicate_figures() -> tuple[dict[str, float | None], dict[str, str]]:
    backend.native().set_thread_count(1)
    texts = [text for text in make_corpus(4.0) if len(text.split()) >= 2 * WIDTH]
    array = pa.array(texts)
    kind = Shingles("words", WIDTH)
    pairs = _neighbours(texts)
    ours = median_seconds(lambda: minhash_signatures(array, kind, PERMUTATIONS, SEED), ROUNDS)
    figures: dict[str, float | None] = {
        "neardup_documents_per_s": len(texts) / ours,
        "neardup_estimate_error": _estimate_error(pairs, lambda rows: minhash_signatures(pa.array(rows), kind, PERMUTATIONS, SEED)),
    }
    names = ("neardup_vs_rensa", "rensa_documents_per_s", "rensa_estimate_error")
    if find_spec("rensa") is None:
        return figures | dict.fromkeys(names), dict.fromkeys(names, "rensa is not installed")
    rensa: Any = import_module("rensa")

    def peer(rows: list[str]) -> Any:
        return rensa.RMinHash.digest_matrix_from_token_sets([shingles(row) for row in rows], PERMUTATIONS, SEED)

    theirs = median_seconds(lambda: peer(texts), ROUNDS)
    figures |= {
        "neardup_vs_rensa": theirs / ours,
        "rensa_documents_per_s": len(texts) / theirs,
        "rensa_estimate_error": _estimate_error(pairs, lambda rows: np.array(peer(rows).to_rows(), np.uint32)),
    }
    return figures, {}


def shingles(text: str) -> list[str]:
    words = text.split()
    return [" ".join(words[place : place + WIDTH]) for place in range(len(words) - WIDTH + 1)]


def _neighbours(texts: list[str]) -> list[tuple[str, str]]:
    """Pairs of every similarity: a row, and the same row with some words changed."""
    rng = random.Random(SEED)
    pairs = []
    for text in texts[:1500]:
        words = text.split()
        for _ in range(rng.randint(0, 1 + len(words) // 4)):
            words[rng.randrange(len(words))] = f"w{rng.randrange(10**6)}"
        pairs.append((text, " ".join(words)))
    return pairs


def _estimate_error(pairs: list[tuple[str, str]], signatures: Callable[[list[str]], np.ndarray]) -> float:
    """Root mean square of estimated minus true similarity; 128 tosses of a coin give 0.044 at most."""
    rows = signatures([text for pair in pairs for text in pair])
    estimates = np.mean(rows[::2] == rows[1::2], axis=1)
    sets = [(set(shingles(a)), set(shingles(b))) for a, b in pairs]
    true = np.array([len(a & b) / len(a | b) for a, b in sets])
    return float(np.sqrt(np.mean((estimates - true) ** 2)))


if __name__ == "__main__":
    main()
