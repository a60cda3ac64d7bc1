# pyright: reportMissingImports=false
"""The LoRA linear: one product forward and backward, W plain, NF4 or int8, with and without dropout; gradients of the factors."""

from collections.abc import Callable

import torch
from interpreter import apart, assert_close, run_checks, verifies
from torch import Tensor

from ayar.kernels import lora_backward, lora_linear
from ayar.kernels.lora_linear import INT8, NF4, PLAIN, Stored
from ayar.kernels.philox import Masks
from ayar.ops.dropout import Dropout, dropout_mask
from ayar.ops.nf4 import CODEBOOK, nf4_dequantize_reference, nf4_quantize_reference

SHAPES = [(1, 64, 64, 4), (0, 8, 64, 4), (33, 70, 128, 16), (300, 130, 192, 24)]  # rows, N, K, rank


SEED = (1 << 40) + 5


def masks_of(probability: float) -> tuple[Masks, Callable[[int, int, int], Tensor]]:
    """What the kernels take, and what it stands for by the reference: (stream, rows, cols) -> mask / (1 − p)."""
    dropout = Dropout(probability, SEED, draw=3, stream=0)

    def scaled(stream: int, rows: int, cols: int) -> Tensor:
        return dropout_mask(dropout._replace(stream=stream), rows, cols).double() * dropout.kept_scale

    return Masks(dropout.threshold, SEED, torch.tensor([3], dtype=torch.int32)), scaled


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
                masks, scaled = masks_of(dropout)
                streams = torch.tensor([7, 19][:projections], dtype=torch.int32)
                lora_linear.launch_bordered_gemm_backward(dy, weight, v, lora_A, dx, projections, masks if dropout else None, streams)
                want = dy.double() @ plain
                for i in range(projections):
                    factors = slice(i * rank, (i + 1) * rank)
                    term = v[:, factors].double() @ lora_A[factors].double()
                    want += term * scaled([7, 19][i], rows, k) if dropout else term
                assert_close(dx, want, dtype, f"dx, storage {storage}, dropout {dropout}", beside=dy)
                written.append(dx)
    return written


@verifies("down_projection", "input_gradient")
def dropout(dtype: torch.dtype) -> list[Tensor]:
    written = []
    masks, scaled = masks_of(0.3)
    for cols in (100, 256):
        x, lora_A, v = apart(70, cols, dtype), torch.randn(8, cols), apart(70, 8, dtype)
        mask = scaled(11, 70, cols)
        assert 0.25 < (mask == 0).double().mean() < 0.35
        u, da = torch.empty(70, 16, dtype=dtype), torch.full((8, cols), torch.nan)
        lora_linear.launch_down_projection(x, lora_A, u, masks, stream=11)
        assert_close(u[:, :8], (x.double() * mask) @ lora_A.to(dtype).double().T, dtype, "u", beside=x)
        lora_backward.launch_input_gradient(v, x, None, None, da, masks, stream=11)
        assert_close(da, v.double().T @ (x.double() * mask), dtype, "dA", beside=v)
        written += [u, da]
    return written


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
