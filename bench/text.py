"""The text core against its peers: python bench/text.py [--json FILE]. One thread each; answers are compared before the clock starts."""

import os

os.environ["RAYON_NUM_THREADS"] = "1"  # read when tokenizers starts its pool
os.environ["TOKENIZERS_PARALLELISM"] = "false"

import argparse
import time
from collections.abc import Callable
from statistics import median

import numpy as np
import pyarrow as pa
import tokenizers

from ayar.errors import ModelError
from ayar.model.packaged import packaged_model
from ayar.ops import backend
from ayar.text.spans import find_spans
from ayar.text.tokenizer import Tokenizer
from corpus import make_corpus
from reporting import write_report
from text_cleaning import cleaning_figures

CORPUS_MB = 8.5
ROUNDS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", metavar="FILE", help="where the figures are written")
    arguments = parser.parse_args()
    backend.native().set_thread_count(1)
    figures, reasons = tokenizer_figures()
    for part in (cleaning_figures, span_figures):
        more_figures, more_reasons = part()
        figures |= more_figures
        reasons |= more_reasons
    write_report(arguments.json, figures, reasons)


def tokenizer_figures() -> tuple[dict[str, float | None], dict[str, str]]:
    """SmolLM2's tokenizer here and in `tokenizers`, over the same mixed English and Turkish messages."""
    names = [
        *("encode_vs_tokenizers", "encode_cold_vs_tokenizers", "encode_mb_s", "encode_cold_mb_s", "encode_offsets_mb_s"),
        *("tokenizers_mb_s", "load_ms", "first_ids_ms", "tokenizers_load_ms"),
    ]
    try:
        path = str(packaged_model() / "tokenizer.json")
    except ModelError as error:
        return dict.fromkeys(names), dict.fromkeys(names, str(error))
    texts = make_corpus(CORPUS_MB)
    array = pa.array(texts)
    size_mb = sum(len(text.encode()) for text in texts) / 1e6
    ours, peer = Tokenizer.from_file(path), tokenizers.Tokenizer.from_file(path)
    batch = ours.encode_batch(array)
    expected = np.concatenate([encoding.ids for encoding in peer.encode_batch_fast(texts, add_special_tokens=False)])
    if not np.array_equal(batch.ids, expected):
        raise SystemExit("ids differ from those of tokenizers: no speed is worth reporting")

    warm, cold, offsets, theirs, load, first, peer_load = ([] for _ in range(7))
    for _ in range(ROUNDS):
        theirs.append(seconds(lambda: peer.encode_batch_fast(texts, add_special_tokens=False)))
        warm.append(seconds(lambda: ours.encode_batch(array)))
        offsets.append(seconds(lambda: ours.encode_batch(array, offsets=True)))
        fresh = Tokenizer.from_file(path)
        cold.append(seconds(lambda fresh=fresh: fresh.encode_batch(array)))
        load.append(seconds(lambda: Tokenizer.from_file(path)))
        first.append(seconds(lambda: Tokenizer.from_file(path).encode("Where is my order?")))
        peer_load.append(seconds(lambda: tokenizers.Tokenizer.from_file(path)))
    figures: dict[str, float | None] = {
        "encode_vs_tokenizers": median(theirs) / median(warm),
        "encode_cold_vs_tokenizers": median(theirs) / median(cold),
        "encode_mb_s": size_mb / median(warm),
        "encode_cold_mb_s": size_mb / median(cold),
        "encode_offsets_mb_s": size_mb / median(offsets),
        "tokenizers_mb_s": size_mb / median(theirs),
        "load_ms": 1000 * median(load),
        "first_ids_ms": 1000 * median(first),
        "tokenizers_load_ms": 1000 * median(peer_load),
    }
    return figures, {}


def span_figures() -> tuple[dict[str, float | None], dict[str, str]]:
    """Scanning for personal data where every fourth message holds some."""
    personal = ["ali.veli@example.com", "0532 123 45 67", "TR33 0006 1005 1978 6457 8413 26", "10000000146"]
    texts = [f"{text} {personal[i // 4 % 4]}" if i % 4 == 0 else text for i, text in enumerate(make_corpus(CORPUS_MB))]
    array = pa.array(texts)
    if len(find_spans(array).row) < len(texts) // 4:
        raise SystemExit("spans were missed: no speed is worth reporting")
    return {"spans_mb_s": array.nbytes / 1e6 / median(seconds(lambda: find_spans(array)) for _ in range(ROUNDS))}, {}


def seconds(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


if __name__ == "__main__":
    main()
