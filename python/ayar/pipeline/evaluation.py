"""Scores the base model and the tuned one on the held-out rows and on general text; then writes the report."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ayar import report as pages
from ayar.errors import DataError
from ayar.evaluate import run as score
from ayar.model.decoder import Decoder
from ayar.pipeline.base_model import base_model
from ayar.pipeline.events import Progress, silent
from ayar.pipeline.preparation import kept_rows
from ayar.pipeline.run_folder import RunFolder, write_json
from ayar.recipe import Recipe


@dataclass(frozen=True)
class Evaluated:
    """scores: what evaluation.json holds."""

    folder: Path
    scores: dict[str, Any]


def evaluate(recipe: Recipe, progress: Progress = silent) -> Evaluated:
    """Raises DataError where nothing has been trained yet."""
    folder = RunFolder(recipe.output)
    require_adapter(folder)
    model = base_model(recipe, progress)
    rows = kept_rows(recipe, model)
    if rows is None:  # other rows might hold out what the adapter was trained on
        raise DataError(f"{folder.prepared}: prepared by another recipe or from other files. Train again with: ayar train RECIPE")
    decoder = Decoder.load_tuned(folder.adapter, getattr(torch, recipe.train.dtype), recipe.lora.base_weights)
    scores = score(decoder, model.tokenizer, rows.test, recipe.task, recipe.evaluate, progress, rows.train)
    write_json(folder.evaluation, scores)
    return Evaluated(folder.root, scores)


def report(recipe: Recipe) -> Path:
    """Writes report.html from what the run folder holds. Returns its path."""
    folder = RunFolder(recipe.output)
    if not folder.root.is_dir():
        raise DataError(f"{folder.root}: no such run. Make it with: ayar run RECIPE")
    return pages.write(folder.root)


def require_adapter(folder: RunFolder) -> None:
    if not (folder.adapter / "adapter_config.json").is_file():
        raise DataError(f"{folder.adapter}: no adapter there yet. Make it with: ayar train RECIPE")
