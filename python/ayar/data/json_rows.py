"""JSON Lines, and JSON with one array of objects. Python's parser, because its errors know the line."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ayar.data.raw_rows import RawRows
from ayar.errors import DataError

LOOK_AHEAD = 100  # rows whose keys are taken as the file's columns


def column_names(path: Path, encoding: str, errors: str) -> list[str]:
    names: dict[str, None] = {}
    for count, (_, value) in enumerate(_objects(path, encoding, errors)):
        if count == LOOK_AHEAD:
            break
        names |= dict.fromkeys(value or ())
    return list(names)


def read_rows(path: Path, columns: Sequence[str], encoding: str, errors: str) -> RawRows:
    values: dict[str, list[Any]] = {name: [] for name in columns}
    rows, dropped = [], []
    for row, value in _objects(path, encoding, errors):
        if value is None:
            dropped.append((row, "blank_line"))
            continue
        rows.append(row)
        for name in columns:
            values[name].append(value.get(name))
    return RawRows(dict(values), np.array(rows, np.int64), dropped)


def _objects(path: Path, encoding: str, errors: str) -> Iterator[tuple[int, dict[str, Any] | None]]:
    with path.open(encoding="utf-8-sig" if encoding == "utf-8" else encoding, errors=errors, newline="\n") as file:
        if path.suffix.casefold() == ".json":
            yield from _array(path, file.read())
            return
        for row, line in enumerate(file, start=1):
            yield row, _parsed(path, row, line) if line.strip() else None


def _parsed(path: Path, row: int, line: str) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except (json.JSONDecodeError, RecursionError):
        raise DataError(f"{path}, line {row}: broken JSON. Every line must be one whole JSON object.") from None
    if not isinstance(value, dict):
        raise DataError(f"{path}, line {row}: a JSON object with named fields is needed, not {_kind(value)}.")
    return value


def _array(path: Path, text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        value = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        where = f", line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise DataError(f"{path}{where}: broken JSON. If every line is an object of its own, name the file .jsonl.") from None
    if isinstance(value, dict):  # {"data": [...]}: exports often wrap the array
        value = next((inner for inner in value.values() if isinstance(inner, list)), None)
    if not isinstance(value, list):
        raise DataError(f"{path}: an array of objects is needed.")
    for row, item in enumerate(value, start=1):
        if not isinstance(item, dict):
            raise DataError(f"{path}, row {row}: a JSON object with named fields is needed, not {_kind(item)}.")
        yield row, item


def _kind(value: object) -> str:
    return {list: "an array", str: "a text", bool: "true or false", type(None): "null"}.get(type(value), "a number")
