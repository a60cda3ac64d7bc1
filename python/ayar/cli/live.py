"""Progress while a command works: a live line on a terminal, plain lines elsewhere."""

import time
from types import TracebackType
from typing import Any, Self

from rich.live import Live as RichLive
from rich.text import Text

from ayar.cli.console import count, duration, err
from ayar.cli.opening import show_plan
from ayar.pipeline.events import Note, StageDone, StageStarted
from ayar.pipeline.plan import Plan

_SPARKS = "▁▂▃▄▅▆▇█"
_WIDTH = 32
_PLAIN_INTERVAL = 10.0  # seconds between plain lines


class Live:
    """A progress callback. Lines go to stderr, so that stdout holds results only."""

    def __init__(self) -> None:
        self._live: RichLive | None = None
        self._losses: list[float] = []
        self._last_line = 0.0

    def __enter__(self) -> Self:
        if err.is_terminal:
            self._live = RichLive(console=err, refresh_per_second=4, transient=True)
            self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def __call__(self, event: Any) -> None:
        match event:
            case Note(text):
                self._line(text)
            case StageStarted(name):
                self._now(f"{name} ...")
            case StageDone(name, rows_in, rows_out, seconds):
                change = f"{count(rows_in)} rows" + (f" → {count(rows_out)}" if rows_out != rows_in else "")
                self._line(f"  {name:<11}{change}, {duration(seconds)}")
            case Plan():
                show_plan(event)
