"""Cleaning one text, with the operators that a test names; checks on the way that cleaning again changes nothing."""

import pyarrow as pa

from ayar.text.cleaning import CleanOptions, clean_batch

OPERATORS = tuple(CleanOptions.model_fields)


def only(*operators: str) -> CleanOptions:
    return CleanOptions(**{name: name in operators for name in OPERATORS})


def cleaned_all(texts: list[str] | list[bytes], options: CleanOptions | None = None) -> list[str]:
    kind = pa.binary() if texts and isinstance(texts[0], bytes) else pa.string()
    result, _ = clean_batch(pa.array(texts, kind), options)
    result.validate(full=True)
    again, counts = clean_batch(result, options)
    assert again.equals(result)
    assert not any(counts.values())
    return result.to_pylist()


def cleaned(text: str | bytes, *operators: str) -> str:
    """With these operators only; with all where none is named."""
    return cleaned_all([text], only(*operators) if operators else None)[0]  # type: ignore[list-item]
