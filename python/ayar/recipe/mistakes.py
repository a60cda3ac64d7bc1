"""What pydantic found wrong with a recipe, as sentences for its author: where, what, remedy. One sentence a setting, all at once."""

import difflib
from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from ayar.errors import RecipeError
from ayar.recipe.document import Document
from ayar.recipe.schema_walk import Setting, as_yaml, section_of, settings_of
from ayar.settings import Settings

# What people call a setting elsewhere, and what it is called here.
OTHER_NAMES = {
    "lr": "train.learning_rate",
    "num_train_epochs": "train.epochs",
    "num_epochs": "train.epochs",
    "r": "lora.rank",
    "lora_alpha": "lora.alpha",
    "dataset": "data",
    "base_model": "model",
    "model_name_or_path": "model",
    "output_dir": "output",
}


def recipe_error(error: ValidationError, document: Document, schema: type[Settings]) -> RecipeError:
    """One RecipeError that lists every mistake in the order of the file."""
    sentences = [sentence for _, sentence in sorted(_sentences(error.errors(), document, schema))]
    if len(sentences) == 1:
        return RecipeError(sentences[0])
    return RecipeError("\n".join([f"{document.name} has {len(sentences)} mistakes:", *(f"  {sentence}" for sentence in sentences)]))


def _sentences(errors: Iterable[ErrorDetails], document: Document, schema: type[Settings]) -> list[tuple[int, str]]:
    settings = {setting.path: setting for setting in settings_of(schema)}
    found: dict[tuple[str, ...], list[ErrorDetails]] = {}
    for error in errors:
        found.setdefault(_named_part(error, settings), []).append(error)
    return [(document.lines.get(path, 0), _sentence(path, group, document, settings, schema)) for path, group in found.items()]


def _named_part(error: ErrorDetails, settings: dict[tuple[str, ...], Setting]) -> tuple[str, ...]:
    """The setting that an error is about: pydantic adds the branch of a union or the position in a list behind it."""
    path = tuple(str(part) for part in error["loc"])
    return next((path[:length] for length in range(len(path), 0, -1) if path[:length] in settings), path)


def _sentence(
    path: tuple[str, ...], errors: list[ErrorDetails], document: Document, settings: dict[tuple[str, ...], Setting], schema: type[Settings]
) -> str:
    name, first = ".".join(path), errors[0]
    where = document.where(path)
    if not path:  # two settings that do not go together
        return f"{document.name}: {_reason(first)}."
    if first["type"] == "extra_forbidden":
        return f"{where}: there is no setting {name}.{_nearest_key(path, settings, schema)}"
    setting = settings.get(path)
    if first["type"] == "missing":
        meaning = f" ({setting.meaning})" if setting else ""
        return f"{where}: {name} is missing{meaning}. Add a line `{name}: ...`."
    if setting is None:
        return f"{where}: {name}: {_reason(first)}."
    value = "" if setting.is_secret else f" is {_shown(first['input'])}, but"
    if first["type"] == "value_error":
        return f"{where}: {name}: {_reason(first)}."
    return f"{where}: {name}{value} must be {setting.kind}.{_nearest_choice(first['input'], setting)}"


def _reason(error: ErrorDetails) -> str:
    return error["msg"].removeprefix("Value error, ").rstrip(".")


def _shown(value: Any) -> str:
    return as_yaml(value)[:60] or "empty"


def _nearest_choice(value: Any, setting: Setting) -> str:
    near = difflib.get_close_matches(str(value).casefold(), setting.choices, n=1, cutoff=0.5)
    return f" Did you mean {near[0]}?" if near else ""


def _nearest_key(path: tuple[str, ...], settings: dict[tuple[str, ...], Setting], schema: type[Settings]) -> str:
    """The right key with its full path: by its last name anywhere in the recipe, the same section first."""
    known = {setting.name for setting in settings.values()} | set(sections_of(schema))
    wrong = path[-1].casefold().replace("-", "_")
    if OTHER_NAMES.get(wrong) in known:
        return f" Ayar calls it {OTHER_NAMES[wrong]}."

    def likeness(name: str) -> tuple[float, bool]:
        right = name.split(".")
        return difflib.SequenceMatcher(None, wrong, right[-1]).ratio(), tuple(right[:-1]) == path[:-1]

    best = max(sorted(known), key=likeness)
    ratio, same_section = likeness(best)
    if ratio == 1 and not same_section:
        return f" It belongs to another place: {best}."
    return f" Did you mean {best}?" if ratio >= 0.6 else " `ayar recipe --explain` lists all settings."


def sections_of(schema: type[Settings]) -> list[str]:
    return [name for name, field in schema.model_fields.items() if section_of(field) is not None]
