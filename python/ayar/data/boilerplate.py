"""Lines that many texts share, such as signatures, disclaimers and footers, out of the texts. Needs the whole column; keeps no text."""

import numpy as np
import pyarrow as pa

from ayar.data.arrow_compute import pc

SHORTEST = 20  # characters: shorter lines ("Thank you.") are what people write


def drop_boilerplate(texts: pa.Array, least_rows: int) -> tuple[pa.Array, int]:
    """texts: (rows,) strings, nulls stay null. A line that stands in ``least_rows`` texts or more goes, case and outer spaces apart,
    where its text has other lines that stay. Returns the texts and how many of them changed. Doing it again changes nothing.
    """
    lines = pc.split_pattern(pc.fill_null(texts, ""), "\n")
    flat, owner = lines.flatten(), np.asarray(lines.value_parent_indices())
    trimmed = pc.utf8_trim_whitespace(flat)
    keys = np.asarray(_without_case(trimmed).dictionary_encode().indices)
    pairs = np.unique(np.stack([keys, owner]), axis=1)  # a line counts once a text
    shared = np.bincount(pairs[0], minlength=keys.max() + 1)[keys] >= least_rows if len(keys) else np.zeros(0, bool)
    goes = shared & (pc.utf8_length(trimmed).to_numpy(zero_copy_only=False) >= SHORTEST)
    says = ~goes & (pc.utf8_length(trimmed).to_numpy(zero_copy_only=False) > 0)
    keeps_something = np.bincount(owner[says], minlength=len(texts)) > 0
    goes &= keeps_something[owner]
    if not goes.any():
        return texts, 0
    kept = np.concatenate([[0], np.cumsum(np.bincount(owner[~goes], minlength=len(texts)))])
    joined = pc.binary_join(pa.ListArray.from_arrays(pa.array(kept, pa.int32()), flat.filter(pa.array(~goes))), "\n")
    changed = pa.array(np.bincount(owner[goes], minlength=len(texts)) > 0)
    tidied = pc.if_else(changed, pc.utf8_rtrim(joined, "\n "), texts)
    return tidied.cast(texts.type), int(changed.to_numpy(zero_copy_only=False).sum())


def _without_case(lines: pa.Array) -> pa.Array:
    """In lower case; I is the capital of both i and ı, so that these and İ are one letter."""
    for letter in "İı":
        lines = pc.replace_substring(lines, letter, "i")
    return pc.utf8_lower(lines)
