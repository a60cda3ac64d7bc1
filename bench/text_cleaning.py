"""Cleaning against its peers: speed, harm, repair, agreement with ftfy. `bench/text.py` calls ``cleaning_figures``; alone: python bench/text_cleaning.py.

The whole chain runs on text that needs nothing and on text where most rows need something; ftfy and plsfix have the latter. One thread.
"""

import os

os.environ["RAYON_NUM_THREADS"] = "1"  # read when gigatoken starts its pool

import random
import sys
import time
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

import pyarrow as pa

from ayar.errors import AyarError
from ayar.ops import backend
from ayar.text.cleaning import CleanOptions, clean_batch
from ayar.text.tokenizer import Tokenizer
from corpus import make_corpus
from ftfy_documented import DOCUMENTED, HARM
from reporting import write_report

CORPUS_MB = 16.5
ROUNDS = 5
PEER_SHARE = 16  # peers get one row of so many: they are that slow
WORDS = 20_000  # of each language
LIKE_FTFY = CleanOptions(tags=False, quotes=True, width=True, ligatures=True)

Figures = tuple[dict[str, float | None], dict[str, str]]


def cleaning_figures() -> Figures:
    figures: dict[str, float | None] = {}
    reasons: dict[str, str] = {}
    for part in (speed_figures, agreement_figures, word_figures, pipeline_figures):
        more, why = part()
        figures |= more
        reasons |= why
    return figures, reasons


def speed_figures() -> Figures:
    clean = clean_batch(pa.array(make_corpus(CORPUS_MB))).texts
    messy = pa.array(mess(clean.to_pylist()))
    repaired = clean_batch(messy).texts
    if not clean_batch(clean).texts.equals(clean) or not clean_batch(repaired).texts.equals(repaired):
        raise SystemExit("cleaning is not idempotent: no speed is worth reporting")
    on_clean, on_messy = ([] for _ in range(2))
    for _ in range(ROUNDS):
        on_clean.append(seconds(lambda: clean_batch(clean)))
        on_messy.append(seconds(lambda: clean_batch(messy)))
    messy_mb_s = messy.nbytes / 1e6 / median(on_messy)
    figures: dict[str, float | None] = {"clean_mb_s": clean.nbytes / 1e6 / median(on_clean), "clean_messy_mb_s": messy_mb_s}
    reasons = {}
    texts = messy.to_pylist()[::PEER_SHARE]
    size_mb = sum(len(text.encode()) for text in texts) / 1e6
    for peer in ("ftfy", "plsfix"):
        if find_spec(peer) is None:
            figures |= {f"{peer}_mb_s": None, f"clean_vs_{peer}": None}
            reasons |= dict.fromkeys((f"{peer}_mb_s", f"clean_vs_{peer}"), f"{peer} is not installed: pip install '.[bench]'")
            continue
        fix: Callable[[str], str] = import_module(peer).fix_text
        theirs = median(seconds(lambda fix=fix: [fix(text) for text in texts]) for _ in range(3))
        figures[f"{peer}_mb_s"] = size_mb / theirs
        figures[f"clean_vs_{peer}"] = messy_mb_s / (size_mb / theirs)
    return figures, reasons


def mess(texts: list[str]) -> list[str]:
    """What exports do to messages: misread as latin-1, tags and entities, doubled spaces, zero-width characters, line ends."""
    rng = random.Random(5)
    damage = [
        lambda text: text.encode().decode("latin-1"),
        lambda text: f"<p>{text.replace(' ', '  ', 2)}</p>&nbsp;",
        lambda text: text.replace("a", "a\u200b", 1) + "\r\n\r\n\r\n",
        lambda text: text,
    ]
    return [rng.choice(damage)(text) for text in texts]


def agreement_figures() -> Figures:
    """The share of ftfy's documented examples that come out the same, white space apart."""
    cleaned = clean_batch(pa.array([text for text, _ in DOCUMENTED]), LIKE_FTFY).texts.to_pylist()
    differ = [(text, want, got) for (text, want), got in zip(DOCUMENTED, cleaned, strict=True) if want.split() != got.split()]
    for text, want, got in differ:
        print(f"ftfy differs{' (' + HARM[text] + ')' if text in HARM else ''}: {text!r}: ftfy {want!r}, here {got!r}")
    return {"ftfy_agreement_percent": 100 * (1 - len(differ) / len(DOCUMENTED))}, {}


def word_figures() -> Figures:
    """clean_harm: texts of a word and a symbol that change. clean_repair_percent: misread words that come back."""
    names = ("clean_harm", "clean_harm_texts", "clean_repair_percent")
    if find_spec("wordfreq") is None:
        return dict.fromkeys(names), dict.fromkeys(names, "wordfreq is not installed: pip install '.[bench]'")
    from text_cleaning_words import LANGUAGES, harmed, symbols, unrepaired, words_of

    harm, texts, lost, broken = 0, 0, 0, 0
    for language in LANGUAGES:
        words = words_of(language, WORDS)
        texts += 2 * len(words) * len(symbols())
        harm += sum(1 for _ in harmed(words))
        lost += sum(1 for _ in unrepaired(words))
        broken += 8 * sum(not word.isascii() for word in words)
    return {"clean_harm": harm, "clean_harm_texts": texts, "clean_repair_percent": 100 * (1 - lost / broken)}, {}


def pipeline_figures() -> Figures:
    """Cleaning and tokenizing, against ftfy and then gigatoken, on the same messy rows and the same tokenizer.json."""
    name = "clean_tokenize_vs_peers"
    folder = os.environ.get("AYAR_TOKENIZERS")
    missing = [peer for peer in ("ftfy", "gigatoken") if find_spec(peer) is None]
    if missing or not folder:
        return {name: None}, {name: f"{', '.join(missing)} not installed" if missing else "AYAR_TOKENIZERS names no folder of tokenizers"}
    path = next((str(file) for file in sorted(Path(folder).rglob("tokenizer.json")) if "llama3" in str(file).casefold()), None)
    if path is None:
        return {name: None}, {name: f"{folder} holds no Llama 3 tokenizer.json"}
    try:
        ours = Tokenizer.from_file(path)
    except AyarError as error:
        return {name: None}, {name: str(error)}
    messy = pa.array(mess(clean_batch(pa.array(make_corpus(CORPUS_MB))).texts.to_pylist()))
    sample = messy.to_pylist()[::PEER_SHARE]
    ftfy, gigatoken = import_module("ftfy"), import_module("gigatoken")
    peer: Any = gigatoken.Tokenizer(path)

    def our_way(texts: pa.Array) -> None:
        ours.encode_batch(clean_batch(texts).texts)

    def their_way() -> None:
        peer.encode_batch([ftfy.fix_text(text) for text in sample], parallel=False)

    our_way(messy[:100])
    our_mb_s = messy.nbytes / 1e6 / median(seconds(lambda: our_way(messy)) for _ in range(ROUNDS))
    their_mb_s = sum(len(text.encode()) for text in sample) / 1e6 / median(seconds(their_way) for _ in range(3))
    return {name: our_mb_s / their_mb_s}, {}


def seconds(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


if __name__ == "__main__":
    backend.native().set_thread_count(1)
    write_report(sys.argv[1] if len(sys.argv) > 1 else None, *cleaning_figures())
