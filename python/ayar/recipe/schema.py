"""The recipe: two required lines, and one section a stage. Each section is the settings model that lives beside its stage."""

from collections.abc import Mapping
from hashlib import scrypt, sha256
from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import Field, SecretStr, ValidationError, field_validator

from ayar.data.balance import BalanceSettings
from ayar.data.quality import QualitySettings
from ayar.data.sources import SourceSettings
from ayar.data.split import SplitSettings
from ayar.data.tasks import TaskName
from ayar.recipe.document import Document, read_document
from ayar.recipe.mistakes import recipe_error
from ayar.recipe.paths import from_recipe_folder
from ayar.settings import Settings

_DATA_SECTIONS = ("source", "clean", "anonymize", "quality", "split", "balance", "format")
_OUTPUT_SETTINGS = ("output",)


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
    dtype: Literal["bfloat16", "float32"] = Field(
        default="bfloat16", description="what the frozen weights and the activations are computed in; adapters are always float32"
    )
    source: SourceSettings = _defaults(SourceSettings, "how the files are read")
    quality: QualitySettings = _defaults(QualitySettings, "which rows are good enough")
    split: SplitSettings = _defaults(SplitSettings, "what is held out")
    balance: BalanceSettings = _defaults(BalanceSettings, "how class sizes are evened out")

    @field_validator("data", mode="before")
    @classmethod
    def _one_file_is_a_list_of_one(cls, value: Any) -> Any:
        return [value] if isinstance(value, (str, Path)) else value

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Reads a YAML file. Raises RecipeError with every mistake in it: file, line, key, and the nearest right key or value.

        Relative input paths start at the file's folder, ``output`` at the current one.
        """
        path = Path(path)
        document = read_document(path)
        values = from_recipe_folder(document.values, cls, path.parent, _OUTPUT_SETTINGS)
        # Three examples called recipe.yaml must not share one folder of results.
        values.setdefault("output", str(Path("runs") / (path.absolute().parent.name if path.stem == "recipe" else path.stem)))
        return cls._validated(values, document)

    @classmethod
    def of(cls, recipe: "str | Path | Mapping[str, Any] | Recipe") -> "Recipe":
        """A recipe from whatever a Python caller has: a path, a mapping of settings, or a Recipe."""
        if isinstance(recipe, Recipe):
            return recipe
        if isinstance(recipe, Mapping):
            return cls._validated(from_recipe_folder(recipe, cls, Path(), _OUTPUT_SETTINGS), Document("recipe", dict(recipe)))
        return cls.load(recipe)

    @classmethod
    def _validated(cls, values: Mapping[str, Any], document: Document) -> Self:
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise recipe_error(error, document, cls) from None

    def as_yaml(self) -> str:
        """The recipe with every default filled in; it loads to an equal recipe, but for secrets, which are left out."""
        return yaml.safe_dump(without_secrets(self), allow_unicode=True, sort_keys=False)

    def data_fingerprint(self) -> str:
        """Equal for recipes that prepare the same rows from the same files."""
        chosen = {name: getattr(self, name) for name in ("data", "task", "model", "seed", *_DATA_SECTIONS)}
        return sha256(repr(chosen).encode() + _secrets_digest(self)).hexdigest()[:16]


def _secrets_digest(settings: Settings) -> bytes:
    """Slow on purpose: the fingerprint is stored, and must not help anybody to guess a weak key."""
    values = [getattr(settings, name) for name in type(settings).model_fields]
    secret = b"".join(value.get_secret_value().encode() for value in values if isinstance(value, SecretStr))
    own = scrypt(secret, salt=b"ayar recipe", n=2**14, r=8, p=1) if secret else b""
    return own + b"".join(_secrets_digest(value) for value in values if isinstance(value, Settings))


def without_secrets(settings: Settings) -> dict[str, Any]:
    """Plain values of every setting, nested as in the recipe; a SecretStr is dropped, so that no key is ever written to disk."""
    plain = settings.model_dump(mode="json")
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if isinstance(value, Settings):
            plain[name] = without_secrets(value)
        elif isinstance(value, SecretStr):
            del plain[name]
    return plain
