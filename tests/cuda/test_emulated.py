"""Every CUDA kernel run on the CPU by the emulation, against its reference; again under sanitizers; and proof that both find mistakes."""

import ctypes
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cuda.batch_cases import clean_cases, pack_cases
from tests.cuda.cases import Case, run, save
from tests.cuda.optimizer_cases import adamw_8bit_cases, adamw_cases, norm_cases
from tests.cuda.quantization_cases import int8_cases, nf4_cases

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "tests/cuda/emulated").glob("*.cpp"))
SANITIZE = ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined", "-g"]


def build(library: Path, sources: list[Path], options: list[str], csrc: Path = ROOT / "csrc") -> None:
    compiler = shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        pytest.skip("no C++ compiler here: the CUDA kernels cannot be run by the emulation")
    warnings = ["-Wall", "-Wextra", "-Wno-unknown-pragmas"]
    includes = ["-I", csrc, "-I", ROOT / "csrc", "-I", ROOT / "tests/cuda/emulated"]
    command = [
        compiler,
        "-std=c++20",
        "-O1",
        *warnings,
        *options,
        "-fPIC",
        "-shared",
        *includes,
        *sources,
        ROOT / "csrc/text/code_points.cpp",
    ]
    subprocess.run([*command, "-o", library], check=True)


@pytest.fixture(scope="module")
def emulated(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    library = tmp_path_factory.mktemp("emulated") / "kernels.so"
    build(library, SOURCES, [])
    return ctypes.CDLL(str(library))


def all_cases(library: ctypes.CDLL) -> list[Case]:
    makers = (nf4_cases, int8_cases, adamw_cases, adamw_8bit_cases, norm_cases, pack_cases)
    return [case for make in makers for case in make()] + clean_cases(library)


def test_every_kernel_equals_its_reference(emulated: ctypes.CDLL, record_property: Callable[[str, object], None]) -> None:
    for case in all_cases(emulated):
        for seed in (0, 1):
            assert run(emulated, case, seed) == ""
    emulated.launched_kernels.restype = ctypes.c_char_p
    for kernel in emulated.launched_kernels().decode().split():
        record_property("ran", kernel)


def sanitized_run(tmp_path: Path, sources: list[Path], cases: list[Case], csrc: Path = ROOT / "csrc") -> subprocess.CompletedProcess[str]:
    """Builds with sanitizers and runs the cases in a process that has loaded them first."""
    runtime = subprocess.run(["g++", "-print-file-name=libasan.so"], capture_output=True, text=True).stdout.strip()
    if not os.path.isabs(runtime):
        pytest.skip("libasan is not installed: the CUDA kernels cannot be run under sanitizers")
    build(tmp_path / "sanitized.so", sources, SANITIZE, csrc)
    save(cases, tmp_path)
    environment = {**os.environ, "LD_PRELOAD": runtime, "ASAN_OPTIONS": "detect_leaks=0:detect_stack_use_after_return=0"}
    command = [sys.executable, ROOT / "tests/cuda/sanitized.py", tmp_path / "sanitized.so", tmp_path]
    return subprocess.run(command, capture_output=True, text=True, env=environment)


@pytest.mark.slow
def test_every_kernel_is_clean_under_sanitizers(emulated: ctypes.CDLL, tmp_path: Path) -> None:
    done = sanitized_run(tmp_path, SOURCES, all_cases(emulated))
    assert done.returncode == 0, done.stderr[-3000:]


def mutated(tmp_path: Path, file: str, line: str, replacement: str = "") -> Path:
    """A copy of the sources with one line of one kernel changed."""
    folder = tmp_path / "mutant"
    shutil.copytree(ROOT / "csrc/cuda", folder / "cuda")
    source = folder / "cuda" / file
    text = source.read_text()
    assert line in text
    source.write_text(text.replace(line, replacement, 1))
    return folder


def emulated_sources(*names: str) -> list[Path]:
    return [ROOT / "tests/cuda/emulated" / f"{name}.cpp" for name in names]


@pytest.mark.slow
def test_a_missing_bounds_check_is_caught(tmp_path: Path) -> None:
    folder = mutated(tmp_path, "nf4.cu", "  if (first >= count) return;\n")
    done = sanitized_run(tmp_path, emulated_sources("nf4"), nf4_cases(), folder)
    assert done.returncode != 0
    assert "AddressSanitizer" in done.stderr


def test_a_missing_barrier_is_caught(tmp_path: Path) -> None:
    folder = mutated(tmp_path, "block_sum.cuh", "  __syncthreads();\n")
    build(tmp_path / "mutant.so", emulated_sources("adamw"), [], folder)
    library = ctypes.CDLL(str(tmp_path / "mutant.so"))
    assert any(run(library, case, seed) for case in norm_cases() for seed in (0, 1))


def test_emulation_finds_misuse(emulated: ctypes.CDLL) -> None:
    out = (ctypes.c_float * 32)()
    assert emulated.divergent_barrier(ctypes.c_uint64(0)) == 1
    assert emulated.divergent_shuffle(out, ctypes.c_uint64(0)) == 1


def test_emulation_finds_a_missing_barrier(emulated: ctypes.CDLL) -> None:
    def sums(with_barrier: bool) -> list[float]:
        found = []
        for seed in range(4):
            out = ctypes.c_float(0)
            assert emulated.shared_sum(ctypes.byref(out), ctypes.c_bool(with_barrier), ctypes.c_uint64(seed)) == 0
            found.append(out.value)
        return found

    assert sums(with_barrier=True) == [sum(range(64))] * 4
    assert sums(with_barrier=False) != [sum(range(64))] * 4
