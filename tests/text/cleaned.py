"""Cleaning one text, with the operators that a test names; checks on the way that cleaning again changes nothing."""

import itertools
from operator import itemgetter
from typing import Literal

import pyarrow as pa

from ayar.text.cleaning import Cleaned, CleanOptions, clean_batch

OPERATORS = tuple(name for name, field in CleanOptions.model_fields.items() if field.annotation is bool)


def only(*operators: str, links: Literal["keep", "drop", "mark"] = "keep") -> CleanOptions:
    return CleanOptions(**{name: name in operators for name in OPERATORS}, links=links)  # type: ignore[arg-type]


def cleaned_all(texts: list[str] | list[bytes], options: CleanOptions | None = None) -> list[str]:
    kind = pa.binary() if texts and isinstance(texts[0], bytes) else pa.string()
    column = pa.array(texts, kind)
    result = clean_batch(column, options, edits=True)
    result.texts.validate(full=True)
    assert_edits_rebuild(column, result)
    again = clean_batch(result.texts, options)
    assert again.texts.equals(result.texts)
    assert not any(again.rows.values())
    return result.texts.to_pylist()


def assert_edits_rebuild(texts: pa.Array, cleaned: Cleaned) -> None:
    """Copying what lies between the edits, and taking what they made, gives the cleaned text."""
    assert cleaned.edits is not None
    edits = itertools.groupby(zip(*(column.tolist() for column in cleaned.edits), strict=True), key=itemgetter(0))
    for row, changes in itertools.islice(edits, 1000):
        old, new = as_bytes(texts[row].as_py()), as_bytes(cleaned.texts[row].as_py())
        rebuilt, done = b"", 0
        for _, begin, end, new_begin, new_end in changes:
            assert done <= begin <= end
            rebuilt += old[done:begin]
            assert len(rebuilt) == new_begin
            rebuilt += new[new_begin:new_end]
            done = end
        assert rebuilt + old[done:] == new


def as_bytes(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text


def cleaned(text: str | bytes, *operators: str) -> str:
    """With these operators only; with all where none is named."""
    return cleaned_all([text], only(*operators) if operators else None)[0]  # type: ignore[list-item]
