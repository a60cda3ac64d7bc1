"""What a pipeline tells while it works: notes and the plan, each data stage's report, and the events of training and evaluation."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Progress = Callable[[Any], None]


@dataclass(frozen=True)
class Note:
    """Something the user should know now, in one sentence."""

    text: str


def silent(event: Any) -> None:
    """The progress of a caller who asked for none."""
