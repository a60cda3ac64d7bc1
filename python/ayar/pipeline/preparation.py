"""From the recipe's files to rows that the model can learn from, kept in the run folder; made again only when recipe or files change."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ayar import __version__
from ayar.data import prepare as stages
from ayar.pipeline.base_model import BaseModel, base_model
from ayar.pipeline.events import Note, Progress, silent
from ayar.pipeline.run_folder import RunFolder, read_json, replaced, write_json, write_text
from ayar.recipe import Recipe

_TABLES = ("train", "test", "rejected")


@dataclass(frozen=True)
class PreparedRows:
    """folder: the run's. train, test: the rows, as in the Parquet files there. report: what prepare.json holds."""

    folder: Path
    train: pa.Table
    test: pa.Table
    report: dict[str, Any]


def prepare(recipe: Recipe, progress: Progress = silent) -> PreparedRows:
    """Runs every data stage and writes the result into the run folder, all or nothing.

    Data errors come first, then those of the model, then those of the disk; nothing is written before all are ruled out.
    """
    raw = stages.read(recipe.data, recipe.task, recipe)
    model = base_model(recipe, progress)
    folder = RunFolder(recipe.output)
    folder.check_writable(4 * sum(path.stat().st_size for path in recipe.data) + 2**24)
    made = stages.prepare(raw, recipe.task, recipe, model.tokenizer, model.folder, recipe.seed, progress)
    report = made.report | {"data": _files(recipe), "fingerprint": _fingerprint(recipe, model)}
    _write(folder, {"train": made.train, "test": made.test, "rejected": made.rejected}, report)
    write_text(folder.recipe, recipe.as_yaml())
    return PreparedRows(folder.root, made.train, made.test, report)


def prepared_rows(recipe: Recipe, progress: Progress = silent, fresh: bool = False) -> tuple[BaseModel, PreparedRows]:
    """The rows in the run folder where this very recipe made them of these very files, else new ones."""
    folder = RunFolder(recipe.output)
    if not fresh and folder.prepare_report.exists() and all(path.is_file() for path in recipe.data):
        report = read_json(folder.prepare_report, "ayar prepare RECIPE")
        model = base_model(recipe, progress)
        if report.get("fingerprint") == _fingerprint(recipe, model) and report.get("data") == _files(recipe):
            progress(Note(f"Rows as prepared before, in {folder.prepared} (the recipe and its files have not changed)"))
            train, test = (pq.read_table(folder.prepared / f"{name}.parquet") for name in ("train", "test"))
            return model, PreparedRows(folder.root, train, test, report)
    rows = prepare(recipe, progress)
    return base_model(recipe, progress), rows


def _write(folder: RunFolder, tables: dict[str, pa.Table], report: dict[str, Any]) -> None:
    folder.prepare_report.unlink(missing_ok=True)  # it vouches for the tables, so it goes first and comes last
    with replaced(folder.prepared) as partial:
        partial.mkdir()
        for name in _TABLES:
            pq.write_table(tables[name], partial / f"{name}.parquet", compression="zstd")
    write_json(folder.prepare_report, report)


def _files(recipe: Recipe) -> list[dict[str, Any]]:
    return [{"path": str(path), "sha256": _digest(path), "bytes": path.stat().st_size} for path in recipe.data]


def _fingerprint(recipe: Recipe, model: BaseModel) -> str:
    parts = [recipe.data_fingerprint(), __version__, _digest(model.folder / "tokenizer.json")]
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()[:16]


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
