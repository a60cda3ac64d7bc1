"""Parquet, through pyarrow; only the columns that are needed are read."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ayar.data.raw_rows import RawRows
from ayar.errors import DataError


def column_names(path: Path) -> list[str]:
    try:
        return list(pq.read_schema(path).names)
    except (pa.ArrowInvalid, OSError):
        raise DataError(f"{path}: not a Parquet file, or a damaged one. Export it again.") from None


def read_rows(path: Path, columns: Sequence[str]) -> RawRows:
    try:
        table = pq.read_table(path, columns=list(columns))
    except (pa.ArrowInvalid, OSError):
        raise DataError(f"{path}: a damaged Parquet file. Export it again.") from None
    return RawRows({name: _strings(table[name]) for name in columns}, np.arange(1, table.num_rows + 1, dtype=np.int64), [])


def _strings(column: pa.ChunkedArray) -> pa.ChunkedArray | list:
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    return column.cast(pa.string()) if pa.types.is_string(column.type) or pa.types.is_large_string(column.type) else column.to_pylist()
