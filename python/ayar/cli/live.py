"""Progress while a command works: a live line on a terminal, plain lines elsewhere."""

from types import TracebackType
from typing import Any

from rich.status import Status

from ayar.cli.console import count, duration, err, out
from ayar.pipeline.events import Note, StageDone, StageStarted
