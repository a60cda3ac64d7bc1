"""CUDA graphs: launches recorded once and sent to the device again as one, so that the processor is out of the way."""

from collections.abc import Callable, Hashable
from typing import Any

import torch

MOST_GRAPHS = 32  # each keeps its launches in memory; what comes later runs unrecorded

Work = Callable[[], None]
Record = Callable[[Work], Work]  # takes work, does not do it, and returns what does it from then on


class Graphs:
    """Runs work by key: the first time as it is, which also compiles and allocates; the second time it is recorded.

    Work takes and returns nothing: it reads and writes memory that stays where it is, and must launch the same for whatever is in there.
    """

    def __init__(self, record: Record | None) -> None:
        """record: None never records."""
        self._record = record
        self._seen: set[Hashable] = set()
        self._recorded: dict[Hashable, Work] = {}

    def run(self, key: Hashable, work: Work) -> None:
        if key in self._recorded:
            self._recorded[key]()
        elif self._record is not None and key in self._seen and len(self._recorded) < MOST_GRAPHS:
            self._recorded[key] = self._record(work)
            self._recorded[key]()
        else:
            self._seen.add(key)
            work()


class CudaRecorder:
    """Records on a CUDA device. All graphs share one pool of memory: they never run at the same time."""

    def __init__(self) -> None:
        self._pool: Any = torch.cuda.graph_pool_handle()

    def __call__(self, work: Work) -> Work:
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self._pool):
            work()
        return graph.replay
