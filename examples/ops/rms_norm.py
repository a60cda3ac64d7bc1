"""RMSNorm in a module of your own, trained weight included: python examples/ops/rms_norm.py"""

import torch
from torch import Tensor, nn

from ayar.ops import rms_norm


class RMSNorm(nn.Module):
    def __init__(self, columns: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.weight, self.eps = nn.Parameter(torch.ones(columns)), eps

    def forward(self, x: Tensor) -> Tensor:
        return rms_norm(x, self.weight, self.eps)


def main() -> float:
    """The largest difference to torch's own norm, gradients included."""
    torch.manual_seed(0)
    ours, theirs = RMSNorm(96), nn.RMSNorm(96, eps=1e-6)
    x, dy = torch.randn(4, 20, 96), torch.randn(4, 20, 96)
    found = []
    for norm in (ours, theirs):
        taken = x.clone().requires_grad_()
        y = norm(taken)
        y.backward(dy)
        found.append((y.detach(), taken.grad, norm.weight.grad))
    largest = max(float((a - b).norm() / b.norm()) for a, b in zip(*found, strict=True))
    print(f"output and both gradients are torch's to {largest:.1e}")
    return largest


if __name__ == "__main__":
    main()
