"""All spans of personal data of a column of texts: identifiers from the native scanner, names and addresses by rules."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from ayar.data.addresses import find_addresses
from ayar.data.names import find_names
from ayar.text.spans import SPAN_KINDS, find_spans

KINDS = ("email", "phone", "iban", "card", "tc_id", "ip", "url_credentials", "name", "address")


class PersonalSpan(NamedTuple):
    """Half-open range of BYTES of one text's UTF-8."""

    start: int
    end: int
    kind: str


def find_personal_data(texts: pa.Array, owner: np.ndarray, kinds: Sequence[str]) -> list[list[PersonalSpan]]:
    """For each text its spans, sorted, without overlaps. owner: (texts,) the row of each text.

    A name found in one text is taken in the whole row. Where two spans meet, an identifier wins over an address, that over a name.
    """
    found: list[list[PersonalSpan]] = [[] for _ in range(len(texts))]
    native = find_spans(texts)
    for text, start, end, kind in zip(native.row.tolist(), native.start.tolist(), native.end.tolist(), native.kind.tolist(), strict=True):
        found[text].append(PersonalSpan(start, end, SPAN_KINDS[kind].lower()))
    values = texts.to_pylist()
    if "address" in kinds:
        for place, value in enumerate(values):
            _add(found[place], value, ((span.start, span.end) for span in find_addresses(value)), "address")
    if "name" in kinds:
        for places in _rows(owner):
            for place, names in zip(places, find_names([values[place] for place in places]), strict=True):
                _add(found[place], values[place], ((span.start, span.end) for span in names), "name")
    return [sorted(span for span in spans if span.kind in kinds) for spans in found]


def _rows(owner: np.ndarray) -> list[np.ndarray]:
    order = np.argsort(owner, kind="stable")
    return [part for part in np.split(order, np.flatnonzero(np.diff(owner[order])) + 1) if len(part)]


def _add(spans: list[PersonalSpan], text: str, ranges: Iterable[tuple[int, int]], kind: str) -> None:
    for start, end in ranges:
        first = len(text[:start].encode())
        last = first + len(text[start:end].encode())
        if all(last <= other.start or other.end <= first for other in spans):
            spans.append(PersonalSpan(first, last, kind))
