"""Conversations as files carry them (role/content, or ShareGPT's from/value, as lists or as JSON text) → one Arrow type."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from ayar.data.tasks import MESSAGES
from ayar.errors import DataError

ROLES = {
    "system": "system", "developer": "system", "user": "user", "human": "user", "customer": "user", "prompter": "user",
    "assistant": "assistant", "gpt": "assistant", "bot": "assistant", "model": "assistant", "agent": "assistant",
}  # fmt: skip


def conversations(path: Path, column: str, values: Iterable[Any], rows: np.ndarray) -> pa.Array:
    """Raises DataError with file, row and column for a turn without a known role or without text."""
    return pa.array(
        [_messages(f"{path}, row {row}, column {column}", _plain(value)) for value, row in zip(values, rows, strict=True)], MESSAGES
    )


def _plain(value: Any) -> Any:
    value = value.as_py() if isinstance(value, pa.Scalar) else value
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value) if value else []
    except (json.JSONDecodeError, RecursionError):
        return value


def _messages(where: str, turns: Any) -> list[dict[str, str]]:
    if turns is None:
        return []
    if not isinstance(turns, list):
        raise DataError(f"{where}: a list of messages is needed, each with role and content.")
    return [_message(f"{where}, message {number}", turn) for number, turn in enumerate(turns, start=1)]


def _message(where: str, turn: Any) -> dict[str, str]:
    if not isinstance(turn, dict):
        raise DataError(f"{where}: an object with role and content is needed.")
    role = turn.get("role", turn.get("from"))
    content = turn.get("content", turn.get("value"))
    known = ROLES.get(role.strip().casefold()) if isinstance(role, str) else None
    if known is None:
        raise DataError(f"{where}: no role that is known. Known roles: {', '.join(ROLES)}.")
    if content is None:
        content = ""
    if not isinstance(content, str):
        raise DataError(f"{where}: its content must be text.")
    return {"role": known, "content": content.encode("utf-8", "replace").decode()}
