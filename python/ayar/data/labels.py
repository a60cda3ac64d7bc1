"""Spellings of one class that differ only in case, spaces, hyphens or the dots of a Turkish I are one class."""

import re
import unicodedata
from collections import Counter

import pyarrow as pa

# Capital I is the capital of both i and ı. For comparing, all four are one letter.
_ONE_I = str.maketrans({"İ": "i", "I": "i", "ı": "i"})
_SEPARATORS = re.compile(r"[\s_\-]+")


def label_key(label: str) -> str:
    """Equal for labels that a person would call the same."""
    folded = unicodedata.normalize("NFKC", label).translate(_ONE_I).casefold()
    return unicodedata.normalize("NFC", _SEPARATORS.sub(" ", folded).strip().replace("i̇", "i"))


def unify_labels(labels: pa.ChunkedArray | pa.Array) -> tuple[pa.Array, dict[str, list[str]]]:
    """Every spelling becomes the most frequent one of its class, trimmed; on a tie the first met.

    Returns the labels (string; "" where there was none) and, for each class that had several, its spellings.
    """
    values = labels.to_pylist()
    counts = Counter(values)
    spellings: dict[str, list[str]] = {}
    for label in counts:
        spellings.setdefault(label_key(label or ""), []).append(label or "")
    chosen = {key: max(group, key=lambda label: counts[label]).strip() for key, group in spellings.items()}
    unified = {label: chosen[label_key(label or "")] for label in counts}
    merged = {chosen[key]: sorted(group) for key, group in spellings.items() if key and len(group) > 1}
    return pa.array([unified[label] for label in values], pa.string()), merged
