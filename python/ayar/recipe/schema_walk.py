"""Every setting of a settings model, nested sections included: its path, type in words, default and meaning."""

import types
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from ayar.settings import Settings

_NAMES = {int: "whole number", float: "number", bool: "true or false", str: "text", Path: "path", type(None): "null", SecretStr: "text"}
_BOUNDS = {Ge: ("≥", "ge"), Gt: (">", "gt"), Le: ("≤", "le"), Lt: ("<", "lt")}


@dataclass(frozen=True)
class Setting:
    """One leaf of a settings model. path: names from the root, as ("train", "learning_rate")."""

    path: tuple[str, ...]
    field: FieldInfo

    @property
    def name(self) -> str:
        return ".".join(self.path)

    @property
    def meaning(self) -> str:
        return self.field.description or ""

    @cached_property
    def kind(self) -> str:
        """The accepted values in words: "whole number ≥ 1", "classify | complete", "path, or null"."""
        bounds = [f"{sign} {as_yaml(getattr(bound, attribute))}" for bound in self.field.metadata for sign, attribute in _bound(bound)]
        return " ".join([_in_words(self.field.annotation), " and ".join(bounds)]).strip()

    @property
    def default(self) -> str:
        """The default as it would be written in YAML; "required" where there is none."""
        if self.field.is_required():
            return "required"
        if self.field.default_factory is not None:
            return "made from the other settings"
        return as_yaml(self.field.default)

    @property
    def choices(self) -> tuple[str, ...]:
        """The words that the setting takes, where it takes words from a list."""
        return tuple(str(choice) for choice in _literals(self.field.annotation))

    @property
    def is_secret(self) -> bool:
        return SecretStr in (self.field.annotation, *get_args(self.field.annotation))


def settings_of(model: type[Settings], path: tuple[str, ...] = ()) -> Iterator[Setting]:
    """The leaves of ``model`` in the order in which they are declared."""
    for name, field in model.model_fields.items():
        section = section_of(field)
        if section is None:
            yield Setting((*path, name), field)
        else:
            yield from settings_of(section, (*path, name))


def section_of(field: FieldInfo) -> type[Settings] | None:
    """The settings model that a field holds, or None where the field is a leaf."""
    for candidate in (field.annotation, *get_args(field.annotation)):
        if isinstance(candidate, type) and issubclass(candidate, Settings):
            return candidate
    return None


def as_yaml(value: Any) -> str:
    """A value as one would type it into a recipe, on one line."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, tuple, set, frozenset)):
        return "[" + ", ".join(as_yaml(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {as_yaml(item)}" for key, item in value.items()) + "}"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _bound(constraint: Any) -> Iterator[tuple[str, str]]:
    for kind, words in _BOUNDS.items():
        if isinstance(constraint, kind):
            yield words


def _in_words(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _in_words(arguments[0])
    if origin is Literal:
        return " | ".join(str(argument) for argument in arguments)
    if origin in (Union, types.UnionType):
        return ", or ".join(_in_words(argument) for argument in arguments)
    if origin in (list, tuple, set, frozenset):
        return f"list of {_in_words(arguments[0])}" if arguments else "list"
    if origin is dict:
        return f"{_in_words(arguments[1])} by name"
    return _NAMES.get(annotation, getattr(annotation, "__name__", str(annotation)))


def _literals(annotation: Any) -> tuple[Any, ...]:
    if get_origin(annotation) is Literal:
        return get_args(annotation)
    return tuple(literal for argument in get_args(annotation) for literal in _literals(argument))
