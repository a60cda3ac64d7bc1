"""Lists of common Turkish and English names, written for this project, and the words that are no names though they stand beside one."""

from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple

_FOLDER = Path(__file__).parent
MIN_STEM = 4
_ONE_I = str.maketrans({"İ": "i", "I": "i", "ı": "i", "â": "a", "î": "i", "û": "u"})


class Lists(NamedTuple):
    """first, last: folded name → the lists that it is in (first_tr_male, last_en ...). pools: list → its names as written.

    not_names: words that are none; not_name_stems: those of them that also begin none (kargo: Kargom, Kargonuz).
    """

    first: dict[str, tuple[str, ...]]
    last: dict[str, tuple[str, ...]]
    ambiguous: frozenset[str]
    not_names: frozenset[str]
    not_name_stems: tuple[str, ...]
    pools: dict[str, tuple[str, ...]]


@lru_cache(maxsize=1 << 16)
def fold(word: str) -> str:
    """Lower case with one kind of i, so that AYŞE, Ayşe and ayşe, İpek and IPEK meet."""
    return word.translate(_ONE_I).casefold()


@cache
def lists() -> Lists:
    pools = {path.stem: _read(path) for path in sorted(_FOLDER.glob("*_*.txt")) if path.stem != "not_names"}
    first: dict[str, tuple[str, ...]] = {}
    last: dict[str, tuple[str, ...]] = {}
    for name, words in pools.items():
        into = first if name.startswith("first") else last
        for word in words:
            into[fold(word)] = (*into.get(fold(word), ()), name)
    ambiguous = frozenset(map(fold, _read(_FOLDER / "ambiguous.txt")))
    not_names = frozenset(map(fold, _read(_FOLDER / "not_names.txt")))
    return Lists(first, last, ambiguous, not_names, tuple(sorted(word for word in not_names if len(word) >= MIN_STEM)), pools)


def _read(path: Path) -> tuple[str, ...]:
    return tuple(line for line in path.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#"))
