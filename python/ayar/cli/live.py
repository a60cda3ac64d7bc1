"""Progress while a command works: a live line on a terminal, plain lines elsewhere. All of it on stderr: stdout holds results only."""

import time
from itertools import pairwise
from types import TracebackType
from typing import Any, Self

from rich.live import Live as LiveDisplay
from rich.text import Text

from ayar.cli.console import count, duration, err
from ayar.cli.opening import show_plan
from ayar.evaluate import Scored
from ayar.pipeline.events import Note
from ayar.pipeline.plan import Plan
from ayar.train.progress import CheckpointWritten, EvaluationDone, Started, StepDone

_SPARKS = "▁▂▃▄▅▆▇█"
_SPARKLINE_WIDTH = 24
_PLAIN_INTERVAL = 10.0  # seconds between two plain lines of the same kind


class Live:
    """A progress callback, and the display that it writes to."""

    def __init__(self) -> None:
        self._display: LiveDisplay | None = None
        self._losses: list[float] = []
        self._last_plain = float("-inf")

    def __enter__(self) -> Self:
        if err.is_terminal:
            self._display = LiveDisplay(console=err, refresh_per_second=8, transient=True)
            self._display.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._display is not None:
            self._display.stop()
            self._display = None

    def __call__(self, event: Any) -> None:
        match event:
            case Note(text):
                self._say(Text(text))
            case Plan():
                show_plan(event, err)
            case Started():
                self._losses.clear()
            case StepDone():
                self._losses.append(event.loss)
                line = _step_line(event, self._losses)
                if event.step == event.total_steps:
                    self._say(line)
                else:
                    self._now(line)
            case EvaluationDone(step, loss):
                self._say(Text(f"  after step {step}: loss on held-out rows {loss:.3f}"))
            case CheckpointWritten():
                pass  # said only when it matters: in the message of an interrupted run
            case Scored(what, done, total):
                self._now(Text(f"  {what}: {count(done)} of {count(total)}"))
            case {"stage": stage, "rows_in": rows_in, "rows_out": rows_out}:
                change = f" → {count(rows_out)}" if rows_out != rows_in else ""
                self._say(Text(f"  {stage:<10} {count(rows_in)}{change} rows"))

    def _say(self, line: Text) -> None:
        """A line that stays."""
        err.print(line, soft_wrap=True)

    def _now(self, line: Text) -> None:
        """The line of the moment: replaced by the next one on a terminal, printed now and then elsewhere."""
        if self._display is not None:
            self._display.update(line)
        elif time.monotonic() - self._last_plain >= _PLAIN_INTERVAL:
            self._last_plain = time.monotonic()
            self._say(line)


def _step_line(event: StepDone, losses: list[float]) -> Text:
    return Text.assemble(
        f"  step {event.step}/{event.total_steps}  ",
        ("loss ", "dim"),
        (f"{event.loss:.3f} ", "bold"),
        (f"{sparkline(losses)}  ", "green"),
        (f"{count(event.tokens_per_second)} tokens/s, {duration(event.seconds_left)} left", "dim"),
    )


def sparkline(values: list[float], width: int = _SPARKLINE_WIDTH) -> str:
    """The course of a number in one line: each mark is the mean of its share of ``values``, the highest mark their largest mean."""
    if not values:
        return ""
    width = min(width, len(values))
    edges = [len(values) * place // width for place in range(width + 1)]
    means = [sum(values[first:last]) / (last - first) for first, last in pairwise(edges)]
    low, high = min(means), max(means)
    scale = (len(_SPARKS) - 1) / (high - low) if high > low else 0.0
    return "".join(_SPARKS[round((mean - low) * scale)] for mean in means)
