"""What a pipeline tells while it works. A progress callback takes any of these, and the events of training and evaluation."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Progress = Callable[[Any], None]


@dataclass(frozen=True)
class Note:
    """Something the user should know now, in one sentence."""

    text: str


@dataclass(frozen=True)
class StageStarted:
    name: str


@dataclass(frozen=True)
class StageDone:
    name: str
    rows_in: int
    rows_out: int
    seconds: float


def silent(event: Any) -> None:
    """The progress of a caller who asked for none."""
