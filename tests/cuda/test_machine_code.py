"""Every CUDA kernel compiled by nvcc for each chip: no stack, no spills, few registers."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "csrc/cuda").glob("*.cu"))
CHIPS = {"80": 80, "89": 89, "90a": 90, "100": 100, "120": 120}


@pytest.mark.slow
@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_kernels_fit_every_chip(source: Path, tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    if shutil.which("nvcc") is None:
        pytest.skip("nvcc is not installed: the CUDA kernels cannot be compiled here")
    generate = [f"-gencode=arch=compute_{chip},code=sm_{chip}" for chip in CHIPS]
    command = ["nvcc", "-std=c++17", "-O3", "-I", ROOT / "csrc", "-c", source, "-o", tmp_path / "kernels.o", *generate, "-Xptxas", "-v"]
    usage = subprocess.run(command, capture_output=True, text=True)
    assert usage.returncode == 0, usage.stderr
    names = set(re.findall(r"__global__ void (\w+)\(", source.read_text(encoding="utf-8")))
    assert names
    taken: dict[tuple[str, int], tuple[int, int]] = {}
    entry = re.compile(r"entry function '(\w+)' for 'sm_(\w+)'(.*?)Used (\d+) registers([^\n]*)", re.DOTALL)
    for symbol, chip, stack, registers, rest in entry.findall(usage.stderr):
        assert re.search(r"\b0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads", stack), symbol
        name = next(name for name in names if f"{len(name)}{name}" in symbol)
        shared = re.search(r"(\d+) bytes smem", rest)
        key = name, CHIPS[chip]
        before = taken.get(key, (0, 0))
        taken[key] = max(before[0], int(registers)), max(before[1], int(shared[1]) if shared else 0)
    assert set(taken) == {(name, chip) for name in names for chip in CHIPS.values()}
    assert max(registers for registers, _ in taken.values()) <= 64  # 1,024 threads a multiprocessor and more
    for (name, chip), (registers, shared) in taken.items():
        record_property("compiled", json.dumps([name, chip, registers, shared]))
