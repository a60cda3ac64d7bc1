"""CSV and TSV, read strictly by pyarrow: a row with too few or too many fields is an error, or dropped and counted, never shifted."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv

from ayar.data.arrow_compute import pc
from ayar.data.raw_rows import RawRows
from ayar.errors import DataError

BLOCK_BYTES = 1 << 24  # the longest row that pyarrow can read


def column_names(path: Path, encoding: str, delimiter: str) -> list[str]:
    with path.open(encoding="utf-8-sig" if encoding == "utf-8" else encoding, errors="replace", newline="") as file:
        return next(csv.reader(file, delimiter=_delimiter(path, encoding, delimiter)), [])


def read_rows(path: Path, columns: Sequence[str], encoding: str, errors: str, delimiter: str, ragged: str) -> RawRows:
    """Row numbers are those a spreadsheet shows: the header is row 1."""
    names = column_names(path, encoding, delimiter)
    bad: list[pacsv.InvalidRow] = []

    def note(row: pacsv.InvalidRow) -> str:  # must not raise: pyarrow would print and forget it
        bad.append(row)
        return "error" if ragged == "refuse" else "skip"

    try:
        table = pacsv.read_csv(
            _source(path, encoding, errors),
            pacsv.ReadOptions(use_threads=False, block_size=BLOCK_BYTES),  # one thread: only then does an invalid row know its number
            pacsv.ParseOptions(
                delimiter=_delimiter(path, encoding, delimiter), newlines_in_values=True, ignore_empty_lines=False, invalid_row_handler=note
            ),
            pacsv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False, include_columns=list(columns)),
        )
    except pa.ArrowInvalid:
        if bad and ragged == "refuse":
            raise DataError(_ragged(path, bad[0])) from None
        raise DataError(f"{path}: not a CSV file that can be read. Look for a quote that never closes, or set source.delimiter.") from None
    ragged_rows = [row.number for row in bad]
    rows = np.setdiff1d(np.arange(2, 2 + table.num_rows + len(bad), dtype=np.int64), np.array(ragged_rows, np.int64))
    blank = _blank(table) if len(names) > 1 else np.zeros(len(rows), bool)
    dropped = sorted([(number, "ragged") for number in ragged_rows] + [(int(number), "blank_line") for number in rows[blank]])
    kept = table.filter(pa.array(~blank)) if blank.any() else table
    return RawRows({name: kept[name] for name in columns}, rows[~blank], dropped)


def _ragged(path: Path, row: pacsv.InvalidRow) -> str:
    return (
        f"{path}, row {row.number}: {row.actual_columns} field{'s' * (row.actual_columns != 1)}, the header has {row.expected_columns}. "
        "Quote the field that holds the separator, close the quote, or set source.ragged: drop."
    )


def _blank(table: pa.Table) -> np.ndarray:
    empty = np.ones(table.num_rows, bool)
    for column in table.columns:
        empty &= pc.equal(column, "").to_numpy()
    return empty


def _source(path: Path, encoding: str, errors: str) -> Path | pa.BufferReader:
    if encoding == "utf-8" and errors == "strict":
        return path
    text = io.TextIOWrapper(io.BytesIO(path.read_bytes()), encoding=encoding, errors=errors, newline="").read()
    return pa.BufferReader(text.encode())


def _delimiter(path: Path, encoding: str, said: str) -> str:
    if said != "auto":
        return "\t" if said == "tab" else said
    if path.suffix.casefold() == ".tsv":
        return "\t"
    with path.open(encoding=encoding, errors="replace", newline="") as file:
        header = file.readline()
    unquoted = "".join(header.split('"')[::2])
    return max(",;\t|", key=unquoted.count)  # the comma wins a tie
