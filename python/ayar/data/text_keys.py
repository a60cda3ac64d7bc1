"""A key that is equal for texts which differ only in case, punctuation, spacing or the dots of a Turkish I. Whole columns at a time."""

import pyarrow as pa

from ayar.data.arrow_compute import pc

_TURKISH_I = ("İ", "I", "ı")  # all become i: a key compares, it is never shown


def text_keys(texts: pa.Array | pa.ChunkedArray) -> pa.Array:
    """String array as long as ``texts``. A text of punctuation alone keeps it, so that "?" and "!" stay two."""
    whole = pa.concat_arrays(texts.chunks) if isinstance(texts, pa.ChunkedArray) and texts.num_chunks else texts
    whole = pa.array([], pa.string()) if isinstance(whole, pa.ChunkedArray) else whole
    keys = pc.utf8_normalize(whole, "NFKC")
    for letter in _TURKISH_I:
        keys = pc.replace_substring(keys, letter, "i")
    keys = pc.utf8_trim_whitespace(pc.replace_substring_regex(pc.utf8_lower(keys), r"[^\p{L}\p{M}\p{N}]+", " "))
    return pc.if_else(pc.equal(keys, ""), whole, keys)


def row_texts(table: pa.Table, task: str) -> pa.Array:
    """One text a row, of everything that makes two rows the same: the prompt with its answer, or all messages. Labels are left out."""
    if task == "answer":
        return pa.array(pc.binary_join_element_wise(table["prompt"], table["response"], "\n").combine_chunks(), pa.string())
    if task == "chat":
        return pa.array(["\n".join(message["content"] for message in messages) for messages in table["messages"].to_pylist()], pa.string())
    return pa.concat_arrays(table["text"].chunks) if table["text"].num_chunks else pa.array([], pa.string())
