"""The recipe: two required lines, and one section a stage. Each section is the settings model that lives beside its stage."""

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, Self

import yaml
from pydantic import Field, ValidationError, field_validator, model_validator

from ayar.data.anonymize import AnonymizeSettings
from ayar.data.balance import BalanceSettings
from ayar.data.clean import CleanSettings
from ayar.data.format import FormatSettings
from ayar.data.quality import QualitySettings
from ayar.data.sources import SourceSettings
from ayar.data.spelling import SpellingSettings
from ayar.data.split import SplitSettings
from ayar.data.tasks import TaskName
from ayar.evaluate.settings import EvaluateSettings
from ayar.model.adapters import LoraSettings
from ayar.recipe.document import Document, read_document
from ayar.recipe.mistakes import recipe_error
from ayar.recipe.paths import from_recipe_folder
from ayar.settings import Settings
from ayar.train.settings import TrainSettings

_DATA_SECTIONS = ("source", "clean", "anonymize", "spelling", "quality", "split", "balance", "format")
_OUTPUT_SETTINGS = ("output",)
_PATH_OR_WORD = {"format.template": ("model", "plain")}


def _defaults(section: type[Settings], meaning: str) -> Any:
    return Field(default_factory=lambda: section.model_validate({}), description=meaning)


def _default_output(said: Mapping[str, Any]) -> Path:
    files = said.get("data") or (Path("run"),)
    return Path("runs") / files[0].stem


class Recipe(Settings):
    """Everything that decides what a run does. Immutable; paths are absolute but for ``output`` when it was made by ``load``."""

    data: tuple[Path, ...] = Field(
        min_length=1, description="the file to learn from, or a list of files: CSV, JSONL, JSON, Parquet or text"
    )
    task: TaskName = Field(description="what the model learns: to classify texts, complete texts, answer prompts, or chat")
    model: Path | None = Field(
        default=None,
        description="folder of a Llama-family model (config.json, tokenizer.json, safetensors); null: the packaged SmolLM2-135M-Instruct",
    )
    output: Path = Field(default_factory=_default_output, description="folder of the run; without it runs/ and the recipe's name")
    seed: int = Field(default=0, ge=0, lt=2**32, description="start of every random number: split, shuffling, adapter weights")
    source: SourceSettings = _defaults(SourceSettings, "how the files are read")
    clean: CleanSettings = _defaults(CleanSettings, "what is repaired in the texts")
    anonymize: AnonymizeSettings = _defaults(AnonymizeSettings, "what happens to personal data, before anything is written")
    spelling: SpellingSettings = _defaults(SpellingSettings, "which misspelled words are corrected")
    quality: QualitySettings = _defaults(QualitySettings, "which rows are good enough")
    split: SplitSettings = _defaults(SplitSettings, "what is held out to test the result")
    balance: BalanceSettings = _defaults(BalanceSettings, "how the sizes of classes are evened out")
    format: FormatSettings = _defaults(FormatSettings, "how a row becomes the text that the model reads")
    lora: LoraSettings = _defaults(LoraSettings, "the adapter: which weights get one, and how large")
    train: TrainSettings = _defaults(TrainSettings, "how the adapter learns")
    evaluate: EvaluateSettings = _defaults(EvaluateSettings, "how base and tuned model are compared")

    @field_validator("data", mode="before")
    @classmethod
    def _one_file_is_a_list_of_one(cls, value: Any) -> Any:
        return [value] if isinstance(value, (str, Path)) else value

    @model_validator(mode="after")
    def _a_row_fits_into_a_batch(self) -> Self:
        if self.format.max_tokens > self.train.tokens_per_batch:
            raise ValueError(
                f"format.max_tokens is {self.format.max_tokens}, more than train.tokens_per_batch, which is {self.train.tokens_per_batch}. "
                "Lower the first or raise the second"
            )
        return self

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Reads a YAML file. Raises RecipeError with every mistake in it: file, line, key, and the nearest right key or value.

        Relative input paths start at the file's folder, ``output`` at the current one.
        """
        path = Path(path)
        document = read_document(path)
        values = from_recipe_folder(document.values, cls, path.parent, _OUTPUT_SETTINGS, _PATH_OR_WORD)
        # Three examples called recipe.yaml must not share one folder of results.
        values.setdefault("output", str(Path("runs") / (path.absolute().parent.name if path.stem == "recipe" else path.stem)))
        return cls._validated(values, document)

    @classmethod
    def of(cls, recipe: "str | Path | Mapping[str, Any] | Recipe") -> "Recipe":
        """A recipe from whatever a Python caller has: a path, a mapping of settings, or a Recipe."""
        if isinstance(recipe, Recipe):
            return recipe
        if isinstance(recipe, Mapping):
            return cls._validated(
                from_recipe_folder(recipe, cls, Path(), _OUTPUT_SETTINGS, _PATH_OR_WORD), Document("recipe", dict(recipe))
            )
        return cls.load(recipe)

    @classmethod
    def _validated(cls, values: Mapping[str, Any], document: Document) -> Self:
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise recipe_error(error, document, cls) from None

    def as_yaml(self) -> str:
        """The recipe with every default filled in; it loads to an equal recipe."""
        return yaml.safe_dump(self.model_dump(mode="json"), allow_unicode=True, sort_keys=False)

    def data_fingerprint(self) -> str:
        """Equal for recipes that prepare the same rows from the same files."""
        chosen = [getattr(self, name) for name in ("data", "task", "model", "seed", *_DATA_SECTIONS)]
        return sha256(repr(chosen).encode()).hexdigest()[:16]
