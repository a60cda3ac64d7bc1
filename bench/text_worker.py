"""One contestant in a process of its own: python bench/text_worker.py WHO TOKENIZER_JSON DOCUMENTS_JSON WARM_UP_JSON.

Prints JSON: ``load_s`` from nothing but the imports to a tokenizer, ``first_s`` to the ids of one row, ``cold_s`` the first pass over the
documents (all three together are a whole job), ``warm_s`` the best of the next passes, ``ids`` a digest of the ids. With WARM_UP_JSON the
contestant sees those documents first, so that the first pass is over unseen text with everything set up. One thread.
"""

import os

os.environ["RAYON_NUM_THREADS"] = "1"
os.environ.setdefault("AYAR_THREADS", "1")
os.environ["TOKENIZERS_PARALLELISM"] = "false"

import hashlib
import json
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

ROW = "Where is my order? Siparişim nerede?"
PASSES = 3
IMPORTS = {"ayar": ["ayar.text.tokenizer", "ayar._native"], "gigatoken": ["awkward", "gigatoken"], "tokenizers": ["tokenizers"]}


def ayar(path: str) -> Callable[[Any], Any]:
    from ayar.text.tokenizer import Tokenizer

    return Tokenizer.from_file(path).encode_batch


def gigatoken(path: str) -> Callable[[Any], Any]:
    import gigatoken as peer

    tokenizer = peer.Tokenizer(path)
    return lambda documents: tokenizer.encode_batch(documents, parallel=False)


def tokenizers(path: str) -> Callable[[Any], Any]:
    import tokenizers as peer

    tokenizer = peer.Tokenizer.from_file(path)
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return lambda documents: tokenizer.encode_batch_fast(documents, add_special_tokens=False)


def flat(who: str, batch: Any) -> np.ndarray:
    if who == "ayar":
        return batch.ids
    if who == "tokenizers":
        return np.concatenate([np.array(encoding.ids, dtype=np.int32) for encoding in batch])
    import awkward

    return np.asarray(awkward.flatten(batch), dtype=np.int32)


def main() -> None:
    who, path, documents_file, warm_up_file = sys.argv[1:5]
    documents: Any = json.loads(Path(documents_file).read_text(encoding="utf-8"))
    warm_up: Any = json.loads(Path(warm_up_file).read_text(encoding="utf-8")) if warm_up_file else None
    for module in IMPORTS[who]:  # not counted, on either side
        import_module(module)
    if who == "ayar":
        arrow: Any = import_module("pyarrow")
        documents = arrow.array(documents, arrow.large_string())
        warm_up = arrow.array(warm_up, arrow.large_string()) if warm_up is not None else None
    elif who == "gigatoken":  # its fastest way for rows
        documents = [text.encode() for text in documents]
        warm_up = [text.encode() for text in warm_up] if warm_up is not None else None
    begin = time.perf_counter()
    encode = {"ayar": ayar, "gigatoken": gigatoken, "tokenizers": tokenizers}[who](path)
    loaded = time.perf_counter()
    first = None
    if warm_up is not None:
        encode(warm_up)
    elif os.environ.get("BENCH_FIRST"):
        encode([ROW])
        first = time.perf_counter() - loaded
    before = time.perf_counter()
    batch = encode(documents)
    cold = time.perf_counter() - before
    digest = hashlib.sha256(np.ascontiguousarray(flat(who, batch), dtype=np.int32).tobytes()).hexdigest()
    warm = []
    for _ in range(PASSES if who != "tokenizers" else 0):
        before = time.perf_counter()
        batch = encode(documents)
        warm.append(time.perf_counter() - before)
    result = {"load_s": loaded - begin, "first_s": first, "cold_s": cold, "warm_s": min(warm, default=cold), "ids": digest}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
