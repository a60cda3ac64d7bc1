"""From the recipe's files to rows that the model can learn from, kept in the run folder; made again only when recipe or files change."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ayar import __version__
from ayar.data.format import FormatSettings
from ayar.data.prepare import Prepared, read_checked, run_stages
from ayar.pipeline.base_model import BaseModel, base_model
from ayar.pipeline.events import Note, Progress, silent
from ayar.pipeline.run_folder import RunFolder, read_json, write_text
from ayar.recipe import Recipe
from ayar.text.spelling import load_spellers


@dataclass(frozen=True)
class PreparedRows:
    """folder: the run's. train, test: the rows, as in the Parquet files there. report: what prepare.json holds."""

    folder: Path
    train: pa.Table
    test: pa.Table
    report: dict[str, Any]


def prepare(recipe: Recipe, progress: Progress = silent) -> PreparedRows:
    """Runs every data stage and writes the result into the run folder.

    Errors of the data come first, then those of the model, then those of the disk; nothing is written before all are ruled out.
    """
    model, made = prepared_in_memory(recipe, progress)
    folder = RunFolder(recipe.output)
    made = made._replace(report=made.report | {"data": _files(recipe), "fingerprint": _fingerprint(recipe, model)})
    folder.prepare_report.unlink(missing_ok=True)  # it vouches for the tables: gone before they change, written after them
    made.write(folder.root)
    write_text(folder.recipe, recipe.as_yaml())
    return PreparedRows(folder.root, made.train, made.test, made.report)


def prepared_in_memory(recipe: Recipe, progress: Progress = silent) -> tuple[BaseModel, Prepared]:
    """Every data stage, nothing on disk."""
    raw = read_checked(recipe.data, recipe.task, recipe)
    model = base_model(recipe, progress)
    RunFolder(recipe.output).check_writable(4 * sum(path.stat().st_size for path in recipe.data) + 2**24)
    settings = recipe.model_copy(update={"format": _within_context(recipe.format, model, progress)})
    load_spellers(recipe.spelling.languages, lambda said: progress(Note(f"For the first time on this machine: {said}.")))
    return model, run_stages(raw, recipe.task, settings, model.tokenizer, model.folder, recipe.seed, progress)


def prepared_rows(recipe: Recipe, progress: Progress = silent, fresh: bool = False) -> tuple[BaseModel, PreparedRows]:
    """The rows in the run folder where this very recipe made them of these very files, else new ones."""
    folder = RunFolder(recipe.output)
    if not fresh and folder.prepare_report.exists() and all(path.is_file() for path in recipe.data):
        model = base_model(recipe, progress)
        rows = kept_rows(recipe, model)
        if rows is not None:
            progress(Note(f"Rows as prepared before, in {folder.prepared}: the recipe and its files have not changed."))
            return model, rows
    rows = prepare(recipe, progress)
    return base_model(recipe, progress), rows


def kept_rows(recipe: Recipe, model: BaseModel) -> PreparedRows | None:
    """The rows in the run folder, or None where another recipe, other files or another tokenizer made them."""
    folder = RunFolder(recipe.output)
    report = read_json(folder.prepare_report, "ayar prepare RECIPE")
    if report.get("fingerprint") != _fingerprint(recipe, model) or report.get("data") != _files(recipe):
        return None
    train, test = (pq.read_table(folder.prepared / f"{name}.parquet") for name in ("train", "test"))
    return PreparedRows(folder.root, train, test, report)


def _within_context(settings: FormatSettings, model: BaseModel, progress: Progress) -> FormatSettings:
    context = model.config.max_position_embeddings
    if settings.max_tokens <= context:
        return settings
    progress(Note(f"The model reads {context} tokens at most: format.max_tokens is {context} here, not {settings.max_tokens}."))
    return settings.model_copy(update={"max_tokens": context})


def _files(recipe: Recipe) -> list[dict[str, Any]]:
    return [{"path": str(path), "sha256": _digest(path), "bytes": path.stat().st_size} for path in recipe.data]


def _fingerprint(recipe: Recipe, model: BaseModel) -> str:
    parts = [recipe.data_fingerprint(), __version__, _digest(model.folder / "tokenizer.json")]
    key = recipe.anonymize.key_file
    if key is not None and key.is_file():  # slow on purpose: the fingerprint is stored and must not help to guess a weak key
        parts.append(hashlib.scrypt(key.read_bytes(), salt=b"ayar", n=2**14, r=8, p=1).hex())
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()[:16]


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
