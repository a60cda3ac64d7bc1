"""Spelling of English and Turkish: suggestions for a word, and corrections in whole Arrow columns, in the native core.

A word is changed only where a far likelier one is a slip of the finger away. Listed words, Turkish stems with legal suffixes, names,
codes, addresses, words with digits, apostrophes or capitals inside, and the rows of other languages stay as they are.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from importlib import import_module
from importlib.resources import files
from math import log
from typing import Any

import numpy as np
import pyarrow as pa

from ayar.errors import DataError
from ayar.text.cleaning import Texts, text_buffers
from ayar.text.spelling_words import Language, frequent_words

_native: Any = import_module("ayar._native")

CANDIDATES: dict[Language, int] = {"en": 80_000, "tr": 80_000}  # words that others are corrected to
CAUTION = 100.0
_JUDGED = 20_000  # words of a language that is only recognised


class Speller:
    """One language's words. Building it takes half a second; ``load_speller`` keeps it."""

    def __init__(self, language: Language, words: pa.Table, candidates: int | None = None, corrects: bool = True) -> None:
        """words: columns word (small letters) and frequency (above 0), most frequent first.

        candidates: how many of them are surely right, and what other words are corrected to; the rest are rare, and right unless a far
        commoner word is close by. corrects: False for a language whose rows are only recognised, so that they are not taken for another's.
        """
        self.language: Language = language
        self.corrects = corrects
        listed = words["word"].combine_chunks()
        frequencies = words["frequency"].combine_chunks().to_numpy().astype(np.float32)
        most = CANDIDATES[language] if candidates is None else candidates
        bytes_, offsets, first, has_wide_offsets = text_buffers(listed)
        self.native = _native.spelling.Speller(language, bytes_, offsets, first, len(listed), has_wide_offsets, frequencies, most)
        for typed, meant, second in misspellings(language):
            self.native.add_misspelling(typed, meant, second)

    def suggest(self, word: str, most: int = 5) -> list[str]:
        """What may have been meant, likeliest first, in small letters. A listed word suggests itself first; another language's nothing."""
        return [suggestion for suggestion, _ in self.native.suggest(word, most)]

    def accepts(self, word: str) -> bool:
        """Whether the word is listed, or made of listed parts: English compounds, Turkish stems with legal suffixes."""
        return self.native.accepts(word)


@cache
def load_speller(language: Language) -> Speller:
    """The speller with the words of wordfreq, and those that common misspellings stand for. Raises DataError where it is not installed."""
    return Speller(language, _with_meant(language, frequent_words(language)))


def _with_meant(language: Language, words: pa.Table) -> pa.Table:
    """What a listed misspelling means is right, however rare."""
    listed = set(words["word"].to_pylist())
    missing = sorted({word for _, *meant in misspellings(language) for word in meant if word and word not in listed})
    rarest = words["frequency"][-1].as_py()
    return pa.concat_tables([words, pa.table([missing, [rarest] * len(missing)], schema=words.schema)])


@cache
def _recognizer(language: Language) -> Speller:
    """Knows the commonest words, and corrects none."""
    return Speller(language, frequent_words(language).slice(0, _JUDGED), candidates=0, corrects=False)


def load_spellers(languages: Iterable[Language], progress: Callable[[str], None] | None = None) -> list[Speller]:
    """Of the languages, and for others what recognises their rows; none for none. ``progress`` is told what has to be made first."""
    named = tuple(languages)
    if not named:
        return []
    for language in CANDIDATES:
        frequent_words(language, progress)
    return [load_speller(language) if language in named else _recognizer(language) for language in CANDIDATES]


def correct_spelling(
    texts: Texts, spellers: Iterable[Speller], protected: Iterable[str] = (), caution: float = CAUTION
) -> tuple[pa.StringArray | pa.LargeStringArray, Mapping[str, int]]:
    """Corrects the words of each text in the language that the text is written in; nulls stay null.

    texts: (rows,) strings. protected: words never touched, in any case. caution: how many times likelier than the typed word a correction
    must be. Returns strings and counts: rows and words changed, words_read, rows_english, rows_turkish, rows_other. The same for any
    number of threads. Raises DataError where the corrected column outgrows 32-bit offsets.
    """
    by_language = {speller.language: speller for speller in spellers}
    known = {language: speller.native for language, speller in by_language.items()}
    corrected = [language for language, speller in by_language.items() if speller.corrects]
    rules = _native.spelling.Rules(known.get("en"), known.get("tr"), log(caution), list(protected), corrected)
    bytes_, offsets, first, has_wide_offsets = text_buffers(texts)
    new_offsets, new_bytes, counts = rules.correct(bytes_, offsets, first, len(texts), has_wide_offsets)
    if new_bytes is None:
        return texts, counts
    if not has_wide_offsets:
        if new_offsets[-1] > np.iinfo(np.int32).max:
            raise DataError(f"The corrected column is {new_offsets[-1]:,} bytes long: cast it to large_string, or use smaller batches")
        new_offsets = new_offsets.astype(np.int32)
    validity = texts.is_valid().buffers()[1] if texts.null_count else None
    buffers = [validity, pa.py_buffer(new_offsets), pa.py_buffer(new_bytes)]
    return pa.Array.from_buffers(pa.large_string() if has_wide_offsets else pa.string(), len(texts), buffers), counts


def misspellings(language: Language) -> list[tuple[str, str, str]]:
    """Typed, meant, and the second word of what is meant or ""."""
    text = files("ayar.text").joinpath(f"misspellings_{language}.txt").read_text(encoding="utf-8")
    lines = [line.split() for line in text.splitlines() if line and not line.startswith("#")]
    return [(typed, meant, second[0] if second else "") for typed, meant, *second in lines]
