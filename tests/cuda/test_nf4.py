"""NF4: the CUDA kernels run on the CPU by the emulation, equal to the reference bit for bit; and compiled for each chip by nvcc."""

import ctypes
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import torch
from torch import Tensor

from ayar.errors import ShapeError
from ayar.ops.nf4 import CODEBOOK, Nf4, nf4_dequantize, nf4_dequantize_reference, nf4_quantize, nf4_quantize_reference

ROOT = Path(__file__).parents[2]
CHIPS = ["80", "90a", "100", "120"]


@pytest.fixture(scope="module")
def emulated(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    compiler = shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        pytest.skip("no C++ compiler here: the CUDA kernels cannot be run by the emulation")
    library = tmp_path_factory.mktemp("emulated") / "nf4.so"
    source = ROOT / "tests/cuda/emulated_nf4.cpp"
    command = [compiler, "-std=c++20", "-O1", "-Wall", "-Wextra", "-Wno-unknown-pragmas", "-fPIC", "-shared", "-I", ROOT / "csrc", source]
    subprocess.run([*command, "-o", library], check=True)
    return ctypes.CDLL(str(library))


def pointer(x: Tensor) -> ctypes.c_void_p:
    return ctypes.c_void_p(x.data_ptr())


def values(blocks: int, seed: int) -> Tensor:
    torch.manual_seed(seed)
    x = torch.randn(blocks, 64) * torch.rand(blocks, 1) * 3
    x[::5] = 0  # a block of zeros has no scale
    return x


@pytest.mark.parametrize("blocks", [1, 3, 8, 9, 70])
def test_emulated_quantize_equals_reference(emulated: ctypes.CDLL, blocks: int) -> None:
    x = values(blocks, blocks)
    want = nf4_quantize_reference(x)
    for seed in (0, 1):
        code, absmax = torch.full((x.numel() // 2,), 0xAA, dtype=torch.uint8), torch.full((blocks,), torch.nan)
        assert emulated.quantize(pointer(x), pointer(code), pointer(absmax), ctypes.c_int64(x.numel()), ctypes.c_uint64(seed)) == 0
        assert torch.equal(code, want.code)
        assert torch.equal(absmax, want.absmax)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("blocks", [1, 31, 33])
def test_emulated_dequantize_equals_reference(emulated: ctypes.CDLL, blocks: int, dtype: torch.dtype) -> None:
    weight = nf4_quantize_reference(values(blocks, blocks))
    got = torch.full(weight.shape, torch.nan, dtype=dtype)
    run = emulated.dequantize_float32 if dtype == torch.float32 else emulated.dequantize_bfloat16
    for seed in (0, 1):
        assert run(pointer(weight.code), pointer(weight.absmax), pointer(got), ctypes.c_int64(got.numel()), ctypes.c_uint64(seed)) == 0
        assert torch.equal(got, nf4_dequantize_reference(weight, dtype))


def test_emulation_finds_misuse(emulated: ctypes.CDLL) -> None:
    out = torch.zeros(32)
    assert emulated.divergent_barrier(ctypes.c_uint64(0)) == 1
    assert emulated.divergent_shuffle(pointer(out), ctypes.c_uint64(0)) == 1


def test_emulation_finds_a_missing_barrier(emulated: ctypes.CDLL) -> None:
    def sums(with_barrier: bool) -> list[float]:
        found = []
        for seed in range(4):
            out = torch.zeros(1)
            assert emulated.shared_sum(pointer(out), ctypes.c_bool(with_barrier), ctypes.c_uint64(seed)) == 0
            found.append(out.item())
        return found

    assert sums(with_barrier=True) == [sum(range(64))] * 4
    assert sums(with_barrier=False) != [sum(range(64))] * 4


def test_reference_layout_and_error() -> None:
    x = torch.zeros(64)
    x[0], x[1], x[2] = -2.0, 2.0, 1.0
    weight = nf4_quantize_reference(x)
    assert weight.absmax.tolist() == [2.0]
    assert weight.code[:2].tolist() == [0x0F, 0xC7]  # −1 and 1; 0.5 is nearest to 0.4407 (code 12); 0 is code 7
    rebuilt = nf4_dequantize(nf4_quantize(torch.tensor(CODEBOOK * 4)), torch.float32)
    assert torch.equal(rebuilt, torch.tensor(CODEBOOK * 4))
    noise = torch.randn(1 << 16, generator=torch.Generator().manual_seed(0))
    error = nf4_dequantize(nf4_quantize(noise), torch.float32) - noise
    assert 0.08 < error.square().mean().sqrt() < 0.10  # a normal variable loses 0.092 of its standard deviation


def test_wrong_size_is_refused() -> None:
    with pytest.raises(ShapeError, match="multiple of the block size"):
        nf4_quantize(torch.zeros(65))
    with pytest.raises(ShapeError, match="float16"):
        nf4_dequantize(nf4_quantize(torch.zeros(64)), torch.float16)


@pytest.mark.parametrize("chip", CHIPS)
def test_compiled_kernels_fit_the_chip(chip: str, tmp_path: Path) -> None:
    if shutil.which("nvcc") is None:
        pytest.skip("nvcc is not installed: the CUDA kernels cannot be compiled here")
    generate = f"-gencode=arch=compute_{chip},code=sm_{chip}"
    command = ["nvcc", "-std=c++20", "-O3", "-I", ROOT / "csrc", "-c", ROOT / "csrc/cuda/nf4.cu", "-o", tmp_path / "nf4.o", generate]
    usage = subprocess.run([*command, "-Xptxas", "-v"], capture_output=True, text=True, check=True).stderr
    stacks = [tuple(map(int, numbers)) for numbers in re.findall(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+)", usage)]
    registers = [int(number) for number in re.findall(r"Used (\d+) registers", usage)]
    assert stacks == [(0, 0, 0)] * 3
    assert len(registers) == 3
    assert max(registers) <= 32  # 2,048 threads a multiprocessor: all that it can hold


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_device_equals_reference(dtype: torch.dtype) -> None:
    x = values(1000, 0)
    want = nf4_quantize_reference(x)
    got = nf4_quantize(x.cuda())
    assert torch.equal(got.code.cpu(), want.code)
    assert torch.equal(got.absmax.cpu(), want.absmax)
    on_device = Nf4(want.code.cuda(), want.absmax.cuda(), want.shape)
    assert torch.equal(nf4_dequantize(on_device, dtype).cpu(), nf4_dequantize_reference(want, dtype))
