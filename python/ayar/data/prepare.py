"""All data stages in their order: from files to the tables that training and evaluation read. Nothing touches the disk before `write`."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from ayar.data.anonymize import AnonymizeSettings, anonymize
from ayar.data.arrow_compute import pc
from ayar.data.balance import BalanceSettings, balance
from ayar.data.clean import CleanSettings, clean
from ayar.data.format import FormatSettings, format_rows
from ayar.data.length import measure_length
from ayar.data.model_folder import read_model_text
from ayar.data.pack import Encoder
from ayar.data.quality import QualitySettings, quality
from ayar.data.sources import SourceSettings, read
from ayar.data.spelling import SpellingSettings, spelling
from ayar.data.split import SplitSettings, split
from ayar.data.stage import Stage
from ayar.data.validate import validate
from ayar.errors import DataError


class DataSettings(Protocol):
    """The sections of a recipe that the data stages read."""

    @property
    def source(self) -> SourceSettings: ...
    @property
    def clean(self) -> CleanSettings: ...
    @property
    def anonymize(self) -> AnonymizeSettings: ...
    @property
    def spelling(self) -> SpellingSettings: ...
    @property
    def quality(self) -> QualitySettings: ...
    @property
    def split(self) -> SplitSettings: ...
    @property
    def balance(self) -> BalanceSettings: ...
    @property
    def format(self) -> FormatSettings: ...


class Prepared(NamedTuple):
    """train, test: PREPARED without the column split. rejected: id, source, row, stage, reason. report: prepare.json."""

    train: pa.Table
    test: pa.Table
    rejected: pa.Table
    report: dict[str, Any]

    def write(self, folder: Path) -> None:
        """prepared/train.parquet, prepared/test.parquet, rejected.parquet, prepare.json; each whole or not at all."""
        (folder / "prepared").mkdir(parents=True, exist_ok=True)
        for name, table in (("prepared/train", self.train), ("prepared/test", self.test), ("rejected", self.rejected)):
            _write_whole(folder / f"{name}.parquet", lambda path, table=table: pq.write_table(table, path))
        text = json.dumps(self.report, ensure_ascii=False, indent=2) + "\n"
        _write_whole(folder / "prepare.json", lambda path: path.write_text(text, encoding="utf-8"))


def read_checked(paths: Sequence[Path], task: str, settings: DataSettings) -> Stage:
    """The files as one table. Raises DataError for whatever can be known to be wrong with them; no model is needed for that."""
    raw = read(paths, settings.source, task)
    validate(raw.kept, task, settings.quality.rare_classes, settings.quality.min_class_rows)
    return raw


def prepare(
    paths: Sequence[Path],
    task: str,
    settings: DataSettings,
    tokenizer: Encoder,
    model_folder: Path,
    seed: int,
    progress: Callable[[dict[str, Any]], None] | None = None,
) -> Prepared:
    """``progress`` is given each stage's report as it is done. Raises DataError or ModelError; then nothing has been written."""
    return run_stages(read_checked(paths, task, settings), task, settings, tokenizer, model_folder, seed, progress)


def run_stages(
    raw: Stage,
    task: str,
    settings: DataSettings,
    tokenizer: Encoder,
    model_folder: Path,
    seed: int,
    progress: Callable[[dict[str, Any]], None] | None = None,
) -> Prepared:
    """``prepare`` from what ``read_checked`` gave."""
    model = read_model_text(model_folder)
    stages: list[Stage] = []

    def done(stage: Stage) -> pa.Table:
        stages.append(stage)
        if progress:
            progress(stage.report)
        return stage.kept

    table = done(raw)
    table = done(clean(table, settings.clean, task))
    table = done(anonymize(table, settings.anonymize, task))
    table = done(spelling(table, settings.spelling, task))
    table = done(quality(table, settings.quality, task))
    table = done(split(table, settings.split, task, seed))
    table = done(balance(table, settings.balance, task, seed))
    table = done(format_rows(table, settings.format, task, model))
    table = done(measure_length(table, settings.format, tokenizer))
    train, test = (table.filter(pc.equal(table["split"], side)).drop_columns("split") for side in ("train", "test"))
    if not train.num_rows or not test.num_rows:
        raise DataError("data: after the last stage no row is left to train on or to test with. rejected rows: " + _reasons(stages))
    return Prepared(train, test, pa.concat_tables([stage.dropped for stage in stages]).combine_chunks(), _report(stages, train, test))


def _report(stages: list[Stage], train: pa.Table, test: pa.Table) -> dict[str, Any]:
    reports = {stage.report["stage"]: stage.report for stage in stages}
    origins = {origin for table in (train, test) for origin in zip(table["source"].to_pylist(), table["row"].to_pylist(), strict=True)}
    return {
        "rows_in": reports["sources"]["rows_in"],
        "rows_kept": len(origins),  # of the file: neither a copy nor a piece of a row counts again
        "stages": [stage.report for stage in stages],
        "personal_data": reports["anonymize"]["personal_data"],
        "classes": reports["balance"]["classes"],
        "split": {"train": train.num_rows, "test": test.num_rows},
    }


def _reasons(stages: list[Stage]) -> str:
    counts: Counter[str] = Counter()
    for stage in stages:
        counts.update(stage.report["dropped"])
    return ", ".join(f"{reason} {rows}" for reason, rows in counts.most_common())


def _write_whole(path: Path, write: Callable[[Path], object]) -> None:
    part = path.with_name(path.name + ".part")
    try:
        write(part)
        part.replace(path)
    except OSError as error:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise DataError(
            f"{path}: cannot be written ({error.strerror or 'no space left?'}). Free some space, or set output to another folder."
        ) from None
