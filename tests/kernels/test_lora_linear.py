"""The Triton kernel of the LoRA linear: right in the interpreter, and fit for each chip when compiled ahead of time."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

pytest.importorskip("triton", reason="Triton is not installed: pip install 'ayar[gpu]'")

from ayar.kernels import lora_linear  # pyright: ignore[reportMissingImports]: installed from kernels/
from ayar.kernels.ahead_of_time import SHARED_LIMIT, Compiled, compile_for  # pyright: ignore[reportMissingImports]

CHIPS = [80, 90, 100, 120]


def test_interpreter_equals_float64_reference() -> None:
    # A process of its own: Triton decides when it decorates a kernel whether it is interpreted.
    script = Path(__file__).with_name("interpret_lora_linear.py")
    run = subprocess.run([sys.executable, script], env={**os.environ, "TRITON_INTERPRET": "1"}, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "shapes agree" in run.stdout


GEMM_TYPES = {
    **dict.fromkeys(("x_ptr", "weight_ptr", "u_ptr", "y_ptr"), "*bf16"),
    **dict.fromkeys(("rows", "N", "K", "stride_x", "stride_u", "stride_y"), "i32"),
    "lora_b_ptr": "*fp32",
    "scaling": "fp32",
}


@pytest.mark.parametrize("capability", CHIPS)
@pytest.mark.parametrize("undivided", [frozenset(), frozenset({"rows"})], ids=["rows % 16 == 0", "any rows"])
@pytest.mark.parametrize("rank", [16, 64])
def test_bordered_gemm_fits_the_chip(capability: int, undivided: frozenset[str], rank: int) -> None:
    for rows in (64, 2048):
        tiles = lora_linear.tiles(rows, 2, SHARED_LIMIT[capability])
        constants = {"RANK": rank, "BLOCK_M": tiles.block_m, "BLOCK_N": tiles.block_n, "BLOCK_K": tiles.block_k, "GROUP_M": 8}
        options = {"num_warps": tiles.num_warps, "num_stages": tiles.num_stages}
        compiled = compile_for(lora_linear.bordered_gemm, GEMM_TYPES, constants, capability, undivided, **options)
        assert compiled.faults(capability, uses_tensor_cores=True) == []


@pytest.mark.parametrize("capability", CHIPS)
def test_down_projection_fits_the_chip(capability: int) -> None:
    types = {"x_ptr": "*bf16", "lora_a_ptr": "*fp32", "u_ptr": "*bf16", "rows": "i32", "K": "i32", "stride_x": "i32", "stride_u": "i32"}
    constants = {"RANK": 16, "BLOCK_M": 64, "BLOCK_K": 64}
    compiled = compile_for(lora_linear.down_projection, types, constants, capability, num_warps=4, num_stages=3)
    assert compiled.faults(capability, uses_tensor_cores=True) == []


def test_faults_are_seen() -> None:
    assert len(Compiled(255, 48, 200 * 1024, "").faults(120, uses_tensor_cores=True)) == 3


def test_small_tiles_where_shared_memory_is_short() -> None:
    assert lora_linear.tiles(4096, 2, SHARED_LIMIT[120]) != lora_linear.tiles(4096, 4, SHARED_LIMIT[120])
    for limit in SHARED_LIMIT.values():
        assert lora_linear.tiles(4096, 2, limit).shared_bytes(2) <= limit


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("rows", [1, 63, 2048])
def test_device_equals_float64_reference(dtype: torch.dtype, rows: int) -> None:
    torch.manual_seed(rows)
    x, weight = torch.randn(rows, 576, device="cuda", dtype=dtype), torch.randn(960, 576, device="cuda", dtype=dtype)
    lora_A, lora_B = torch.randn(16, 576, device="cuda"), torch.randn(960, 16, device="cuda")
    u, y = x.new_empty(rows, 16), x.new_empty(rows, 960)
    lora_linear.lora_linear_forward(x, weight, lora_A, lora_B, 2.0, u, y)
    want = x.double() @ weight.double().T + 2.0 * (x.double() @ lora_A.double().T) @ lora_B.double().T
    assert (y.double() - want).norm() <= (1e-5 if dtype == torch.float32 else 1e-2) * want.norm()
