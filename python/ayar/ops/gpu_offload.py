"""Activations that wait for the backward pass in the host's pinned memory: moved on a stream of their own, while others compute."""

from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor

from ayar.errors import BackendError

Keeping = Literal["stored", "offloaded", "recomputed"]  # what becomes of a layer's activations until its backward pass


@dataclass
class Moved:
    """Tensors of one layer, in the host's memory; ``back`` once they are on their way to the device again."""

    slot: int
    shapes: list[tuple[int, ...]]
    host: list[Tensor]
    device: torch.device
    back: list[Tensor] = field(default_factory=list)
    arrived: Any = None


class Offload:
    """A stack: the backward pass takes layers in the reverse order of the forward pass, and each one's fetch starts a layer early.

    The host's buffers are kept from step to step.
    """

    def __init__(self) -> None:
        self._stack: list[Moved] = []
        self._buffers: dict[tuple[int, int], Tensor] = {}
        self._stream: Any = None

    def clear(self) -> None:
        """Forgets what no backward pass has taken: at the start of a step."""
        self._stack.clear()

    def put(self, tensors: list[Tensor]) -> Moved:
        """Copies (rows, columns) tensors away, the spare columns of bordered rows included; the device's memory is free once they are gone."""
        slot, device = len(self._stack), tensors[0].device
        whole = [_whole(tensor) for tensor in tensors]
        moved = Moved(slot, [tuple(tensor.shape) for tensor in tensors], [self._buffer(slot, i, x) for i, x in enumerate(whole)], device)
        with self._beside(device):
            for host, x in zip(moved.host, whole, strict=True):
                host.copy_(x, non_blocking=True)
                if x.is_cuda:
                    x.record_stream(self._stream)
        self._stack.append(moved)
        return moved

    def take(self, moved: Moved) -> list[Tensor]:
        """The tensors, on the device again. Raises BackendError where it is not the last one that was put."""
        if not self._stack or self._stack[-1] is not moved:
            raise BackendError("Offload: layers must be taken in the reverse order, each once")
        self._stack.pop()
        for each in (moved, *self._stack[-1:]):
            self._fetch(each)
        if moved.arrived is not None:
            current = torch.cuda.current_stream(moved.device)
            current.wait_event(moved.arrived)
            for x in moved.back:
                x.record_stream(current)
        return [x[:, : shape[1]] for x, shape in zip(moved.back, moved.shapes, strict=True)]

    def _fetch(self, moved: Moved) -> None:
        if moved.back:
            return
        with self._beside(moved.device):
            moved.back = [host.to(moved.device, non_blocking=True, copy=True) for host in moved.host]
            if self._stream is not None:
                moved.arrived = self._stream.record_event()

    def _beside(self, device: torch.device) -> Any:
        """The context of the stream that copies, which waits for what has been launched so far. Nothing where there are no streams."""
        if device.type != "cuda":
            return nullcontext()
        if self._stream is None:
            self._stream = torch.cuda.Stream(device)
        self._stream.wait_stream(torch.cuda.current_stream(device))
        return torch.cuda.stream(self._stream)

    def _buffer(self, slot: int, index: int, like: Tensor) -> Tensor:
        """Pinned memory, made the first time, or when a larger batch comes."""
        held = self._buffers.get((slot, index))
        if held is None or held.numel() < like.numel() or held.dtype != like.dtype:
            held = torch.empty(like.numel(), dtype=like.dtype, pin_memory=like.is_cuda)
            self._buffers[slot, index] = held
        return held[: like.numel()].view(like.shape)


def _whole(x: Tensor) -> Tensor:
    """Rows with their spare columns."""
    return x.as_strided((x.shape[0], x.stride(0)), (x.stride(0), 1)) if len(x) and x.stride(0) > x.shape[1] else x
