"""Where a training step's time goes, op by op, beside what the machine allows: python bench/roofline.py [--json FILE] [--markdown FILE]

For every native kernel of the step of bench/train_step.py: calls, FLOPs, bytes that must cross memory at least once, the time that these
cost at the measured peaks (the larger of the two), and the time taken. FLOPs count multiply and add; bytes count every argument once. The
peaks are measured here: multiply-adds on registers, and a copy that does not fit the caches.
"""

import argparse
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor

from ayar.model.config import ModelConfig
from ayar.ops import backend
from reporting import machine, write_report
from train_step import BATCH, SEQ_LEN, model_folder
from train_step_worker import RANK, ayar_step

STEPS = 5
MARK = "<!-- measured -->"


@dataclass
class Row:
    """One kernel at one shape, summed over a step."""

    calls: int = 0
    flops: float = 0.0
    bytes: float = 0.0
    seconds: float = 0.0


class Trace:
    """The rows of one step, and the seconds that writing them down took, which are no part of the step."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = defaultdict(Row)
        self.overhead = 0.0

    def note(self, name: str, arguments: tuple[Any, ...], begin: float, end: float) -> None:
        row = self.rows[title(name, arguments)]
        row.calls += 1
        row.seconds += end - begin
        row.flops += flops(name, arguments)
        row.bytes += float(sum(size(argument) for argument in arguments))
        self.overhead += time.perf_counter() - end


class Traced:
    """A namespace of kernels that notes every call."""

    def __init__(self, kernels: Any, trace: Trace) -> None:
        self._kernels, self._trace = kernels, trace

    def __getattr__(self, name: str) -> Callable[..., Any]:
        kernel = getattr(self._kernels, name)

        def call(*arguments: Any) -> Any:
            begin = time.perf_counter()
            result = kernel(*arguments)
            self._trace.note(name, arguments, begin, time.perf_counter())
            return result

        return call


def size(argument: Any) -> int:
    """Bytes of a tensor, of a packed weight, or of what a list or tuple holds."""
    if isinstance(argument, Tensor):
        return argument.numel() * argument.element_size()
    if isinstance(argument, list | tuple):
        return sum(size(part) for part in argument)
    return int(getattr(argument, "nbytes", 0))


def title(name: str, arguments: tuple[Any, ...]) -> str:
    """The kernel, and the widths of a product: they tell the projections apart."""
    if "linear" not in name:
        return name
    first, last = arguments[0], arguments[-1]
    return f"{name} {first.shape[-1]} → {last.shape[-1]}"


def flops(name: str, arguments: tuple[Any, ...]) -> float:
    """Of the products; other kernels are bound by memory and count as zero."""
    if name in ("linear_forward", "linear_backward_input"):
        return 2.0 * arguments[0].shape[0] * arguments[0].shape[1] * arguments[2].shape[1]
    if name in ("lora_linear_forward", "lora_linear_backward"):
        x, y = (arguments[0], arguments[4]) if name == "lora_linear_forward" else (arguments[1], arguments[0])
        adapters = arguments[2] if name == "lora_linear_forward" else arguments[4]
        tokens, low_rank = x.shape[0], sum(part.numel() for entry in adapters for part in entry if isinstance(part, Tensor))
        frozen = 0 if name == "lora_linear_backward" and arguments[-1].shape[0] == 0 else x.shape[1] * y.shape[1]
        return 2.0 * tokens * (frozen + low_rank * (1 if name == "lora_linear_forward" else 2))
    if name.startswith("attention"):
        qkv = arguments[0] if name == "attention_forward" else arguments[1]
        heads = next(argument for argument in arguments if isinstance(argument, int))
        scores = qkv.shape[0] * SEQ_LEN / 2 * heads * qkv.shape[2]
        return 2.0 * scores * (2 if name == "attention_forward" else 5)
    return 0.0


def copy_bandwidth() -> float:
    """Bytes a second of a copy between arrays of 256 MB, read and written, all threads of torch."""
    source, target = torch.ones(64 << 20), torch.empty(64 << 20)
    seconds = []
    for _ in range(5):
        begin = time.perf_counter()
        target.copy_(source)
        seconds.append(time.perf_counter() - begin)
    return 2 * source.numel() * 4 / min(seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", metavar="FILE", help="where the figures are written")
    parser.add_argument("--markdown", metavar="FILE", help="a page whose text below its mark the table replaces")
    arguments = parser.parse_args()
    peak = backend.peak_gflops(backend.chosen_isa(torch.bfloat16), torch.bfloat16, 0.5) * 1e9
    bandwidth = copy_bandwidth()
    with TemporaryDirectory() as scratch:
        folder = model_folder(Path(scratch))
        rows, step_seconds = fastest_step(folder)
        layers = ModelConfig.from_folder(folder).num_hidden_layers
    lines = [
        f"{machine()['processor']}, {backend.native().thread_count()} threads, {backend.chosen_isa(torch.bfloat16)}: "
        f"{peak / 1e9:.0f} GFLOP/s, {bandwidth / 1e9:.1f} GB/s. {layers} layers, {BATCH} × {SEQ_LEN} tokens, rank {RANK}; "
        f"a step of {step_seconds:.2f} s.",
        "",
        "| kernel | calls | GFLOP | MB | ms at the peaks | ms taken | share |",
        "|---|---|---|---|---|---|---|",
    ]
    ideal_seconds = 0.0
    for name, row in sorted(rows.items(), key=lambda item: -item[1].seconds):
        ideal = max(row.flops / peak, row.bytes / bandwidth)
        ideal_seconds += ideal
        cells = (row.calls, f"{row.flops / 1e9:.1f}", f"{row.bytes / 1e6:.0f}", f"{ideal * 1e3:.1f}", f"{row.seconds * 1e3:.1f}")
        lines.append(f"| {name} | {' | '.join(map(str, cells))} | {ideal / row.seconds:.0%} |")
    native_seconds = sum(row.seconds for row in rows.values())
    lines.append(f"| outside of kernels | | | | | {(step_seconds - native_seconds) * 1e3:.1f} | |")
    print("\n".join(lines))
    if arguments.markdown:
        write_below_mark(Path(arguments.markdown), lines)
    figures = {
        "step_seconds": step_seconds,
        "kernel_seconds": native_seconds,
        "outside_of_kernels_seconds": step_seconds - native_seconds,
        "seconds_at_the_peaks": ideal_seconds,
        "copy_gb_s": bandwidth / 1e9,
    }
    write_report(arguments.json, figures)


def write_below_mark(path: Path, lines: list[str]) -> None:
    """Replaces all that stands below the mark in a page, or makes a page of nothing else."""
    above = path.read_text(encoding="utf-8").partition(MARK)[0] if path.exists() else ""
    path.write_text("\n".join([above + MARK, "", *lines, ""]), encoding="utf-8")


def fastest_step(folder: Path) -> tuple[dict[str, Row], float]:
    """The kernels of the fastest of some steps, and its seconds."""
    trace, plain = Trace(), backend.kernels
    backend.kernels = lambda x: Traced(plain(x), trace)
    try:
        step = ayar_step(folder, torch.randint(0, 40000, (BATCH, SEQ_LEN), generator=torch.Generator().manual_seed(0)))
        step()
        best: tuple[dict[str, Row], float] = ({}, float("inf"))
        for _ in range(STEPS):
            trace = Trace()
            begin = time.perf_counter()
            step()
            seconds = time.perf_counter() - begin - trace.overhead
            if seconds < best[1]:
                best = trace.rows, seconds
        return best
    finally:
        backend.kernels = plain


if __name__ == "__main__":
    main()
