"""Run by test_lora_linear.py with TRITON_INTERPRET=1: the kernel against float64 on random shapes.

In fp32: bf16 is wrong in the interpreter.
"""

import random

import torch

from ayar.kernels.lora_linear import lora_linear_forward  # pyright: ignore[reportMissingImports]: installed from kernels/


def check(rows: int, columns: int, depth: int, rank: int) -> None:
    wide = torch.randn(rows, depth + 3)
    x, weight = wide[:, :depth], torch.randn(columns, depth)  # rows of x lie apart
    lora_A, lora_B, scaling = torch.randn(rank, depth), torch.randn(columns, rank), random.uniform(0.1, 4.0)
    u, y = torch.full((rows, rank), torch.nan), torch.full((rows, columns), torch.nan)
    lora_linear_forward(x, weight, lora_A, lora_B, scaling, u, y)
    want_u = x.double() @ lora_A.double().T
    want = x.double() @ weight.double().T + scaling * want_u @ lora_B.double().T
    assert (u.double() - want_u).norm() <= 1e-5 * want_u.norm(), ("u", rows, columns, depth, rank)
    assert (y.double() - want).norm() <= 1e-5 * want.norm(), ("y", rows, columns, depth, rank)


random.seed(0)
torch.manual_seed(0)
shapes = [(1, 1, 1, 16), (0, 8, 8, 16), (64, 128, 64, 16), (257, 130, 65, 64)]
shapes += [(random.randint(1, 150), random.randint(1, 200), random.randint(1, 150), random.choice([16, 32])) for _ in range(6)]
for shape in shapes:
    check(*shape)
print(f"{len(shapes)} shapes agree")
