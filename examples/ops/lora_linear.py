"""A frozen layer learns a new task through its adapter: python examples/ops/lora_linear.py"""

import torch

from ayar.ops import Adapter, FrozenWeight, lora_linear

ROWS, INPUTS, OUTPUTS, RANK = 256, 64, 48, 4


def main(steps: int = 100) -> list[float]:
    torch.manual_seed(0)
    weight = torch.randn(OUTPUTS, INPUTS) / INPUTS**0.5
    change = torch.randn(OUTPUTS, RANK) @ torch.randn(RANK, INPUTS) / INPUTS  # what is to be learned has a low rank
    x = torch.randn(ROWS, INPUTS)
    wanted = x @ (weight + change).T

    frozen = FrozenWeight.pack([weight])  # once
    adapter = Adapter((torch.randn(RANK, INPUTS) / INPUTS**0.5).requires_grad_(), torch.zeros(OUTPUTS, RANK).requires_grad_(), scaling=2.0)
    optimizer = torch.optim.AdamW([adapter.lora_A, adapter.lora_B], lr=2e-2)
    losses = []
    for _ in range(steps):
        loss = (lora_linear(x, frozen, [adapter]) - wanted).square().mean()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    print(f"mean square error {losses[0]:.4f} → {losses[-1]:.6f}")
    return losses


if __name__ == "__main__":
    main()
