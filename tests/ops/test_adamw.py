import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from ayar.errors import ShapeError
from ayar.ops import adamw_, backend, gradient_norm
from ayar.ops.adamw import adamw_reference_, gradient_norm_reference
from tests.ops.compare import assert_bit_identical, each_backend, results_with_threads

SETTINGS = {"learning_rate": 1e-2, "beta1": 0.9, "beta2": 0.99, "eps": 1e-8, "weight_decay": 0.1}


def state(size: int) -> tuple[Tensor, Tensor, Tensor]:
    """parameter, exp_avg, exp_avg_sq in the middle of a training run."""
    return torch.randn(size), torch.randn(size) * 0.1, torch.rand(size) * 0.1


@each_backend
@given(size=st.integers(0, 9000), step=st.integers(1, 100_000), seed=st.integers(0, 2**31))
def test_equals_float64_reference(backend_name: str, size: int, step: int, seed: int) -> None:
    torch.manual_seed(seed)
    got, gradient = state(size), torch.randn(size)
    want = tuple(tensor.double() for tensor in got)
    with backend.use(backend_name):
        adamw_(got[0], gradient, got[1], got[2], **SETTINGS, step=step)
    adamw_reference_(want[0], gradient.double(), want[1], want[2], **SETTINGS, step=step)
    for g, w in zip(got, want, strict=True):
        assert (g.double() - w).norm() <= 1e-6 * w.norm()


@each_backend
def test_follows_torch_over_many_steps(backend_name: str) -> None:
    torch.manual_seed(0)
    theirs = torch.randn(700, requires_grad=True)
    ours, exp_avg, exp_avg_sq = theirs.detach().clone(), torch.zeros(700), torch.zeros(700)
    optimizer = torch.optim.AdamW([theirs], lr=1e-2, betas=(0.9, 0.99), eps=1e-8, weight_decay=0.1)
    with backend.use(backend_name):
        for step in range(1, 31):
            theirs.grad = torch.randn(700) * step
            adamw_(ours, theirs.grad, exp_avg, exp_avg_sq, **SETTINGS, step=step)
            optimizer.step()
    torch.testing.assert_close(ours, theirs.detach(), rtol=1e-5, atol=1e-6)


@each_backend
def test_update_does_not_depend_on_threads(backend_name: str) -> None:
    def update() -> tuple[Tensor, ...]:
        torch.manual_seed(0)
        parameter, exp_avg, exp_avg_sq = state(50_001)
        adamw_(parameter, torch.randn(50_001), exp_avg, exp_avg_sq, **SETTINGS, step=3)
        return parameter, exp_avg, exp_avg_sq

    with backend.use(backend_name):
        assert_bit_identical(results_with_threads(update))


@each_backend
@given(sizes=st.lists(st.integers(0, 9000), max_size=4), scale=st.sampled_from([1e-25, 1.0, 1e25]), seed=st.integers(0, 2**31))
def test_norm_equals_float64(backend_name: str, sizes: list[int], scale: float, seed: int) -> None:
    torch.manual_seed(seed)
    gradients = [torch.randn(size) * scale for size in sizes]  # squares leave the range of fp32: the sum is in double
    with backend.use(backend_name):
        got = gradient_norm(gradients)
    assert got == pytest.approx(gradient_norm_reference(gradients), rel=1e-12)


@each_backend
def test_norm_does_not_depend_on_threads(backend_name: str) -> None:
    gradient = torch.randn(50_001)
    with backend.use(backend_name):
        assert_bit_identical(results_with_threads(lambda: [torch.tensor(gradient_norm([gradient]), dtype=torch.float64)]))


def test_reference_backend_takes_the_same_step() -> None:
    native, gradient = state(100), torch.randn(100)
    reference = tuple(tensor.clone() for tensor in native)
    adamw_(native[0], gradient, native[1], native[2], **SETTINGS, step=2)
    with backend.use("reference"):
        adamw_(reference[0], gradient, reference[1], reference[2], **SETTINGS, step=2)
    torch.testing.assert_close(native, reference)


def test_wrong_inputs_are_refused() -> None:
    p, m, v = state(4)
    with pytest.raises(ShapeError, match="gradient"):
        adamw_(p, torch.ones(5), m, v, **SETTINGS, step=1)
    with pytest.raises(ShapeError, match="exp_avg "):
        adamw_(p, torch.ones(4), m.double(), v, **SETTINGS, step=1)
    with pytest.raises(ShapeError, match="step 0"):
        adamw_(p, torch.ones(4), m, v, **SETTINGS, step=0)
    with pytest.raises(ShapeError, match="float32"):
        gradient_norm([torch.ones(3, dtype=torch.bfloat16)])
    with pytest.raises(ShapeError, match="a list of tensors"):
        gradient_norm(torch.ones(3))  # type: ignore[arg-type]
