"""On a CUDA device: the checks of the interpreter with bf16 too, a whole step through the kernels, and no wait for the device in it."""

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

pytest.importorskip("triton", reason="Triton is not installed: pip install 'ayar[gpu]'")
pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")]


def bench() -> Any:
    """bench/gpu_device.py, which makes random decoders and batches of any shape."""
    folder = Path(__file__).parents[2] / "bench"
    sys.path.insert(0, str(folder))
    try:
        spec = importlib.util.spec_from_file_location("gpu_device", folder / "gpu_device.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules["gpu_device"] = module
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(folder))
    return module


def gradients(decoder: Any, batch: Any) -> list[torch.Tensor]:
    loss = decoder.loss(batch)
    return [loss.detach(), *torch.autograd.grad(loss, [t for adapters in decoder.adapters for t in adapters.tensors])]


def test_step_in_bf16_is_near_the_one_in_fp32() -> None:
    module = bench()
    results = []
    for dtype in (torch.bfloat16, torch.float32):
        setting = module.Setting(is_tiny=True)
        setting.dtype = dtype
        decoder = module.random_decoder(setting, module.TINY)
        results.append(gradients(decoder, module.random_batch(module.TINY, module.gpu_model.Batch(3, 200, 600))))
    for got, want in zip(*results, strict=True):
        assert (got.double() - want.double()).norm() <= 5e-2 * want.double().norm()


def test_both_roads_of_attention_agree() -> None:
    module = bench()
    setting = module.Setting(is_tiny=True)
    decoder = module.random_decoder(setting, module.TINY)
    batch = module.random_batch(module.TINY, module.gpu_model.Batch(2, 300, 600))
    library = gradients(decoder, batch)
    torch.use_deterministic_algorithms(True)
    try:
        ours, again = gradients(decoder, batch), gradients(decoder, batch)
    finally:
        torch.use_deterministic_algorithms(False)
    assert all(torch.equal(a, b) for a, b in zip(ours, again, strict=True)), "the same bits every time"
    for got, want in zip(ours, library, strict=True):
        assert (got.double() - want.double()).norm() <= 3e-2 * want.double().norm()


def test_a_step_does_not_wait_for_the_device() -> None:
    module = bench()
    setting = module.Setting(is_tiny=True)
    decoder = module.random_decoder(setting, module.TINY)
    batch = module.random_batch(module.TINY, module.gpu_model.Batch(2, 100, 200))
    gradients(decoder, batch)  # compiles
    torch.cuda.set_sync_debug_mode("error")
    try:
        gradients(decoder, batch)
    finally:
        torch.cuda.set_sync_debug_mode("default")
