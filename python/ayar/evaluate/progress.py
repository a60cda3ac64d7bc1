"""What evaluation tells its caller while it works."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Scored:
    """what: which score, in words for people. done of total units (rows, tokens or samples) are finished."""

    what: str
    done: int
    total: int


Progress = Callable[[Any], None]


def silent(event: Any) -> None:
    """For callers that do not want to know."""
