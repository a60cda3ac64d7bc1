"""The model folder that a recipe starts from, and whether it can be used: found out from headers and small files, before long work."""

from dataclasses import dataclass
from pathlib import Path

from ayar.model.config import ModelConfig
from ayar.model.packaged import packaged_model
from ayar.pipeline.events import Note, Progress
from ayar.recipe import Recipe
from ayar.text.tokenizer import Tokenizer


@dataclass(frozen=True)
class BaseModel:
    folder: Path
    config: ModelConfig
    tokenizer: Tokenizer


def base_model(recipe: Recipe, progress: Progress) -> BaseModel:
    """Raises ModelError for a folder that is missing, damaged, of an unknown architecture, or whose tokenizer does not fit."""
    folder = recipe.model or packaged_model(lambda message: progress(Note(message)))
    config = ModelConfig.from_folder(folder)
    return BaseModel(folder, config, Tokenizer.from_file(folder / "tokenizer.json"))
