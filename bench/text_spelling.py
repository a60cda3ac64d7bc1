"""Spelling beside `symspellpy`: python bench/text_spelling.py [--json FILE]. One thread.

First rank: the same random single-edit misspellings of common words, the same word lists; how often the first suggestion is the word that
was meant. Harm: words changed in text that is right. Speed: mixed text with a misspelling in every twenty words, and misspellings alone,
none of them seen before.

The samples of words were not tuned on: the core's constants were chosen on others (TUNING_SEED). The written text was looked at meanwhile.
"""

import argparse
import random
import re
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from math import log
from pathlib import Path
from typing import Any

import pyarrow as pa

from ayar.errors import DataError
from ayar.ops import backend
from ayar.text.spelling import CANDIDATES, CAUTION, Speller, correct_spelling, load_speller, misspellings
from ayar.text.spelling_words import Language, frequent_words
from reporting import write_report
from timing import median_seconds
from turkish_forms import NOUNS, VERBS, noun_forms, verb_forms

LETTERS: dict[Language, str] = {"en": "abcdefghijklmnopqrstuvwxyz", "tr": "abcçdefgğhıijklmnoöprsştuüvyz"}
COMMON, MISSPELLINGS, SAMPLED_WORDS, ROW, ROUNDS, SEED = 10_000, 4_000, 200_000, 12, 5, 7
TUNING_SEED = 11  # set SEED to it for choosing constants
TAIL, TAIL_END = 20_000, 120_000  # ranks of words that are taken out of the lists
REPOSITORY = Path(__file__).parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", metavar="FILE", help="where the figures are written")
    arguments = parser.parse_args()
    write_report(arguments.json, *spelling_figures())


def spelling_figures() -> tuple[dict[str, float | None], dict[str, str]]:
    names = ("spelling_words_per_s", "spelling_misspellings_per_s", "spelling_harm_percent")
    ranks = [f"{who}_first_rank_{language}" for who in ("spelling", "symspellpy") for language in ("en", "tr")]
    backend.native().set_thread_count(1)
    try:
        spellers = [load_speller("en"), load_speller("tr")]
    except DataError as error:
        everything = (*names, *ranks, "symspellpy_words_per_s_en", "symspellpy_words_per_s_tr")
        return dict.fromkeys(everything), dict.fromkeys(everything, str(error))
    figures: dict[str, float | None] = {}
    reasons: dict[str, str] = {}
    harms = {name: _harm(rows, spellers) for name, rows in clean_rows()}
    figures |= {f"spelling_harm_percent_{name}": harm for name, harm in harms.items()}
    figures["spelling_harm_percent"] = max(harms.values())
    figures |= _speed(spellers)
    for speller in spellers:
        figures[f"spelling_unlisted_changed_percent_{speller.language}"] = _unlisted_changed(speller.language)
        pairs = misspelled(speller.language)
        figures[f"spelling_first_rank_{speller.language}"] = _first_rank(pairs, lambda word, one=speller: one.suggest(word, 1)[:1])
        figures[f"spelling_repaired_percent_{speller.language}"] = _repaired(pairs, speller)
        theirs, why = _symspellpy(speller.language, pairs)
        figures |= theirs
        reasons |= why
    return figures, reasons


def misspelled(language: Language) -> list[tuple[str, str]]:
    """(typed, meant): one random insertion, omission, substitution or swap in words of four letters and more."""
    rng = random.Random(SEED)
    letters = LETTERS[language]
    words = [word for word in frequent_words(language)["word"][:COMMON].to_pylist() if len(word) >= 4 and set(word) <= set(letters)]
    pairs = []
    while len(pairs) < MISSPELLINGS:
        meant = rng.choice(words)
        typed = _slip(meant, letters, rng)
        if typed != meant:
            pairs.append((typed, meant))
    return pairs


def _slip(word: str, letters: str, rng: random.Random) -> str:
    place = rng.randrange(len(word))
    kind = rng.randrange(4)
    if kind == 0:
        return word[:place] + word[place + 1 :]
    if kind == 1:
        return word[:place] + rng.choice(letters) + word[place:]
    if kind == 2:
        return word[:place] + rng.choice(letters) + word[place + 1 :]
    place = rng.randrange(len(word) - 1)
    return word[:place] + word[place + 1] + word[place] + word[place + 2 :]


def clean_rows() -> Iterator[tuple[str, list[str]]]:
    """Names of texts that are right as they are, and their rows."""
    for language in ("en", "tr"):
        yield f"words_{language}", _sampled(language)
    rng = random.Random(SEED)
    forms = sorted({form for entry in NOUNS for form in noun_forms(entry)} | {form for entry in VERBS for form in verb_forms(entry)})
    rng.shuffle(forms)
    yield "inflected_tr", _in_rows(forms)
    yield "written", _written()


def _sampled(language: Language) -> list[str]:
    """Words of the whole list, each as often as people use it; without the common misspellings that it holds too."""
    table = frequent_words(language)
    letters = set(LETTERS[language]) | set("qwx")
    wrong = {typed for typed, *_ in misspellings(language)}
    frequencies = zip(*(column.to_pylist() for column in table.columns), strict=True)
    listed = [(word, frequency) for word, frequency in frequencies if set(word) <= letters and word not in wrong]
    words, weights = zip(*listed, strict=True)
    return _in_rows(random.Random(SEED).choices(words, weights, k=SAMPLED_WORDS))


def _in_rows(words: list[str]) -> list[str]:
    return [" ".join(words[place : place + ROW]) for place in range(0, len(words), ROW)]


def _written() -> list[str]:
    """What people wrote in this repository: pages and general texts. The messages of the examples are misspelled on purpose."""
    rows = []
    for path in sorted(
        [*REPOSITORY.glob("docs/*.md"), *REPOSITORY.glob("*.md"), *REPOSITORY.glob("python/ayar/evaluate/general_text/*.txt")]
    ):
        rows += re.sub(r"(?s)```.*?```", "", path.read_text(encoding="utf-8")).split("\n")
    return rows


def _harm(rows: list[str], spellers: list[Speller]) -> float:
    _, counts = correct_spelling(pa.array(rows), spellers)
    return 100 * counts["words"] / counts["words_read"]


def _repaired(pairs: list[tuple[str, str]], speller: Speller) -> float:
    """Misspelled words that become the word that was meant, each in a sentence of right ones."""
    frame = {"en": "please tell me about the {} in this sentence today", "tr": "bana bu cümlede olan {} için bilgi verin lütfen"}[
        speller.language
    ]
    corrected, _ = correct_spelling(pa.array([frame.format(typed) for typed, _ in pairs]), [speller])
    return 100 * sum(frame.format(meant) == row for row, (_, meant) in zip(corrected.to_pylist(), pairs, strict=True)) / len(pairs)


def _unlisted_changed(language: Language) -> float:
    """Of rarer words that were taken out of the list, those that are changed. Some are misspellings, so this is more than the harm."""
    table = frequent_words(language)
    rng = random.Random(SEED)
    taken = [TAIL < row < TAIL_END and rng.random() < 0.3 for row in range(table.num_rows)]
    speller = Speller(language, table.filter(pa.array([not out for out in taken])))
    words = [word for word in table.filter(pa.array(taken))["word"].to_pylist() if len(word) > 3]
    return 100 * sum(word is not None for word in speller.native.correct_words(words, log(CAUTION))) / len(words)


def _speed(spellers: list[Speller]) -> dict[str, float | None]:
    rng = random.Random(SEED)
    mixed, alone = [], []
    languages: tuple[Language, ...] = ("en", "tr")
    for language in languages:
        words = " ".join(_sampled(language)).split()
        slipped = [_slip(word, LETTERS[language], rng) if len(word) > 3 and rng.random() < 0.05 else word for word in words]
        mixed += _in_rows(slipped)
        alone += [typed for typed, _ in misspelled(language)]
    text = pa.array(mixed)
    size = sum(map(len, map(str.split, mixed)))
    by_language: dict[str, Any] = {speller.language: speller.native for speller in spellers}
    typed = {language: [word for word, _ in misspelled(language)] for language in languages}
    searched = median_seconds(
        lambda: [by_language[language].correct_words(words, log(CAUTION)) for language, words in typed.items()], ROUNDS
    )
    return {
        "spelling_words_per_s": size / median_seconds(lambda: correct_spelling(text, spellers), ROUNDS),
        "spelling_misspellings_per_s": len(alone) / searched,
    }


def _first_rank(pairs: list[tuple[str, str]], suggest: Callable[[str], list[str]]) -> float:
    return 100 * sum(suggest(typed) == [meant] for typed, meant in pairs) / len(pairs)


def _symspellpy(language: Language, pairs: list[tuple[str, str]]) -> tuple[dict[str, float | None], dict[str, str]]:
    names = (f"symspellpy_first_rank_{language}", f"symspellpy_words_per_s_{language}")
    if find_spec("symspellpy") is None:
        return dict.fromkeys(names), dict.fromkeys(names, "symspellpy is not installed")
    package: Any = import_module("symspellpy")
    peer = package.SymSpell(max_dictionary_edit_distance=2, prefix_length=7)
    table = frequent_words(language).slice(0, CANDIDATES[language])
    for word, frequency in zip(*(column.to_pylist() for column in table.columns), strict=True):
        peer.create_dictionary_entry(word, max(1, round(frequency * 1e9)))

    def suggest(word: str) -> list[str]:
        return [found.term for found in peer.lookup(word, package.Verbosity.TOP, 2)[:1]]

    seconds = median_seconds(lambda: [suggest(typed) for typed, _ in pairs[:1000]], rounds=3)
    return {names[0]: _first_rank(pairs, suggest), names[1]: 1000 / seconds}, {}


if __name__ == "__main__":
    main()
