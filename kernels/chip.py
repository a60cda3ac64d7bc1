"""What a launch must know of the chip that it runs on: its limits decide tiles and the number of programs."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor


@dataclass(frozen=True)
class Chip:
    """capability: 10 · major + minor. shared_bytes: shared memory that one block may take."""

    capability: int
    shared_bytes: int
    multiprocessors: int


# CUDA C++ Programming Guide, table of technical specifications; multiprocessors of A100, RTX 3090, RTX 4090, H100 SXM, B200, RTX 5090.
CHIPS = {
    chip.capability: chip
    for chip in (
        Chip(80, 163 << 10, 108),
        Chip(86, 99 << 10, 82),
        Chip(89, 99 << 10, 128),
        Chip(90, 227 << 10, 132),
        Chip(100, 227 << 10, 148),
        Chip(120, 99 << 10, 170),
    )
}
_pretended: ContextVar[Chip | None] = ContextVar("ayar_chip", default=None)


def chip_of(x: Tensor) -> Chip:
    """The chip that ``x`` lies on. On the CPU (the interpreter) the one of the enclosing ``pretend``, else an A100."""
    pretended = _pretended.get()
    if pretended is not None:
        return pretended
    return _device_chip(x.device.index or 0) if x.device.type == "cuda" else CHIPS[80]


@contextmanager
def pretend(chip: Chip) -> Iterator[None]:
    """Inside the block launches are shaped for ``chip``: to compile ahead of time, and to interpret, for a chip that is not here."""
    token = _pretended.set(chip)
    try:
        yield
    finally:
        _pretended.reset(token)


@cache
def _device_chip(index: int) -> Chip:
    properties = torch.cuda.get_device_properties(index)
    shared = getattr(properties, "shared_memory_per_block_optin", 99 << 10)
    return Chip(10 * properties.major + properties.minor, shared, properties.multi_processor_count)
