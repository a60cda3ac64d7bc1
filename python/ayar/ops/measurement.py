"""Which instruction set multiplies fastest here. Feature flags cannot tell: `vdpbf16ps` is twice as fast as fp32 on one
processor and half as fast on another, so each set that runs here is timed once on the real GEMM, and the outcome kept in a file."""

import json
import os
import tempfile
import time
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import torch

from ayar.locations import cache_folder

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
_ROWS, _SIZE = 192, 512
_ROUNDS = 6
_MARGIN = 1.15  # a narrower set must win by this: noise alone must not change the choice, and with it the last bits of a run


@dataclass(frozen=True)
class Measurement:
    """GFLOP/s of the GEMM by dtype and instruction set, one thread; ``origin`` says where the figures are from."""

    gflops: dict[str, dict[str, float]]
    origin: str

    def fastest(self, dtype: torch.dtype) -> str:
        """The instruction set to use for ``dtype``; other dtypes go with float32. The widest, unless another is clearly faster."""
        figures = self.gflops["bfloat16" if dtype == torch.bfloat16 else "float32"]
        chosen = list(figures)[-1]
        for isa in reversed(figures):
            if figures[isa] > _MARGIN * figures[chosen]:
                chosen = isa
        return chosen


def load_or_measure(native: Any) -> Measurement:
    """The figures of the cache folder where they are this machine's and whole; else measures and writes them."""
    path = cache_folder() / "kernels.json"
    key = {"processor": native.cpu_model(), "flags": native.cpu_flags(), "isas": list(native.cpu.SUPPORTED), "ayar": version("ayar")}
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        gflops = {dtype: {isa: float(stored["gflops"][dtype][isa]) for isa in key["isas"]} for dtype in DTYPES}
        if stored["key"] == key and all(rate > 0 for figures in gflops.values() for rate in figures.values()):
            return Measurement(gflops, f"kept in {path}")
    except (OSError, ValueError, KeyError, TypeError):
        pass  # absent or damaged: measured again below, and replaced
    gflops = {name: _measure(native, dtype) for name, dtype in DTYPES.items()}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False, encoding="utf-8") as file:
            json.dump({"key": key, "gflops": gflops}, file)
        os.replace(file.name, path)
    except OSError as error:
        return Measurement(gflops, f"measured now; could not be kept: {error}")
    return Measurement(gflops, f"measured now, kept in {path}")


def _measure(native: Any, dtype: torch.dtype) -> dict[str, float]:
    x, weight = torch.ones(_ROWS, _SIZE, dtype=dtype), torch.ones(_SIZE, _SIZE, dtype=dtype)
    packed = native.cpu.PackedWeight([weight], None, dtype == torch.bfloat16)
    y = torch.empty(_ROWS, _SIZE, dtype=dtype)
    seconds = dict.fromkeys(native.cpu.SUPPORTED, float("inf"))
    threads = native.thread_count()
    native.set_thread_count(1)  # a busy core elsewhere must not decide
    try:
        for _ in range(_ROUNDS):  # in turn, so that a passing disturbance meets them all
            for isa in seconds:
                begin = time.perf_counter()
                getattr(native.cpu, isa).linear_forward(x, packed, y)
                seconds[isa] = min(seconds[isa], time.perf_counter() - begin)
    finally:
        native.set_thread_count(threads)
    return {isa: round(2 * _ROWS * _SIZE * _SIZE / best / 1e9, 1) for isa, best in seconds.items()}
