"""Reads the files that `data` names into the canonical table of the task: CSV, TSV, JSON Lines, JSON, Parquet, and text."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import pyarrow as pa
from pydantic import Field

from ayar.data import columns as column_mapping
from ayar.data import delimited, json_rows, parquet_rows, plain_text
from ayar.data.arrow_compute import pc
from ayar.data.conversations import conversations
from ayar.data.encoding import check_encoding
from ayar.data.raw_rows import RawRows
from ayar.data.stage import DROPPED, Stage, stage_report
from ayar.data.tasks import TASKS, canonical_schema
from ayar.errors import DataError
from ayar.settings import Settings

FORMATS = {
    ".csv": "csv", ".tsv": "csv", ".jsonl": "json", ".ndjson": "json", ".json": "json",
    ".parquet": "parquet", ".pq": "parquet", ".txt": "text", ".md": "text",
}  # fmt: skip


class SourceSettings(Settings):
    text: str | None = Field(
        default=None, description="column that holds the text (classify, complete); guessed from usual names when not given"
    )
    label: str | None = Field(default=None, description="column that holds the class (classify)")
    prompt: str | None = Field(default=None, description="column that holds the question or instruction (answer)")
    response: str | None = Field(default=None, description="column that holds the wanted answer (answer)")
    context: str | None = Field(default=None, description="column whose text is put after the prompt (answer), such as alpaca's input")
    messages: str | None = Field(
        default=None, description="column that holds the conversation (chat): a list of role and content, or of from and value"
    )
    id: str | None = Field(
        default=None, description="column that names each row; without it a row is named file:row, which says nothing about a person"
    )
    encoding: str = Field(
        default="utf-8", min_length=1, description="encoding of text files, such as utf-8, windows-1254, iso-8859-9, utf-16"
    )
    encoding_errors: Literal["refuse", "replace"] = Field(
        default="refuse", description="bytes that are not in the encoding: refuse the file, or read them as U+FFFD"
    )
    delimiter: Literal["auto", ",", ";", "tab", "|"] = Field(
        default="auto", description="what separates the fields of a CSV; auto looks at the header"
    )
    ragged: Literal["refuse", "drop"] = Field(
        default="refuse", description="CSV rows whose number of fields is not the header's: refuse the file, or drop and count them"
    )
    text_unit: Literal["paragraph", "line", "file"] = Field(default="paragraph", description="what a row of a .txt file is")


class _File(NamedTuple):
    table: pa.Table
    dropped: list[tuple[int, str]]
    mapping: dict[str, str]


def read(paths: Sequence[Path], settings: SourceSettings, task: str) -> Stage:
    """Columns: id, source, row, then the task's own. The report says which column of each file was taken for what.

    Raises DataError, naming file, row and column, for anything that cannot be read as the recipe says.
    """
    if not paths:
        raise DataError("data: no file is named. Give the path of a CSV, JSONL, Parquet or text file.")
    files = {str(path): _read_file(path, settings, task) for path in paths}
    kept = pa.concat_tables([file.table for file in files.values()]).combine_chunks()
    dropped = pa.Table.from_pylist(
        [
            {"id": f"{Path(source).name}:{row}", "source": source, "row": row, "stage": "sources", "reason": reason}
            for source, file in files.items()
            for row, reason in file.dropped
        ],
        schema=DROPPED,
    )
    columns = {source: file.mapping for source, file in files.items()}
    return Stage(kept, dropped, stage_report("sources", kept.num_rows + dropped.num_rows, kept.num_rows, dropped, columns=columns))


def _read_file(path: Path, settings: SourceSettings, task: str) -> _File:
    kind = _format(path)
    if kind != "parquet" and settings.encoding_errors == "refuse":
        check_encoding(path, settings.encoding)
    names = _column_names(path, kind, settings, task)
    mapping = column_mapping.map_columns(path, names, task, settings.model_dump())
    wanted = list(mapping.values())
    if settings.id:
        if settings.id not in names:
            raise DataError(f"{path}: no column {settings.id}, which source.id names.")
        wanted = list(dict.fromkeys([*wanted, settings.id]))
    raw = _raw_rows(path, kind, wanted, settings)
    if len(raw.row) == 0:
        raise DataError(f"{path}: no rows below the header. Export it again, or name another file in data.")
    return _File(_canonical(path, raw, mapping, settings, task), raw.dropped, mapping)


def _format(path: Path) -> str:
    if not path.exists():
        raise DataError(f"{path}: no such file. Check data in the recipe; a relative path starts at the recipe's folder.")
    if path.is_dir():
        raise DataError(f"{path}: a folder. Name the file in it, or list several files under data.")
    kind = FORMATS.get(path.suffix.casefold())
    if kind is None:
        raise DataError(f"{path}: what kind of file is {path.suffix or 'one without an ending'}? Known endings: {', '.join(FORMATS)}.")
    try:
        if path.stat().st_size == 0:
            raise DataError(f"{path}: the file is empty. Export it again, or name another file in data.")
        path.open("rb").close()
    except OSError as error:
        raise DataError(f"{path}: cannot be opened ({error.strerror}). Check its permissions.") from None
    return kind


def _column_names(path: Path, kind: str, settings: SourceSettings, task: str) -> list[str]:
    errors = _errors(settings)
    if kind == "text":
        if task != "complete":
            raise DataError(f"{path}: a text file has no columns, so it fits the task complete only, not {task}. Use CSV or JSONL.")
        return [plain_text.COLUMN]
    if kind == "csv":
        return delimited.column_names(path, settings.encoding, settings.delimiter)
    names = parquet_rows.column_names(path) if kind == "parquet" else json_rows.column_names(path, settings.encoding, errors)
    if not names:
        raise DataError(f"{path}: no rows with named fields. Export it again, or name another file in data.")
    return names


def _raw_rows(path: Path, kind: str, wanted: list[str], settings: SourceSettings) -> RawRows:
    errors = _errors(settings)
    if kind == "csv":
        return delimited.read_rows(path, wanted, settings.encoding, errors, settings.delimiter, settings.ragged)
    if kind == "json":
        return json_rows.read_rows(path, wanted, settings.encoding, errors)
    if kind == "parquet":
        return parquet_rows.read_rows(path, wanted)
    return plain_text.read_rows(path, settings.encoding, errors, settings.text_unit)


def _errors(settings: SourceSettings) -> str:
    return "replace" if settings.encoding_errors == "replace" else "strict"


def _canonical(path: Path, raw: RawRows, mapping: dict[str, str], settings: SourceSettings, task: str) -> pa.Table:
    found: dict[str, pa.Array] = {}
    for role in TASKS[task].columns:
        column = mapping[role]
        values = raw.columns[column]
        found[role] = conversations(path, column, values, raw.row) if role == "messages" else _texts(path, column, values, raw.row)
    if "context" in mapping:
        context = _texts(path, mapping["context"], raw.columns[mapping["context"]], raw.row)
        joined = pc.binary_join_element_wise(found["prompt"], context, "\n\n")
        found["prompt"] = pc.if_else(pc.equal(context, ""), found["prompt"], joined)
    if settings.id:
        ids = _texts(path, settings.id, raw.columns[settings.id], raw.row)
    else:
        ids = pa.array([f"{path.name}:{row}" for row in raw.row], pa.string())
    source = pa.array([str(path)] * len(raw.row), pa.string())
    arrays = [ids, source, pa.array(raw.row), *(found[role] for role in TASKS[task].columns)]
    return pa.table(arrays, schema=canonical_schema(task))


def _texts(path: Path, column: str, values: pa.ChunkedArray | Sequence[Any], rows: np.ndarray) -> pa.Array:
    """Null becomes the empty text, which the quality stage then drops with a reason."""
    if isinstance(values, pa.ChunkedArray):
        chunks: list[pa.Array] = values.chunks  # pyright: ignore[reportAttributeAccessIssue]  (pyarrow's class is not fully typed)
        return pc.fill_null(pa.concat_arrays(chunks) if chunks else pa.array([], pa.string()), "")
    return pa.array([_text(path, column, value, row) for value, row in zip(values, rows, strict=True)], pa.string())


def _text(path: Path, column: str, value: Any, row: int) -> str:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode() if not value.isascii() else value  # JSON can hold half of a surrogate pair
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    raise DataError(f"{path}, row {row}, column {column}: a text is needed there, not a list or an object.")
