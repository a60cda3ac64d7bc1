"""The CUDA kernels on a CUDA device: the same cases as in the emulation, through the bindings."""

from typing import Any

import numpy as np
import pytest
import torch

from ayar.ops import backend
from ayar.ops.adamw import adamw_reference_
from ayar.ops.device_adamw import Border, DeviceAdamw
from tests.cuda.batch_cases import pack_cases
from tests.cuda.cases import Case
from tests.cuda.optimizer_cases import adamw_8bit_cases, norm_cases
from tests.cuda.quantization_cases import int8_cases, nf4_cases

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")]
TOLERANCE = 1e-5  # a chip contracts a multiply and an add into one rounding, the CPU does not


def kernels() -> Any:
    native = backend.native()
    if not hasattr(native, "cuda"):
        pytest.skip("the CUDA kernels were not built: nvcc was not found")
    return native.cuda


def on_device(argument: Any) -> Any:
    """Integers and floats as they are; an array as a tensor of its bytes, whose address is passed."""
    if not isinstance(argument, np.ndarray):
        return argument
    flat = np.ascontiguousarray(argument).reshape(-1).view(np.uint8)
    return torch.from_numpy(flat.copy()).cuda() if flat.size else torch.empty(16, dtype=torch.uint8, device="cuda")


@pytest.mark.parametrize("make", [nf4_cases, int8_cases, adamw_8bit_cases, norm_cases, pack_cases], ids=lambda make: make.__name__)
def test_equals_the_reference(make: Any) -> None:
    for case in make():
        check(case)


def check(case: Case) -> None:
    arguments = [on_device(argument) for argument in case.arguments]
    addresses = [argument.data_ptr() if isinstance(argument, torch.Tensor) else argument for argument in arguments]
    getattr(kernels(), case.function)(*addresses, torch.cuda.current_stream().cuda_stream)
    torch.cuda.synchronize()
    for position, want in case.expected.items():
        original = case.arguments[position]
        got = arguments[position].cpu().numpy()[: original.nbytes].view(original.dtype).reshape(original.shape)
        if np.issubdtype(original.dtype, np.integer) and case.tolerance == 0:
            assert np.array_equal(got, want), case.function
        else:
            error = np.linalg.norm(got.astype(np.float64) - want)
            assert error <= max(TOLERANCE, case.tolerance) * np.linalg.norm(want.astype(np.float64)) + 1e-30, case.function


def test_adamw_clips_updates_and_fills_the_borders() -> None:
    kernels()
    torch.manual_seed(0)
    values, gradients = torch.randn(3 * 32, device="cuda"), torch.randn(3 * 32, device="cuda")
    target = torch.zeros(4, 40, dtype=torch.bfloat16, device="cuda")
    optimizer = DeviceAdamw(values, gradients, [Border(32, target[:, :8], 0.5)])
    want, m, v = values.double().clone(), torch.zeros_like(values).double(), torch.zeros_like(values).double()
    for step in (1, 2):
        norm = optimizer.step(0.01, 0.9, 0.99, 1e-8, 0.1, step, max_grad_norm=1.0)
        clipped = gradients.double() * min(1.0, 1.0 / (gradients.double().norm().item() + 1e-6))
        adamw_reference_(want, clipped, m, v, 0.01, 0.9, 0.99, 1e-8, 0.1, step)
        assert abs(norm.item() - gradients.double().norm().item()) <= 1e-4
    assert (values.double() - want).norm() <= TOLERANCE * want.norm()
    assert torch.equal(target[:, :8], (values[32:64].view(4, 8) * 0.5).bfloat16())
    assert not target[:, 8:].any()
