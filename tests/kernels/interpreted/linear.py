# pyright: reportMissingImports=false
"""The LoRA linear: one product forward and backward, W plain, NF4 or int8, with and without dropout; gradients of the factors."""

import numpy as np
import torch
from interpreter import apart, assert_close, run_checks, verifies
from torch import Tensor

from ayar.kernels import lora_backward, lora_linear
from ayar.kernels.lora_linear import INT8, NF4, PLAIN, Stored
from ayar.ops.nf4 import CODEBOOK, nf4_dequantize_reference, nf4_quantize_reference

SHAPES = [(1, 64, 64, 4), (0, 8, 64, 4), (33, 70, 128, 16), (300, 130, 192, 24)]  # rows, N, K, rank


def philox_mask(seed: int, rows: int, cols: int, dropout: float) -> Tensor:
    """Philox 4x32-10 in numpy, as its paper has it; one counter an element, the first word of four."""
    element = np.arange(rows * cols, dtype=np.uint64)
    counter = [element & 0xFFFFFFFF, element >> np.uint64(32), np.zeros_like(element), np.zeros_like(element)]
    key = [seed & 0xFFFFFFFF, seed >> 32]
    for _ in range(10):
        low, high = counter[0] * np.uint64(0xD2511F53), counter[2] * np.uint64(0xCD9E8D57)
        counter = [
            (high >> np.uint64(32)) ^ counter[1] ^ np.uint64(key[0]),
            high & np.uint64(0xFFFFFFFF),
            (low >> np.uint64(32)) ^ counter[3] ^ np.uint64(key[1]),
            low & np.uint64(0xFFFFFFFF),
        ]
        key = [(key[0] + 0x9E3779B9) & 0xFFFFFFFF, (key[1] + 0xBB67AE85) & 0xFFFFFFFF]
    kept = (counter[0] >> np.uint64(8)).astype(np.float64) * 2.0**-24 < np.float32(1 - dropout)
    return torch.from_numpy(kept / (1 - dropout)).reshape(rows, cols)


def stored(n: int, k: int, storage: int, dtype: torch.dtype) -> tuple[Stored, Tensor]:
    """A random weight and what it stands for, float64."""
    weight = torch.randn(n, k) / k**0.5
    if storage == NF4:
        packed = nf4_quantize_reference(weight)
        return Stored(NF4, packed.code, packed.absmax, torch.tensor(CODEBOOK), (n, k)), nf4_dequantize_reference(
            packed, torch.float32
        ).double()
    if storage == INT8:
        scale = weight.abs().amax(1) / 127
        data = (weight / scale[:, None]).round().to(torch.int8)
        return Stored(INT8, data, scale, None, (n, k)), data.double() * scale.double()[:, None]
    padded = apart(n, k, dtype)
    padded.copy_(weight)
    return Stored(PLAIN, padded, None, None, (n, k)), padded.double()


@verifies("down_projection", "bordered_gemm")
def forward(dtype: torch.dtype) -> list[Tensor]:
    written = []
    for storage in (PLAIN, NF4, INT8):
        for rows, n, k, rank in SHAPES if storage == PLAIN else SHAPES[:3]:
            weight, plain = stored(n, k, storage, dtype)
            x, lora_A, lora_B, scaling = apart(rows, k, dtype), torch.randn(rank, k), torch.randn(n, rank), 0.7
            u = torch.full((rows, max(16, 32 if rank > 16 else 16)), torch.nan, dtype=dtype)
            y = torch.full((rows, n), torch.nan, dtype=dtype)
            lora_linear.launch_down_projection(x, lora_A, u)
            lora_linear.launch_bordered_gemm(x, weight, u, lora_B, scaling, y)
            assert_close(u[:, :rank], x.double() @ lora_A.to(dtype).double().T, dtype, "u", beside=x)
            factor = (lora_B.to(dtype).float() * scaling).to(dtype) if dtype == torch.float16 else lora_B * scaling
            assert_close(y, x.double() @ plain.T + u[:, :rank].double() @ factor.double().T, dtype, f"y, storage {storage}", beside=x)
            lora_linear.launch_bordered_gemm(x, weight, None, None, 1.0, y)
            assert_close(y, x.double() @ plain.T, dtype, f"frozen y, storage {storage}", beside=x)
            written += [u, y]
    return written


@verifies("bordered_gemm_backward")
def backward(dtype: torch.dtype) -> list[Tensor]:
    written = []
    for storage in (PLAIN, NF4, INT8):
        for rows, n, k, rank in SHAPES if storage == PLAIN else SHAPES[:3]:
            weight, plain = stored(n, k, storage, dtype)
            for projections, dropout in ((1, 0.0), (2, 0.25)):
                dy, v, lora_A = apart(rows, n, dtype), apart(rows, projections * rank, dtype), torch.randn(projections * rank, k).to(dtype)
                dx = torch.full((rows, k), torch.nan, dtype=dtype)
                lora_linear.launch_bordered_gemm_backward(dy, weight, v, lora_A, dx, projections, seed=5, dropout=dropout)
                want = dy.double() @ plain
                for i in range(projections):
                    factors = slice(i * rank, (i + 1) * rank)
                    term = v[:, factors].double() @ lora_A[factors].double()
                    want += term * philox_mask(5 + i, rows, k, dropout) if dropout else term
                assert_close(dx, want, dtype, f"dx, storage {storage}, dropout {dropout}", beside=dy)
                written.append(dx)
    return written


@verifies("down_projection", "input_gradient")
def dropout(dtype: torch.dtype) -> list[Tensor]:
    x, lora_A, v = apart(70, 100, dtype), torch.randn(8, 100), apart(70, 8, dtype)
    mask = philox_mask(11, 70, 100, 0.3)
    assert 0.25 < (mask == 0).double().mean() < 0.35
    u, da = torch.empty(70, 16, dtype=dtype), torch.full((8, 100), torch.nan)
    lora_linear.launch_down_projection(x, lora_A, u, seed=11, dropout=0.3)
    assert_close(u[:, :8], (x.double() * mask) @ lora_A.to(dtype).double().T, dtype, "u", beside=x)
    lora_backward.launch_input_gradient(v, x, None, None, da, seed=11, dropout=0.3)
    assert_close(da, v.double().T @ (x.double() * mask), dtype, "dA", beside=v)
    return [u, da]


@verifies("output_gradient", "input_gradient", "sum_partials")
def factors(dtype: torch.dtype) -> list[Tensor]:
    written = []
    for rows, n, k, rank in [*SHAPES, (513, 600, 40, 16)]:
        dy, u, lora_B, scaling = apart(rows, n, dtype), apart(rows, rank, dtype), torch.randn(n, rank), 1.7
        border = torch.full((rows, 64), torch.nan, dtype=dtype)
        v, db = border[:, :rank], torch.full((n, rank), torch.nan)
        lora_backward.launch_output_gradient(dy, u, lora_B, scaling, v, db)
        assert_close(v, scaling * dy.double() @ lora_B.to(dtype).double(), dtype, "v", beside=dy)
        assert_close(db, scaling * dy.double().T @ u.double(), dtype, "dB", beside=dy)
        x, row_scale, column_scale, da = apart(rows, k, dtype), torch.rand(rows) + 0.5, torch.randn(k), torch.full((rank, k), torch.nan)
        lora_backward.launch_input_gradient(v, x, row_scale, column_scale, da)
        want = (v.double() * row_scale[:, None]).T @ (x.double() * column_scale)
        assert_close(da, want, dtype, "dA", beside=v)
        written += [v.clone(), db, da]
    return written


run_checks()
