"""Scanning for personal data where every fourth message holds some."""

import time
from statistics import median

import pyarrow as pa

from ayar.text.spans import find_spans
from corpus import make_corpus

CORPUS_MB = 8.5
ROUNDS = 5
PERSONAL = ["ali.veli@example.com", "0532 123 45 67", "TR33 0006 1005 1978 6457 8413 26", "10000000146"]


def span_figures() -> tuple[dict[str, float | None], dict[str, str]]:
    texts = [f"{text} {PERSONAL[i // 4 % 4]}" if i % 4 == 0 else text for i, text in enumerate(make_corpus(CORPUS_MB))]
    array = pa.array(texts)
    if len(find_spans(array).row) < len(texts) // 4:
        raise SystemExit("spans were missed: no speed is worth reporting")
    return {"spans_mb_s": array.nbytes / 1e6 / median(_seconds(array) for _ in range(ROUNDS))}, {}


def _seconds(array: pa.Array) -> float:
    begin = time.perf_counter()
    find_spans(array)
    return time.perf_counter() - begin
