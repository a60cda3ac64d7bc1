"""Ctrl-C and SIGTERM let the step at hand end, so that a checkpoint can be written."""

import signal
import threading
from types import FrameType, TracebackType
from typing import Any


class Interruption:
    """Inside ``with``, ``requested`` tells whether to stop. A second signal stops at once with KeyboardInterrupt.

    Outside the main thread signals cannot be caught: there it stays False.
    """

    def __init__(self) -> None:
        self.requested = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> "Interruption":
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._catch)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before.clear()

    def _catch(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True
