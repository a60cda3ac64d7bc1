"""Cleaning of whole Arrow columns in the native core: UTF-8, HTML, mojibake, invisible characters, NFC, quotes, white space."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any, TypeAlias

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
    mojibake: bool = Field(default=True, description="repair UTF-8 read as latin-1, Windows-1252 or -1254, or ISO-8859-9 (doÄŸru)")
    invisible: bool = Field(default=True, description="drop control, zero-width, bidirectional and tag characters, and soft hyphens")
    nfc: bool = Field(default=True, description="compose letters and their marks (Unicode NFC)")
    quotes: bool = Field(default=True, description="write curly quotation marks as ' and \"")
    white_space: bool = Field(default=True, description="one space between words, none at line ends, at most one empty line")


def clean_batch(texts: Texts, options: CleanOptions | None = None) -> tuple[pa.StringArray | pa.LargeStringArray, Mapping[str, int]]:
    """Cleans each text; nulls stay null.

    texts: (rows,) strings, or bytes of unknown encoding. Returns strings with offsets as wide as those of the input, and for each
    operator the number of rows that it changed. clean_batch(clean_batch(x)) = clean_batch(x), whatever the options. Raises DataError
    where the cleaned column outgrows 32-bit offsets.
    """
    bytes_, offsets, first, has_wide_offsets = text_buffers(texts)
    new_offsets, new_bytes, counts = _native.clean.clean_batch(
        bytes_, offsets, first, len(texts), has_wide_offsets, _mask(options or CleanOptions())
    )
    string = pa.large_string() if has_wide_offsets else pa.string()
    if new_bytes is None:
        return texts.cast(string), counts
    if not has_wide_offsets:
        if new_offsets[-1] > np.iinfo(np.int32).max:
            raise DataError(
                f"The cleaned column is {new_offsets[-1]:,} bytes long: cast it to large_string, or clean it in smaller batches"
            )
        new_offsets = new_offsets.astype(np.int32)
    validity = texts.is_valid().buffers()[1] if texts.null_count else None
    return pa.Array.from_buffers(string, len(texts), [validity, pa.py_buffer(new_offsets), pa.py_buffer(new_bytes)]), counts


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
    return sum(1 << bit for bit, name in enumerate(_native.clean.CLEAN_OPERATORS) if getattr(options, name, True))
