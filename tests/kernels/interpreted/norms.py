# pyright: reportMissingImports=false
"""RMSNorm with residual and projection, its gradients."""

import torch
from interpreter import apart, assert_close, run_checks, verifies
from torch import Tensor

from ayar.kernels import rms_norm

EPS = 1e-5


def normed(x: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    rstd = 1 / (x.square().mean(-1) + EPS).sqrt()
    return x * rstd[:, None] * weight, rstd


@verifies("norm_project")
def forward(dtype: torch.dtype) -> list[Tensor]:
    written = []
    for rows, cols, rank, has_delta in ((1, 1, 0, False), (17, 300, 5, True), (16, 256, 16, False), (5, 515, 33, True), (0, 8, 4, True)):
        x, delta = apart(rows, cols, dtype), apart(rows, cols, dtype) if has_delta else None
        weight = torch.randn(cols)
        lora_A = torch.randn(rank, cols) if rank else None
        buffer = torch.full((rows, cols + 64), torch.nan, dtype=dtype)
        y, u = buffer[:, :cols], buffer[:, cols:]
        rstd, total = torch.full((rows,), torch.nan), torch.full((rows, cols), torch.nan, dtype=dtype)
        rms_norm.launch_norm_project(x, delta, weight, EPS, lora_A, y, u if rank else None, rstd, total if has_delta else None)
        stream = (x + delta if delta is not None else x).double()
        want_y, want_rstd = normed(stream, weight.double())
        assert_close(y, want_y, dtype, "y")
        assert_close(rstd, want_rstd, dtype, "rstd")
        if has_delta:
            assert_close(total, stream, dtype, "total")
        if lora_A is not None:
            assert_close(u[:, :rank], y.double() @ lora_A.to(dtype).double().T, dtype, "u", beside=y)
            assert not u[:, rank : max(16, 1 << (rank - 1).bit_length())].any(), "the columns up to the padded rank are zero"
        written += [y, rstd]
    return written


@verifies("norm_project")
def plain_copy(dtype: torch.dtype) -> list[Tensor]:
    x, lora_A = apart(19, 130, dtype), torch.randn(4, 130)
    y, u = torch.empty(19, 130, dtype=dtype), torch.empty(19, 16, dtype=dtype)
    rms_norm.launch_norm_project(x, None, None, EPS, lora_A, y, u, None, None)
    assert torch.equal(y, x)
    assert_close(u[:, :4], x.double() @ lora_A.to(dtype).double().T, dtype, "u", beside=x)
    return [y, u]


@verifies("norm_backward", "norm_weight_partials", "sum_partials")
def backward(dtype: torch.dtype) -> list[Tensor]:
    written = []
    for rows, cols in ((1, 1), (37, 300), (3, 512), (0, 4)):
        x, dy = apart(rows, cols, dtype), apart(rows, cols, dtype)
        weight = torch.randn(cols)
        leaf, leaf_weight = x.double().requires_grad_(), weight.double().requires_grad_()
        want, rstd = normed(leaf, leaf_weight)
        want_dx, want_dweight = torch.autograd.grad(want, (leaf, leaf_weight), dy.double())
        rstd = rstd.detach().float()
        dx, dweight = torch.full((rows, cols), torch.nan, dtype=dtype), torch.full((cols,), torch.nan)
        rms_norm.launch_norm_backward(dy, x, weight, rstd, None, dx)
        assert_close(dx, want_dx, dtype, "dx", beside=dy)
        rms_norm.launch_norm_weight_gradient(dy, x, rstd, dweight)
        assert_close(dweight, want_dweight, dtype, "dweight", beside=dy)
        written += [dx, dweight]
    return written


@verifies("norm_backward")
def backward_with_residual(dtype: torch.dtype) -> list[Tensor]:
    x, dy, dsum = apart(9, 200, dtype), apart(9, 200, dtype), apart(9, 200, dtype)
    weight = torch.randn(200)
    leaf = x.double().requires_grad_()
    want, rstd = normed(leaf, weight.double())
    want_dx = torch.autograd.grad(want, leaf, dy.double())[0] + dsum.double()
    rms_norm.launch_norm_backward(dy, x, weight, rstd.detach().float(), dsum, dsum)
    assert_close(dsum, want_dx, dtype, "dx in place of dsum", beside=dy)
    return [dsum.clone()]


run_checks()
