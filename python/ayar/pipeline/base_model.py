"""The model folder that a recipe starts from, and whether it can be used: found out from headers and small files, before long work."""

from dataclasses import dataclass
from pathlib import Path

from ayar.data.model_folder import read_model_text
from ayar.errors import ModelError
from ayar.model.config import ModelConfig
from ayar.model.loading import checked_files
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
    checked_files(config)
    tokenizer = Tokenizer.from_file(folder / "tokenizer.json")
    _check_fit(config, tokenizer)
    if not tokenizer.is_native:
        progress(Note(f"This model's tokenizer is run by {tokenizer.engine}: slower, and the same ids."))
    return BaseModel(folder, config, tokenizer)


def _check_fit(config: ModelConfig, tokenizer: Tokenizer) -> None:
    """A tokenizer of another model gives ids without a row in the embedding, or ends an answer with what is an ordinary word here."""
    path = config.folder / "tokenizer.json"
    remedy = "The tokenizer belongs to another model: fetch tokenizer.json and config.json of the same one."
    if tokenizer.id_bound > config.vocab_size:
        raise ModelError(f"{path}: gives ids up to {tokenizer.id_bound - 1}, the model knows {config.vocab_size} tokens. {remedy}")
    if 2 * tokenizer.id_bound < config.vocab_size:
        raise ModelError(f"{path}: has {tokenizer.id_bound} tokens of the {config.vocab_size} that the model knows. {remedy}")
    special = read_model_text(config.folder).special
    for eos in config.eos_token_ids:
        if tokenizer.id_to_token(eos) not in special:
            raise ModelError(f"{path}: token {eos} is not special there, and config.json ends answers with it (eos_token_id). {remedy}")
