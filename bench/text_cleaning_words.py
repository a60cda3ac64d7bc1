"""Words of twelve languages against the mojibake repair: none may change beside a symbol, nearly all must come back when misread.

Both are measured on the same words: the most frequent ones of wordfreq in each language, in lower, Title and UPPER case.
"""

import unicodedata
from collections.abc import Iterator

import pyarrow as pa
from wordfreq import top_n_list

from ayar.data.arrow_compute import pc
from ayar.text.cleaning import CleanOptions, clean_batch

LANGUAGES = ("tr", "en", "de", "fr", "is", "pl", "cs", "es", "pt", "sv", "ro", "hu")
PAGES = ("latin-1", "cp1252", "cp1254", "iso8859-9")
ONLY_MOJIBAKE = CleanOptions(tags=False, entities=False, invisible=False, nfc=False, white_space=False)


def words_of(language: str, count: int) -> list[str]:
    """The ``count`` most frequent words of a language in three cases; Turkish i and ı have capitals of their own."""
    found = dict.fromkeys(top_n_list(language, count))
    dotted = str.maketrans("iı", "İI") if language == "tr" else {}
    upper = {word: unicodedata.normalize("NFC", word.translate(dotted).upper()) for word in found}
    titles = [unicodedata.normalize("NFC", word[:1].translate(dotted).upper() + word[1:]) for word in found]
    return list(dict.fromkeys([*found, *titles, *upper.values()]))


def symbols() -> list[str]:
    """Everything of Latin-1, Windows-1252, ASCII and General Punctuation that is no letter of a word, digit or control."""
    codes = [*range(0x21, 0x7F), *range(0xA0, 0x100), *range(0x2010, 0x2028), *range(0x2030, 0x205F)]
    found = {chr(code) for code in codes} | {bytes([byte]).decode("cp1252", "ignore") for byte in range(0x80, 0xA0)} - {""}
    return sorted(c for c in found if unicodedata.category(c) not in ("Lu", "Ll", "Nd"))


def harmed(words: list[str], options: CleanOptions = ONLY_MOJIBAKE) -> Iterator[tuple[str, str]]:
    """Each text of a word and a symbol that cleaning changes, and what it makes of it."""
    column = pa.array(words)
    for symbol in symbols():
        for texts in (pc.binary_join_element_wise(column, symbol, ""), pc.binary_join_element_wise(symbol, column, "")):
            cleaned = clean_batch(texts, options).texts
            changed = pc.not_equal(texts, cleaned)
            yield from zip(texts.filter(changed).to_pylist(), cleaned.filter(changed).to_pylist(), strict=True)


def misread(text: str, page: str) -> str:
    """UTF-8 bytes read in another page; a byte that the page leaves undefined becomes the control character of its number."""
    return text.encode().decode("latin-1").translate(_TABLES[page])


_TABLES = {page: {byte: bytes([byte]).decode(page, "ignore") or chr(byte) for byte in range(0x80, 0x100)} for page in PAGES}


def unrepaired(words: list[str], options: CleanOptions = ONLY_MOJIBAKE) -> Iterator[tuple[str, str, str, int, int]]:
    """For each way of misreading: page, times as text, how many words it breaks, and how many of them do not come back."""
    broken = [word for word in words if not word.isascii()]
    for page in PAGES:
        texts = broken
        for times in (1, 2):
            texts = [misread(text, page) for text in texts]
            cleaned = clean_batch(pa.array(texts), options).texts
            for word, text, got in zip(broken, texts, cleaned.to_pylist(), strict=True):
                if got != word:
                    yield word, text, got, times, len(broken)
