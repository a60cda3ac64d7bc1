"""What every data stage returns: the rows kept, the rows dropped with their reasons, and counts. No row falls between the two."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

DROPPED = pa.schema([("id", pa.string()), ("source", pa.string()), ("row", pa.int64()), ("stage", pa.string()), ("reason", pa.string())])


class Stage(NamedTuple):
    """kept: the canonical table. dropped: id, source, row, stage, reason; never a row's text. report: counts for prepare.json."""

    kept: pa.Table
    dropped: pa.Table
    report: dict[str, Any]


def split_by_reason(table: pa.Table, reasons: Sequence[str | None] | np.ndarray, stage: str, **extra: Any) -> Stage:
    """Keep the rows whose reason is None. ``extra`` goes into the report beside the counts."""
    why = np.asarray(reasons, dtype=object)
    keep = still_kept(why)
    kept = table if keep.all() else table.filter(pa.array(keep))
    dropped = dropped_rows(table.filter(pa.array(~keep)), stage, list(why[~keep]))
    return Stage(kept, dropped, stage_report(stage, table.num_rows, kept.num_rows, dropped, **extra))


def still_kept(reasons: np.ndarray) -> np.ndarray:
    """(rows,) bool: those without a reason."""
    return np.fromiter((reason is None for reason in reasons), dtype=bool, count=len(reasons))


def dropped_rows(table: pa.Table, stage: str, reasons: Sequence[str]) -> pa.Table:
    columns = [
        table["id"],
        table["source"],
        table["row"],
        pa.array([stage] * table.num_rows, pa.string()),
        pa.array(list(reasons), pa.string()),
    ]
    return pa.table(columns, schema=DROPPED)


def nothing_dropped() -> pa.Table:
    return DROPPED.empty_table()


def stage_report(stage: str, rows_in: int, rows_out: int, dropped: pa.Table, **extra: Any) -> dict[str, Any]:
    reasons: Mapping[str, int] = Counter(dropped["reason"].to_pylist())
    return {"stage": stage, "rows_in": rows_in, "rows_out": rows_out, "dropped": dict(sorted(reasons.items())), "changed": {}} | extra


def replace_column(table: pa.Table, name: str, values: pa.Array | pa.ChunkedArray) -> pa.Table:
    return table.set_column(table.column_names.index(name), name, values)
