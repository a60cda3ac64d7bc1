"""Decides which column of a file is the text, the label and so on: as the recipe says, else by usual names; else a helpful error."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path

from ayar.data.tasks import ALIASES, TASKS
from ayar.errors import DataError


def map_columns(path: Path, names: Sequence[str], task: str, wanted: Mapping[str, str | None]) -> dict[str, str]:
    """Role (text, label, ...) → column of this file. ``wanted``: what the recipe says for each role, None to guess."""
    taken: dict[str, str] = {}
    for role in TASKS[task].columns:
        said = wanted.get(role)
        column = _named(path, names, role, said) if said else _guessed(names, role, set(taken.values()))
        if column is None:
            raise DataError(
                f"{path}: no column for the {role}. The file has: {_listed(names)}. Set source.{role} to the right one"
                f"{_nearest(names, ALIASES[role])}, or choose another task."
            )
        taken[role] = column
    if task == "answer":
        said = wanted.get("context")
        context = _named(path, names, "context", said) if said else _guessed(names, "context", set(taken.values()))
        if context:
            taken["context"] = context
    doubled = [column for column in taken.values() if list(names).count(column) > 1]
    if doubled:
        raise DataError(f"{path}: the header names the column {doubled[0]} more than once. Rename one of them.")
    return taken


def _named(path: Path, names: Sequence[str], role: str, said: str) -> str:
    if said in names:
        return said
    raise DataError(f"{path}: no column {said}, which source.{role} names. The file has: {_listed(names)}{_nearest(names, (said,))}.")


def _guessed(names: Sequence[str], role: str, taken: set[str]) -> str | None:
    plain = {name.strip().casefold(): name for name in reversed(names)}
    return next((plain[alias] for alias in ALIASES[role] if alias in plain and plain[alias] not in taken), None)


def _listed(names: Sequence[str], most: int = 12) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _nearest(names: Sequence[str], wanted: Sequence[str]) -> str:
    near = [match for alias in wanted for match in get_close_matches(alias, names, n=1, cutoff=0.6)]
    return f" (perhaps {near[0]})" if near else ""
