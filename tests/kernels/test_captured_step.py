"""A step as a CUDA graph, without a GPU: kernels are noted and not run, so whatever is launched was decided without their results.

A graph replays launches with the arguments that they had. So a step may be recorded if it launches the same for every batch of a bucket,
reads nothing back from the device, and sends nothing to it.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

pytest.importorskip("triton", reason="Triton is not installed: pip install 'ayar[gpu]'")

from triton.runtime.jit import JITFunction

from ayar.model.adapters import LoraSettings
from ayar.model.gpu_batch import Bucket, DeviceBatch
from ayar.model.gpu_decoder import GpuDecoder
from ayar.ops import backend
from ayar.train.device_step import DeviceStep
from ayar.train.graphs import MOST_GRAPHS, Graphs
from tests.model.packing import Packed, packed
from tests.model.tiny import random_sequences, write_model

# What waits for a device, or takes numbers from the host, if its tensors are on one.
WAITS = ("_local_scalar_dense", "nonzero", "unique", "masked_select", "is_nonzero", "equal", "lift_fresh", "repeat_interleave.Tensor")


class Log(TorchDispatchMode):
    """Every operator with the shapes and numbers that it was given; Triton's launches beside them."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.waits: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = str(func).removeprefix("aten.")
        self.lines.append(f"{name} {[_shown(value) for value in (*args, *(kwargs or {}).values())]}")
        if name.startswith(WAITS):
            self.waits.append(name)
        return func(*args, **(kwargs or {}))


def _shown(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return str([_shown(item) for item in value])
    return f"{tuple(value.shape)} {value.dtype}" if isinstance(value, torch.Tensor) else str(value)


class ReplayedWithCare:
    """Stands for a graph: work that is done again, each time held against what was launched when it was recorded."""

    def __init__(self) -> None:
        self.logs: list[Log] = []
        self.replays = 0

    def __call__(self, work: Callable[[], None]) -> Callable[[], None]:
        recorded: list[Log] = []

        def replay() -> None:
            log = Log()
            noted.append(log)
            with log:
                work()
            noted.pop()
            recorded.append(log)
            self.logs.append(log)
            self.replays += 1
            assert log.lines == recorded[0].lines, "launches that differ from the recorded ones"

        return replay


noted: list[Log] = []


@pytest.fixture(autouse=True)
def kernels_are_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    def note(self: Any, *args: Any, grid: Any, warmup: bool, **options: Any) -> None:
        if noted:
            noted[-1].lines.append(f"{self.fn.__name__} {grid} {[_shown(value) for value in (*args, *options.values())]}")

    monkeypatch.setattr(JITFunction, "run", note)
    monkeypatch.setattr(backend, "is_triton", lambda x: True)
    for name in ("numpy", "tolist"):
        original = getattr(torch.Tensor, name)

        def seen(self: torch.Tensor, *args: Any, original: Any = original, name: str = name) -> Any:
            if noted:
                noted[-1].waits.append(name)
            return original(self, *args)

        monkeypatch.setattr(torch.Tensor, name, seen)


def decoder(folder: Path, **lora: Any) -> GpuDecoder:
    family = "gemma2" if lora.pop("is_gemma", False) else "llama"
    write_model(folder, family, num_hidden_layers=2, hidden_size=64, intermediate_size=128)
    return GpuDecoder.load(folder, LoraSettings(rank=4, **lora), "cpu", torch.float32)


def batches(count: int) -> list[Packed]:
    """Batches of one bucket with other lengths, tokens and labels."""
    shapes = [(9, 20, 14), (20, 11, 9), (12, 12, 17), (15, 9, 20)]
    found = [packed(random_sequences(shapes[i % 4], seed=i), labelled_from=i % 3) for i in range(count)]
    assert len({Bucket.of(batch) for batch in found}) == 1
    return found


@pytest.mark.parametrize("lora", [{}, {"dropout": 0.3}, {"layers": 1}, {"is_gemma": True}], ids=["plain", "dropout", "upper", "gemma2"])
def test_a_step_launches_the_same_for_every_batch_of_a_bucket_and_waits_for_none(lora: dict[str, Any], tmp_path: Path) -> None:
    record = ReplayedWithCare()
    step = DeviceStep(decoder(tmp_path, **lora), 0.01, 1.0, record)
    given = batches(8)
    for first in range(0, 8, 2):
        step(given[first : first + 2], 20 + first, first, 1e-3 * (first + 1))
    assert record.replays == (8 - 1) + (4 - 1)  # all but the first of the bucket, all but the first update
    assert any("attention_backward_query" in line for log in record.logs for line in log.lines)
    assert any("adamw_update" in line for log in record.logs for line in log.lines)
    assert [log.waits for log in record.logs] == [[]] * record.replays


def test_a_tree_has_a_bucket_of_its_own(tmp_path: Path) -> None:
    batch = packed([[5, 6, 7], [8, 9], [4, 3]])
    plain = Bucket.of(batch)
    batch.parents = torch.tensor([-1, 0, 0], dtype=torch.int32)
    tree = Bucket.of(batch)
    assert plain.longest > 0
    assert tree == plain._replace(longest=0)


def test_a_wait_is_seen(tmp_path: Path) -> None:
    model, record = decoder(tmp_path), ReplayedWithCare()
    whole = model.loss_in

    def reading(buffers: DeviceBatch) -> torch.Tensor:
        loss = whole(buffers)
        loss.item()
        return loss

    model.loss_in = reading  # type: ignore[method-assign]
    step = DeviceStep(model, 0.0, 1.0, record)
    for batch in batches(2):
        step([batch], 10, 0, 1e-3)
    assert [log.waits for log in record.logs] == [["_local_scalar_dense.default"], []]


def test_a_launch_that_depends_on_the_batch_is_seen(tmp_path: Path) -> None:
    model = decoder(tmp_path)
    whole, factors = model.loss_in, iter((1.0, 2.0, 3.0))
    model.loss_in = lambda buffers: whole(buffers) * next(factors)  # type: ignore[method-assign]
    step = DeviceStep(model, 0.0, 1.0, ReplayedWithCare())
    first, second, third = batches(3)
    step([first], 10, 0, 1e-3)
    step([second], 10, 0, 1e-3)
    with pytest.raises(AssertionError, match="differ from the recorded"):
        step([third], 10, 0, 1e-3)


def test_padding_reaches_the_bucket_and_no_further() -> None:
    batch = packed(random_sequences((9, 20, 14)), labelled_from=2)
    bucket = Bucket.of(batch)
    assert bucket.tokens == 64
    buffers = DeviceBatch(bucket, torch.device("cpu"))
    buffers.fill(batch)
    assert buffers.input_ids[:43].tolist() == batch.input_ids.tolist()
    assert buffers.cu_seqlens.tolist()[:5] == [0, 9, 29, 43, 64]
    assert set(buffers.cu_seqlens.tolist()[5:]) <= {64}
    assert buffers.visible_until[43:].tolist() == list(range(44, 65))
    pairs = len(batch.targets)
    assert buffers.targets[pairs:].tolist() == [-1] * (bucket.pairs - pairs)
    assert buffers.weights[pairs:].sum() == 0
    for count in (65, 100, 1000, 2047, 2048, 5000):
        rounded = Bucket.of(packed(random_sequences((count,)))).tokens
        assert count <= rounded <= max(count + 64, count * 9 / 8)


def test_no_more_graphs_than_memory_should_hold() -> None:
    recorded: list[int] = []

    def record(work: Callable[[], None]) -> Callable[[], None]:
        recorded.append(len(recorded))
        return work

    graphs, done = Graphs(record), []
    for _ in range(3):
        for key in range(MOST_GRAPHS + 5):
            graphs.run(key, lambda key=key: done.append(key))
    assert len(recorded) == MOST_GRAPHS
    assert len(done) == 3 * (MOST_GRAPHS + 5)
