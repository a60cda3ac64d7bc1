"""The texts of any data file as one Arrow column, and the same file with other texts: for commands that work on files, not on rows of a task."""

import csv
import io
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from ayar.data.sources import FORMATS
from ayar.errors import DataError


@dataclass(frozen=True)
class TextFile:
    """texts: (texts,) strings in the order of the file. rebuild: the file's bytes with other texts in their places."""

    name: str
    kind: str
    texts: pa.Array
    rebuild: Callable[[pa.Array], bytes]


def read_text_file(path: Path | None, stream: BinaryIO, columns: Sequence[str] = (), kind: str | None = None) -> TextFile:
    """path None: ``stream``, JSON Lines where its first line is an object, else text. columns: those whose texts are wanted, or all.

    A text file is one text. Raises DataError, naming file and row, for what cannot be read; it never quotes a row.
    """
    name = str(path) if path else "standard input"
    try:
        raw = path.read_bytes() if path else stream.read()
    except OSError as error:
        raise DataError(
            f"{name}: cannot be read ({error.strerror}). Name a CSV, JSONL, Parquet or text file, or - for standard input."
        ) from None
    kind = kind or (FORMATS.get(path.suffix.casefold(), "text") if path else "json" if raw.lstrip()[:1] == b"{" else "text")
    if columns and kind == "text":
        raise DataError(f"{name}: a text file has no columns. Leave --column out.")
    made = {"csv": _csv, "json": _json, "parquet": _parquet, "text": _text}[kind](name, raw, columns)
    return TextFile(name, kind, *made)


Parts = tuple[pa.Array, Callable[[pa.Array], bytes]]


def _text(name: str, raw: bytes, columns: Sequence[str]) -> Parts:
    def rebuild(texts: pa.Array) -> bytes:
        text = texts[0].as_py().encode()
        return text + b"\n" if raw.endswith(b"\n") and not text.endswith(b"\n") else text

    return pa.array([raw], pa.large_binary()), rebuild


def _csv(name: str, raw: bytes, columns: Sequence[str]) -> Parts:
    text = raw.decode("utf-8-sig", "replace")
    header = "".join(text.partition("\n")[0].split('"')[::2])
    delimiter = max(",;\t|", key=header.count)
    rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    wanted = _wanted(name, rows[0] if rows else [], columns)
    places = [(row, column) for row in range(1, len(rows)) for column in wanted if column < len(rows[row])]

    def rebuild(texts: pa.Array) -> bytes:
        changed = [list(row) for row in rows]
        for (row, column), value in zip(places, texts.to_pylist(), strict=True):
            changed[row][column] = value
        out = io.StringIO()
        csv.writer(out, delimiter=delimiter, lineterminator="\n").writerows(changed)
        return out.getvalue().encode()

    return pa.array([rows[row][column] for row, column in places], pa.large_string()), rebuild


def _wanted(name: str, names: list[str], columns: Sequence[str]) -> list[int]:
    missing = [column for column in columns if column not in names]
    if missing:
        raise DataError(f"{name}: no column {', '.join(missing)}. It has: {', '.join(names) or 'none'}.")
    return [names.index(column) for column in columns] if columns else list(range(len(names)))


def _json(name: str, raw: bytes, columns: Sequence[str]) -> Parts:
    """Every string of every row, however deep, but no key."""
    text = raw.decode("utf-8-sig", "replace")
    is_array = text.lstrip()[:1] == "["
    try:
        rows = json.loads(text) if is_array else [_json_line(name, number, line) for number, line in _json_lines(text)]
    except json.JSONDecodeError as error:
        raise DataError(f"{name}, line {error.lineno}: not valid JSON ({error.msg}).") from None
    holders = [place for row in rows for place in _strings(row, columns)]

    def rebuild(texts: pa.Array) -> bytes:
        for (holder, key), value in zip(holders, texts.to_pylist(), strict=True):
            holder[key] = value
        if is_array:
            return (json.dumps(rows, ensure_ascii=False, indent=1) + "\n").encode("utf-8", "replace")
        return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode("utf-8", "replace")

    values = [holder[key] for holder, key in holders]
    return pa.array([value.encode("utf-8", "replace") for value in values], pa.large_binary()), rebuild


def _json_lines(text: str) -> Iterator[tuple[int, str]]:
    return ((number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip())


def _json_line(name: str, number: int, line: str) -> Any:
    try:
        return json.loads(line)
    except json.JSONDecodeError as error:
        raise DataError(f"{name}, line {number}: not valid JSON ({error.msg}). Each line of a JSONL file is one value.") from None


def _strings(value: Any, columns: Sequence[str]) -> Iterator[tuple[Any, Any]]:
    """The places of strings in a row: the dictionary or list, and the key or position."""
    waiting = [value]
    is_top = True
    while waiting:
        holder = waiting.pop()
        items = list(holder.items()) if isinstance(holder, dict) else list(enumerate(holder)) if isinstance(holder, list) else []
        for key, part in items:
            if is_top and columns and key not in columns:
                continue
            if isinstance(part, str):
                yield holder, key
            elif isinstance(part, dict | list):
                waiting.append(part)
        is_top = False


def _parquet(name: str, raw: bytes, columns: Sequence[str]) -> Parts:
    try:
        table = pq.read_table(pa.BufferReader(raw))
    except (pa.ArrowInvalid, OSError):
        raise DataError(f"{name}: not a Parquet file, or a damaged one. Export it again.") from None
    text_columns = [field.name for field in table.schema if pa.types.is_string(field.type) or pa.types.is_large_string(field.type)]
    wanted = [text_columns[place] for place in _wanted(name, text_columns, columns)]
    parts = [table[column].combine_chunks().cast(pa.large_string()) for column in wanted]
    parts = [pa.concat_arrays(part.chunks) if isinstance(part, pa.ChunkedArray) else part for part in parts]

    def rebuild(texts: pa.Array) -> bytes:
        changed = table
        for place, column in enumerate(wanted):
            values = texts.slice(place * table.num_rows, table.num_rows).cast(table.schema.field(column).type)
            changed = changed.set_column(changed.column_names.index(column), column, values)
        sink = pa.BufferOutputStream()
        pq.write_table(changed, sink)
        return sink.getvalue().to_pybytes()

    return pa.concat_arrays(parts) if parts else pa.array([], pa.large_string()), rebuild
