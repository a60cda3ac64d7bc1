"""Measures every formatted row in tokens, and does with those that are too long what the recipe says. None is cut off silently."""

import numpy as np
import pyarrow as pa

from ayar.data.format import FormatSettings
from ayar.data.pack import Encoder, tokenize
from ayar.data.stage import Stage, split_by_reason, still_kept
from ayar.errors import DataError


def measure_length(table: pa.Table, settings: FormatSettings, tokenizer: Encoder) -> Stage:
    """Wants PREPARED rows. With too_long: split they stay whole here, and pack.split_long cuts their tokens.

    The report adds `tokens` (in all rows kept), `trained_tokens`, `longest`, and `too_long` (rows). Raises DataError for too_long: refuse,
    and if no token of any row would be trained on.
    """
    examples = tokenize(table, tokenizer)
    lengths, trained = examples.lengths, examples.trained_tokens
    long = lengths > settings.max_tokens
    if long.any() and settings.too_long == "refuse":
        first = int(np.flatnonzero(long)[0])
        raise DataError(
            f"{table['source'][first].as_py()}, row {table['row'][first].as_py()}: {lengths[first]} tokens, "
            f"format.max_tokens is {settings.max_tokens} ({int(long.sum())} rows are too long). "
            "Raise it, or set format.too_long: drop or split."
        )
    reasons = np.full(table.num_rows, None, dtype=object)
    reasons[trained == 0] = "nothing_to_learn"
    if settings.too_long == "drop":
        reasons[long] = "too_long"
    keep = still_kept(reasons)
    if not keep.any():
        raise DataError(
            f"data: no row is left to train on: {int(long.sum())} are longer than format.max_tokens ({settings.max_tokens}), "
            f"and in {int((trained == 0).sum())} all labels are masked. Look at the rows with `ayar inspect`."
        )
    counts = {
        "tokens": int(lengths[keep].sum()),
        "trained_tokens": int(trained[keep].sum()),
        "longest": int(lengths.max(initial=0)),
        "too_long": int(long.sum()),
    }
    return split_by_reason(table, reasons, "length", **counts)
