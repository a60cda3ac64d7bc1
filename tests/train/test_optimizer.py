from pathlib import Path

import pytest
import torch

from ayar.train.optimizer import Optimizer
from tests.train.setup import tiny_decoder


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
@pytest.mark.parametrize("max_grad_norm", [0.5, 1e9])
def test_updates_equal_those_of_torch(tmp_path: Path, weight_decay: float, max_grad_norm: float) -> None:
    adapters = tiny_decoder(tmp_path).trainable_parameters()
    optimizer = Optimizer(adapters, weight_decay, max_grad_norm)
    wanted = adapters.values.double().clone().requires_grad_()
    torch_optimizer = torch.optim.AdamW([wanted], lr=0.0, betas=(0.9, 0.999), eps=1e-8, weight_decay=weight_decay)
    torch.manual_seed(0)
    for step in range(6):
        rate = 0.01 * (step + 1)
        gradient = torch.randn_like(adapters.values) * 10.0 ** (step - 3)
        adapters.gradients.copy_(gradient)
        wanted.grad = gradient.double()
        norm = torch.nn.utils.clip_grad_norm_([wanted], max_grad_norm)
        torch_optimizer.param_groups[0]["lr"] = rate
        torch_optimizer.step()
        assert optimizer.gradient_norm() == pytest.approx(float(norm), rel=1e-6)
        optimizer.step(rate, optimizer.gradient_norm())
        assert not adapters.gradients.any()
    assert (adapters.values - wanted).abs().max() < 1e-5


def test_optimizer_moves_the_parameters_that_the_decoder_reads(tmp_path: Path) -> None:
    adapters = tiny_decoder(tmp_path).trainable_parameters()
    before = {name: tensor.clone() for name, tensor in adapters.tensors().items()}
    adapters.gradients.fill_(1.0)
    optimizer = Optimizer(adapters, 0.0, 1e9)
    optimizer.step(0.01, optimizer.gradient_norm())
    assert all((adapters.tensors()[name] - before[name] + 0.01).abs().max() < 1e-4 for name in before)
