"""The gated MLP of a Llama, of which nothing is kept for the backward pass but gate and up: python examples/ops/swiglu_mlp.py"""

import torch
from torch import nn

from ayar.ops import FrozenWeight, swiglu_mlp

HIDDEN, COLS = 64, 176


def main() -> float:
    """The relative difference of the gradient to that of plain torch."""
    torch.manual_seed(0)
    gate, up, down = (nn.Linear(k, n, bias=False).requires_grad_(False) for k, n in ((HIDDEN, COLS), (HIDDEN, COLS), (COLS, HIDDEN)))
    x = torch.randn(3, 30, HIDDEN, requires_grad=True)
    plain = down(nn.functional.silu(gate(x)) * up(x))
    (wanted,) = torch.autograd.grad(plain.square().sum(), x)

    gate_up, packed_down = FrozenWeight.pack([gate.weight, up.weight]), FrozenWeight.pack([down.weight])
    (got,) = torch.autograd.grad(swiglu_mlp(x, gate_up, packed_down).square().sum(), x)
    difference = float((got - wanted).norm() / wanted.norm())
    print(f"the gradient is torch's to {difference:.1e}")
    return difference


if __name__ == "__main__":
    main()
