"""Scores of answers. Nothing here knows of models."""

import math
import unicodedata
from collections import Counter
from collections.abc import Sequence

import numpy as np

_DOT_ABOVE = "\N{COMBINING DOT ABOVE}"  # what casefold leaves of the Turkish capital dotted I


def normalised(text: str) -> list[str]:
    """Words without case and punctuation, as SQuAD compares answers (Rajpurkar et al., 2016, arXiv 1606.05250).

    Articles stay: which words are articles depends on the language.
    """
    folded = unicodedata.normalize("NFKC", text).casefold().replace(_DOT_ABOVE, "")
    return "".join(" " if unicodedata.category(letter)[0] in "PZC" else letter for letter in folded).split()


def exact_match(expected: str, answered: str) -> float:
    """1 where the answers are the same words in the same order, else 0. Answers of punctuation alone are compared as they are."""
    want, got = normalised(expected), normalised(answered)
    return float(want == got) if want or got else float(expected.strip() == answered.strip())


def token_f1(expected: str, answered: str) -> float:
    """The harmonic mean of precision and recall over words, each counted as often as it stands there."""
    want, got = normalised(expected), normalised(answered)
    if not want or not got:
        return exact_match(expected, answered)
    common = (Counter(want) & Counter(got)).total()
    return 2 * common / (len(want) + len(got))


def standard_error_of_difference(before: Sequence[float], after: Sequence[float]) -> float | None:
    """Of the mean of after − before, paired row by row; None where fewer than two rows tell nothing of it."""
    difference = np.asarray(after, float) - np.asarray(before, float)
    return float(difference.std(ddof=1) / math.sqrt(len(difference))) if len(difference) > 1 else None


def confusion(expected: Sequence[int], answered: Sequence[int], classes: int) -> list[list[int]]:
    """Rows: what was expected; columns: what was answered."""
    table = np.zeros((classes, classes), int)
    np.add.at(table, (np.asarray(expected, int), np.asarray(answered, int)), 1)
    return table.tolist()


def perplexity(loss: float, tokens: int) -> float:
    """e to the mean of −log p; infinite where that is beyond a float."""
    try:
        return math.exp(loss / tokens)
    except OverflowError:
        return math.inf
