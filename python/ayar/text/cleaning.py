"""Cleaning of whole Arrow columns in the native core: UTF-8, HTML, mojibake, invisible characters, NFC, quotes, white space."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
import pyarrow as pa
from pydantic import Field

from ayar.errors import DataError
from ayar.settings import Settings

_native: Any = import_module("ayar._native")

Texts: TypeAlias = "pa.StringArray | pa.LargeStringArray | pa.BinaryArray | pa.LargeBinaryArray"


class CleanOptions(Settings):
    """Which operators run. UTF-8 repair always does, since an Arrow string is UTF-8: each maximal ill-formed subpart becomes U+FFFD."""

    tags: bool = Field(default=True, description="drop HTML tags, comments, scripts and styles; block elements become line ends")
    entities: bool = Field(default=True, description="decode HTML character references such as &amp; and &#287;")
    mojibake: bool = Field(default=True, description="repair UTF-8 that was read in a single-byte code page (doÄŸru)")
    turkish_page: bool = Field(default=True, description="repair Turkish whose code page was read as latin-1 (Ýstanbul þeker ýþýk)")
    invisible: bool = Field(default=True, description="drop control, zero-width, bidirectional and tag characters, and soft hyphens")
    width: bool = Field(default=False, description="write full-width letters and half-width kana in their usual width")
    ligatures: bool = Field(default=False, description="write ligatures such as ﬁ as single letters")
    nfkc: bool = Field(default=False, description="write every compatibility form plainly (Unicode NFKC): ² as 2, ™ as TM; includes nfc")
    nfc: bool = Field(default=True, description="compose letters and their marks (Unicode NFC)")
    quotes: bool = Field(default=False, description="write curly quotation marks as ' and \"")
    dashes: bool = Field(default=False, description="write dashes and minus signs as -, an ellipsis as three dots")
    markdown: bool = Field(default=False, description="drop Markdown's marks and keep what they mark")
    links: Literal["keep", "drop", "mark"] = Field(default="keep", description="web addresses: keep, drop, or write [LINK]")
    replies: bool = Field(default=False, description="cut the trail of quoted messages and the signature off an e-mail")
    hyphenation: bool = Field(default=False, description="join words that were cut with a hyphen at the end of a line")
    punctuation: bool = Field(default=False, description="write repeated marks once: !!!! as !, ?!?! as ?!, ...... as three dots")
    stretched: bool = Field(default=False, description="write a letter that stands three times or more twice: çoooook as çook")
    symbols: bool = Field(default=False, description="write a symbol that stands more than three times three times (======)")
    dates: bool = Field(default=False, description="write dates as 2024-03-12; one that can be read in two ways stays")
    numbers: bool = Field(default=False, description="write 1.234.567,89 and 1,234,567.89 as 1234567.89")
    units: bool = Field(default=False, description="write 5kg and 5 kilograms as 5 kg, and so for other units")
    booleans: bool = Field(default=False, description="write a text that is only yes, evet, true ... as true, or no, hayır ... as false")
    turkish_letters: bool = Field(
        default=False, description="write çok for cok, where a text is judged Turkish that was typed in ASCII; only words of a list"
    )
    white_space: bool = Field(default=True, description="one space between words, none at line ends, at most one empty line")

    @classmethod
    def nothing(cls) -> "CleanOptions":
        """No operator but the repair of UTF-8."""
        return cls(**{name: False for name, field in cls.model_fields.items() if field.annotation is bool})  # pyright: ignore[reportArgumentType]


class Edits(NamedTuple):
    """(edits,) int64 each: bytes [begin, end) of a row became [new_begin, new_end) of the cleaned row. In the order of the text."""

    row: np.ndarray
    begin: np.ndarray
    end: np.ndarray
    new_begin: np.ndarray
    new_end: np.ndarray

    def original_range(self, row: int, begin: int, end: int) -> tuple[int, int]:
        """The bytes of the original row that [begin, end) of the cleaned row came from; inside an edit, all that it replaced."""
        first, last = np.searchsorted(self.row, [row, row + 1])
        edits = range(first, last)
        start = next((i for i in reversed(edits) if self.new_begin[i] <= begin), None)
        stop = next((i for i in reversed(edits) if self.new_begin[i] < end), None)
        return self._original(start, begin, "begin"), self._original(stop, end, "end")

    def _original(self, edit: int | None, at: int, side: str) -> int:
        if edit is None:
            return at
        if at < self.new_end[edit] or (side == "end" and at == self.new_end[edit]):
            return int(getattr(self, side)[edit])
        return int(at - self.new_end[edit] + self.end[edit])


class Cleaned(NamedTuple):
    """texts: the cleaned column. rows, characters: how many each operator changed. edits: where, if they were asked for.

    doubtful: how many places may be wrong but can be read in two ways; they were left alone.
    """

    texts: pa.StringArray | pa.LargeStringArray
    rows: Mapping[str, int]
    characters: Mapping[str, int]
    edits: Edits | None
    doubtful: Mapping[str, int]


def clean_batch(texts: Texts, options: CleanOptions | None = None, *, edits: bool = False) -> Cleaned:
    """Cleans each text; nulls stay null.

    texts: (rows,) strings, or bytes of unknown encoding; the result's offsets are as wide. ``edits`` asks for what became of which bytes.
    Cleaning what is clean changes nothing, whatever the options. Raises DataError where the cleaned column outgrows 32-bit offsets.
    """
    bytes_, offsets, first, has_wide_offsets = text_buffers(texts)
    new_offsets, new_bytes, rows, characters, doubtful, changes = _native.clean.clean_batch(
        bytes_, offsets, first, len(texts), has_wide_offsets, _mask(options or CleanOptions()), edits
    )
    string = pa.large_string() if has_wide_offsets else pa.string()
    found = Edits(*changes) if edits else None
    if new_bytes is None:
        return Cleaned(texts.cast(string), rows, characters, found, doubtful)
    if not has_wide_offsets:
        if new_offsets[-1] > np.iinfo(np.int32).max:
            raise DataError(
                f"The cleaned column is {new_offsets[-1]:,} bytes long: cast it to large_string, or clean it in smaller batches"
            )
        new_offsets = new_offsets.astype(np.int32)
    validity = texts.is_valid().buffers()[1] if texts.null_count else None
    cleaned = pa.Array.from_buffers(string, len(texts), [validity, pa.py_buffer(new_offsets), pa.py_buffer(new_bytes)])
    return Cleaned(cleaned, rows, characters, found, doubtful)


def text_buffers(texts: Texts) -> tuple[Any, Any, int, bool]:
    """The bytes, offsets, first row and offset width of a column, as the native core takes them; a null row reads as empty."""
    if not (pa.types.is_string(texts.type) or pa.types.is_binary(texts.type)) and not _is_wide(texts):
        raise DataError(f"A text column holds strings or bytes, not {texts.type}")
    if texts.null_count:
        texts = texts.fill_null(b"" if pa.types.is_binary(texts.type) or pa.types.is_large_binary(texts.type) else "")
    if len(texts) == 0:
        return b"", np.zeros(1, np.int64 if _is_wide(texts) else np.int32), 0, _is_wide(texts)
    _, offsets, bytes_ = texts.buffers()
    return bytes_ if bytes_ is not None else b"", offsets, texts.offset, _is_wide(texts)


def _is_wide(texts: Texts) -> bool:
    return pa.types.is_large_string(texts.type) or pa.types.is_large_binary(texts.type)


def _mask(options: CleanOptions) -> int:
    wanted = {name for name, value in options if value is True} | {"utf8"}
    if options.nfkc:
        wanted.add("nfc")
    if options.links != "keep":
        wanted.add("links_dropped" if options.links == "drop" else "links_marked")
    return sum(1 << bit for bit, name in enumerate(_native.clean.CLEAN_OPERATORS) if name in wanted)
