"""Where a recipe's relative paths start: inputs at the recipe's own folder, so that a recipe travels with its data."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from ayar.recipe.schema_walk import settings_of
from ayar.settings import Settings


def from_recipe_folder(
    values: Mapping[str, Any],
    schema: type[Settings],
    folder: Path,
    outputs: tuple[str, ...],
    path_or_word: Mapping[str, tuple[str, ...]],
) -> dict[str, Any]:
    """``values`` with every relative input path made absolute.

    outputs: settings that start at the current folder. path_or_word: text settings that hold a path unless they hold one of those words.
    """
    resolved = _copied(values)
    for setting in settings_of(schema):
        words = path_or_word.get(setting.name)
        if setting.name in outputs or (words is None and not _holds_path(setting.field.annotation)):
            continue
        holder: Any = resolved
        for name in setting.path[:-1]:
            holder = holder.get(name) if isinstance(holder, dict) else None
        if isinstance(holder, dict) and holder.get(setting.path[-1]) not in (None, *(words or ())):
            holder[setting.path[-1]] = _absolute(holder[setting.path[-1]], folder)
    return resolved


def _absolute(value: Any, folder: Path) -> Any:
    if isinstance(value, (list, tuple)):
        return [_absolute(item, folder) for item in value]
    if not isinstance(value, (str, Path)):
        return value  # a wrong type is pydantic's to refuse
    return str((folder / Path(value).expanduser()).absolute())


def _holds_path(annotation: Any) -> bool:
    return annotation is Path or any(_holds_path(argument) for argument in get_args(annotation))


def _copied(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _copied(value) if isinstance(value, Mapping) else value for key, value in values.items()}
