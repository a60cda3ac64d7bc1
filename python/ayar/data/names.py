"""Names of people, Turkish and English, by lists and rules: no model, no network.

A name is taken where its neighbourhood says so: an honorific (Sayın, Mr; Bey, Hanım), an introduction (adım, my name is), a signature
at the end, or a first name from the lists with the capitalised words after it. A name that is an everyday word too (Deniz, Will) needs
more than its capital. The surname alone, or the first name alone, is then taken wherever it stands in the same row.
"""

import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ayar.data.name_lists import fold, lists

_WORD = re.compile(r"[^\W\d_]+")
_GAP = re.compile(r"[ \t\u00a0]{1,3}")
_AFTER_TITLE = re.compile(r"\.?[ \t\u00a0]{1,3}")
_AFTER_INTRODUCTION = re.compile(r"[ \t\u00a0]{0,3}[:;,=-]?[ \t\u00a0]{0,3}")
_SIGNATURE_GAP = re.compile(r"[\s,.!;:-]{1,6}")
_APOSTROPHES = "'’`´"
_LINE = re.compile(r"(?m)^[ \t]*[^\W\d_]{2,20}(?: [^\W\d_]{2,20}){1,2}[ \t]*[,.]?[ \t]*$")  # two or three words and nothing else
MOST_WORDS = 3  # first, second and family name

# Compared with folded words: one kind of i.
HONORIFICS_BEFORE = frozenset({"sayin", "sn", "bay", "bayan", "dr", "prof", "av", "mr", "mrs", "ms", "miss", "mister", "dear"})
HONORIFICS_AFTER = frozenset({"bey", "hanim", "beyefendi", "hanimefendi", "abla", "abi"})
# The words that end in front of a name → whether the name must be in the lists.
INTRODUCTIONS: dict[tuple[str, ...], bool] = {
    ("adim",): False, ("ismim",): False, ("ad", "soyad"): False, ("adi", "soyadi"): False, ("isim", "soyisim"): False,
    ("müşteri", "adi"): False,
    ("ben",): True, ("adi",): True, ("isim",): True, ("alici",): True,
    ("my", "name", "is"): False, ("full", "name"): False, ("name",): True, ("i", "am"): True, ("i", "m"): True, ("this", "is"): True,
    ("it", "s"): True, ("called",): True,
}  # fmt: skip
CLOSINGS = frozenset({
    "saygilarimla", "saygilarimizla", "saygilar", "teşekkürler", "teşekkür", "ederim", "sevgiler", "selamlar", "çalişmalar", "günler",
    "regards", "thanks", "thank", "you", "sincerely", "cheers", "best", "wishes", "yours", "truly", "faithfully",
})  # fmt: skip
# Case endings that people write without an apostrophe: Ahmetin, Zeynepten. Longest first.
_ENDINGS = (
    "nin", "nın", "nun", "nün", "den", "dan", "ten", "tan", "yle", "yla", "in", "ın", "un", "ün", "ye", "ya", "yi", "yı", "yu", "yü",
    "de", "da", "te", "ta", "le", "la", "e", "a", "i", "ı", "u", "ü",
)  # fmt: skip
MIN_STEM = 4


class NameSpan(NamedTuple):
    """Half-open range of CHARACTERS of one text."""

    start: int
    end: int


class _Word(NamedTuple):
    start: int
    end: int
    text: str
    key: str

    @property
    def is_capital(self) -> bool:
        return self.text[0].isupper()


def find_names(texts: Sequence[str]) -> list[list[NameSpan]]:
    """For the texts of one row: the names in each, sorted, without overlaps. What one text reveals is taken in all of them."""
    words = [_words(text) for text in texts]
    taken = [_find(text, found) for text, found in zip(texts, words, strict=True)]
    known = {
        word.key for found, places in zip(words, taken, strict=True) for word in (found[place] for place in places) if len(word.key) > 2
    }
    spans = []
    for text, found, places in zip(texts, words, taken, strict=True):
        again = {place for place, word in enumerate(found) if word.key in known and word.is_capital}
        spans.append(_spans(text, found, places | again))
    return spans


def _words(text: str) -> list[_Word]:
    found = []
    for match in _WORD.finditer(text):
        start, word = match.start(), match.group()
        stem = _stem(word)
        found.append(_Word(start, start + len(stem), stem, fold(stem)))
    return found


def _stem(word: str) -> str:
    """The name in a capitalised word that carries a Turkish ending, else the word."""
    known = lists()
    if not word[0].isupper() or len(word) <= MIN_STEM or fold(word) in known.first or fold(word) in known.last:
        return word
    for ending in _ENDINGS:
        if word.casefold().endswith(ending) and len(word) - len(ending) >= MIN_STEM:
            stem = word[: len(word) - len(ending)]
            if fold(stem) in known.first and fold(stem) not in known.ambiguous:
                return stem
    return word


def _find(text: str, words: list[_Word]) -> set[int]:
    taken: set[int] = set()
    shouted = _is_shouted(words)
    for place, word in enumerate(words):
        if word.key in HONORIFICS_BEFORE:
            taken |= _run(
                text, words, place + 1, _AFTER_TITLE, after=word, listed=word.key == "dear" or not word.is_capital, shouted=shouted
            )
        if word.key in HONORIFICS_AFTER:
            taken |= _before(text, words, place)
        if _ends_introduction(words, place) is not None:
            must_be_listed = bool(_ends_introduction(words, place))
            taken |= _run(text, words, place + 1, _AFTER_INTRODUCTION, after=word, listed=must_be_listed, shouted=shouted)
        if place not in taken and _starts_full_name(text, words, place, shouted):
            taken |= {place} | _run(text, words, place + 1, _GAP, after=word, listed=False, shouted=shouted, most=MOST_WORDS - 1)
    return taken | _signature(text, words, taken, shouted) | _name_lines(text, words, shouted)


def _is_shouted(words: list[_Word]) -> bool:
    """In a text of capitals a capital says nothing."""
    return sum(word.text.isupper() for word in words) > len(words) / 2


def _run(
    text: str, words: list[_Word], first: int, gap: re.Pattern[str], after: _Word, listed: bool, shouted: bool, most: int = MOST_WORDS
) -> set[int]:
    """The places of up to ``most`` words from ``first`` on that can be a name. ``listed``: the first must be in the lists."""
    places: set[int] = set()
    for place in range(first, min(first + most, len(words))):
        word = words[place]
        if (
            not gap.fullmatch(text, after.end, word.start)
            or not _can_be_name(word, shouted, begun=bool(places) and not after.is_capital)
            or (listed and not places and not _is_listed(word))
        ):
            break
        places.add(place)
        if text[word.end : word.end + 1] and text[word.end] in _APOSTROPHES:
            break
        after, gap = word, _GAP
    return places


def _can_be_name(word: _Word, shouted: bool, begun: bool = False) -> bool:
    """``begun``: a first name in small letters stands before it."""
    known = lists()
    if word.key in HONORIFICS_AFTER or word.key in CLOSINGS:
        return False
    if word.key in known.first or word.key in known.last:
        return word.is_capital or begun or word.key not in known.ambiguous
    return (
        word.is_capital
        and not shouted
        and len(word.text) > 1
        and word.key not in known.not_names
        and not word.key.startswith(known.not_name_stems)
    )


def _is_listed(word: _Word) -> bool:
    return word.key in lists().first or word.key in lists().last


def _before(text: str, words: list[_Word], honorific: int) -> set[int]:
    """One or two words before Bey or Hanım."""
    places: set[int] = set()
    after = words[honorific]
    for place in range(honorific - 1, max(honorific - 3, -1), -1):
        word = words[place]
        listed = _is_listed(word)
        if not _GAP.fullmatch(text, word.end, after.start) or not (
            listed or (word.is_capital and not places and _can_be_name(word, shouted=False))
        ):
            break
        places.add(place)
        after = word
    return places


def _ends_introduction(words: list[_Word], place: int) -> bool | None:
    """None: no introduction ends here. Else whether the name after it must be in the lists."""
    for size in (3, 2, 1):
        if place + 1 >= size:
            found = INTRODUCTIONS.get(tuple(word.key for word in words[place + 1 - size : place + 1]))
            if found is not None:
                return found
    return None


def _starts_full_name(text: str, words: list[_Word], place: int, shouted: bool) -> bool:
    known, word = lists(), words[place]
    if word.key not in known.first:
        return False
    following = words[place + 1] if place + 1 < len(words) and _GAP.fullmatch(text, word.end, words[place + 1].start) else None
    surname_follows = following is not None and following.key in known.last and (word.is_capital == following.is_capital)
    if word.key in known.ambiguous or not word.is_capital:
        return surname_follows and (
            word.is_capital or (word.key not in known.ambiguous and following is not None and following.key not in known.ambiguous)
        )
    return True


def _signature(text: str, words: list[_Word], taken: set[int], shouted: bool) -> set[int]:
    """The last one to three words, after a closing phrase or alone on the last line."""
    if not words or text[words[-1].end :].strip(" \t\r\n.!,;:-)0123456789+"):
        return set()
    for size in range(1, min(MOST_WORDS, len(words) - 1) + 1):
        first = len(words) - size
        before, named = words[first - 1], words[first:]
        between = text[before.end : named[0].start]
        new_line = "\n" in between
        if not (before.key in CLOSINGS and _SIGNATURE_GAP.fullmatch(between)) and not new_line:
            continue
        places = _run(
            text, words, first, re.compile(r"[\s\S]*"), after=before, listed=new_line and before.key not in CLOSINGS, shouted=shouted
        )
        if len(places) == size and (named[0].is_capital or _is_listed(named[0])):
            return places
    return set()


def _name_lines(text: str, words: list[_Word], shouted: bool) -> set[int]:
    """Lines of nothing but two or three capitalised words, one of them in the lists: how a name stands in a signature or an address."""
    places: set[int] = set()
    starts = [word.start for word in words]
    for line in _LINE.finditer(text):
        inside = range(bisect_left(starts, line.start()), bisect_left(starts, line.end()))
        named = [words[place] for place in inside]
        if all(word.is_capital and _can_be_name(word, shouted) for word in named) and any(map(_is_listed, named)):
            places |= set(inside)
    return places


def _spans(text: str, words: list[_Word], places: Iterable[int]) -> list[NameSpan]:
    """Words with only a gap between them are one name."""
    spans: list[NameSpan] = []
    for place in sorted(places):
        word = words[place]
        if spans and _GAP.fullmatch(text, spans[-1].end, word.start):
            spans[-1] = NameSpan(spans[-1].start, word.end)
        else:
            spans.append(NameSpan(word.start, word.end))
    return spans
