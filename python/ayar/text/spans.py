"""Personal data that a grammar or a checksum proves, found by the native core in whole Arrow columns, and replaced."""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ayar.text.cleaning import Texts, text_buffers

_native: Any = import_module("ayar._native")

SPAN_KINDS: tuple[str, ...] = _native.clean.SPAN_KINDS
"""Names of the kinds: ``SPAN_KINDS[spans.kind[i]]``."""


class Spans(NamedTuple):
    """Spans of a column, by row and then by position; none overlaps another."""

    row: npt.NDArray[np.int64]
    start: npt.NDArray[np.int32]  # bytes from the start of the row
    end: npt.NDArray[np.int32]
    kind: npt.NDArray[np.uint8]  # indices of SPAN_KINDS

    def counts(self) -> dict[str, int]:
        """Spans of each kind, kinds without one included."""
        return dict(zip(SPAN_KINDS, np.bincount(self.kind, minlength=len(SPAN_KINDS)).tolist(), strict=True))


def find_spans(texts: Texts) -> Spans:
    """E-mail addresses, telephone numbers, IBANs, payment cards, Turkish identity numbers, IP addresses and credentials in web addresses.

    texts: (rows,) strings or bytes; a null row has no spans. Checksums are verified (IBAN mod 97, Luhn, both check digits of a T.C.
    number); where two spans overlap the longer one stays.
    """
    bytes_, offsets, first, has_wide_offsets = text_buffers(texts)
    return Spans(*_native.clean.find_spans(bytes_, offsets, first, len(texts), has_wide_offsets))


Surrogates = Callable[[str, bytes], str] | Mapping[str, str]


def replace_spans(texts: Texts, spans: Spans, surrogates: Surrogates) -> pa.StringArray | pa.LargeStringArray:
    """Writes something else where the spans are.

    surrogates: a function of kind and the span's bytes, or one placeholder a kind (a kind that is not in it stays as it is). Rows
    without spans are copied as they are; nulls stay null. The spans must be those of these texts: sorted, not overlapping.
    """
    surrogate = surrogates if callable(surrogates) else _placeholder(surrogates)
    bytes_, offsets, first, has_wide_offsets = text_buffers(texts)
    starts = np.frombuffer(offsets, np.int64 if has_wide_offsets else np.int32)[first : first + len(texts) + 1].astype(np.int64)
    source = memoryview(bytes_)
    pieces: list[bytes | memoryview] = []
    growth = np.zeros(len(texts), np.int64)
    copied = int(starts[0])
    for row, start, end, kind in zip(spans.row.tolist(), spans.start.tolist(), spans.end.tolist(), spans.kind.tolist(), strict=True):
        begin = int(starts[row]) + start
        old = bytes(source[begin : begin - start + end])
        new = surrogate(SPAN_KINDS[kind], old).encode()
        pieces += [source[copied:begin], new]
        copied = begin + len(old)
        growth[row] += len(new) - len(old)
    pieces.append(source[copied : int(starts[-1])])
    new_offsets = starts - starts[0]
    new_offsets[1:] += np.cumsum(growth)
    string = pa.large_string() if has_wide_offsets else pa.string()
    validity = texts.is_valid().buffers()[1] if texts.null_count else None
    buffers = [validity, pa.py_buffer(new_offsets.astype(starts.dtype if has_wide_offsets else np.int32)), pa.py_buffer(b"".join(pieces))]
    return pa.Array.from_buffers(string, len(texts), buffers)


def _placeholder(by_kind: Mapping[str, str]) -> Callable[[str, bytes], str]:
    def surrogate(kind: str, span: bytes) -> str:
        return by_kind[kind] if kind in by_kind else span.decode()

    return surrogate
