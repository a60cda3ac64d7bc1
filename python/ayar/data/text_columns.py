"""All free texts of a table as one Arrow array, and back: so that cleaning and anonymizing need not know the tasks."""

from typing import NamedTuple

import numpy as np
import pyarrow as pa

from ayar.data.stage import replace_column
from ayar.data.tasks import MESSAGES, TASKS


class FlatTexts(NamedTuple):
    """texts: every text of every row. owner: (texts,) the row that each belongs to."""

    texts: pa.Array
    owner: np.ndarray


def flatten_texts(table: pa.Table, task: str) -> FlatTexts:
    if task == "chat":
        messages = _whole(table["messages"])
        return FlatTexts(messages.flatten().field("content"), np.asarray(messages.value_parent_indices()))
    columns = [_whole(table[name]) for name in TASKS[task].texts]
    return FlatTexts(pa.concat_arrays(columns), np.tile(np.arange(table.num_rows), len(columns)))


def restore_texts(table: pa.Table, task: str, texts: pa.Array) -> pa.Table:
    """``texts``: as long and in the order of flatten_texts."""
    if task == "chat":
        messages = _whole(table["messages"])
        turns = pa.StructArray.from_arrays([messages.flatten().field("role"), texts], fields=list(MESSAGES.value_type))
        counts = np.concatenate([[0], np.cumsum(np.asarray(messages.value_lengths()))])
        return replace_column(table, "messages", pa.ListArray.from_arrays(pa.array(counts, pa.int32()), turns))
    for place, name in enumerate(TASKS[task].texts):
        table = replace_column(table, name, texts.slice(place * table.num_rows, table.num_rows))
    return table


def _whole(column: pa.ChunkedArray) -> pa.Array:
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
