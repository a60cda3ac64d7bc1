"""Ayar's fused ops in a training loop of your own: python examples/ops_in_your_loop.py

A one-block decoder with frozen random weights and LoRA adapters learns to say a short melody again. Sequences of different length lie one
after another in one batch, without padding; they do not see each other.
"""

import torch
from torch import Tensor, nn

from ayar.ops import Adapter, FrozenWeight, attention_varlen, linear_cross_entropy, lora_linear, rms_norm, swiglu_mlp

VOCAB, HIDDEN, HEADS, HEAD_DIM, FEED, RANK = 64, 96, 4, 24, 192, 8


class Block(nn.Module):
    """Weights that do not change are packed once; what is trained are ordinary parameters."""

    def __init__(self) -> None:
        super().__init__()

        def frozen(*rows: int, columns: int = HIDDEN) -> FrozenWeight:
            return FrozenWeight.pack([torch.randn(count, columns) / columns**0.5 for count in rows])

        self.embedding = nn.Embedding(VOCAB, HIDDEN).requires_grad_(False)
        self.qkv, self.out = frozen(HIDDEN, HIDDEN, HIDDEN), frozen(HIDDEN)
        self.gate_up, self.down = frozen(FEED, FEED), frozen(HIDDEN, columns=FEED)
        self.head = frozen(VOCAB)
        self.norms = nn.Parameter(torch.ones(3, HIDDEN))
        self.factors = nn.ParameterList()
        self.q, self.k, self.v = (self.adapter(HIDDEN, HIDDEN) for _ in range(3))
        self.gate, self.up, self.back = self.adapter(HIDDEN, FEED), self.adapter(HIDDEN, FEED), self.adapter(FEED, HIDDEN)

    def adapter(self, columns: int, rows: int) -> Adapter:
        a, b = nn.Parameter(torch.randn(RANK, columns) / columns**0.5), nn.Parameter(torch.zeros(rows, RANK))
        self.factors.extend((a, b))
        return Adapter(a, b, scaling=2.0)

    def forward(self, tokens: Tensor, cu_seqlens: Tensor) -> Tensor:
        x = self.embedding(tokens)
        qkv = lora_linear(rms_norm(x, self.norms[0]), self.qkv, [self.q, self.k, self.v])
        query, key, value = qkv.view(-1, 3, HEADS, HEAD_DIM).unbind(1)
        x = x + lora_linear(attention_varlen(query, key, value, cu_seqlens).flatten(1), self.out)
        x = x + swiglu_mlp(rms_norm(x, self.norms[1]), self.gate_up, self.down, [self.gate, self.up], self.back)
        return rms_norm(x, self.norms[2])

    def loss(self, tokens: Tensor, cu_seqlens: Tensor) -> Tensor:
        """The mean over every token but each sequence's last."""
        is_last = torch.zeros(len(tokens), dtype=torch.bool)
        is_last[cu_seqlens[1:].long() - 1] = True
        positions = (~is_last).nonzero()[:, 0]
        return linear_cross_entropy(self(tokens, cu_seqlens), self.head, positions, tokens[positions + 1]) / len(positions)


def main(steps: int = 60) -> list[float]:
    torch.manual_seed(0)
    block = Block()
    optimizer = torch.optim.AdamW([parameter for parameter in block.parameters() if parameter.requires_grad], lr=1e-2)
    melody = torch.randint(0, VOCAB, (24,))
    tokens = torch.cat((melody, melody[5:], melody[:9]))
    cu_seqlens = torch.tensor([0, 24, 43, 52], dtype=torch.int32)
    losses = []
    for step in range(steps):
        loss = block.loss(tokens, cu_seqlens)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
        if step % 10 == 0 or step == steps - 1:
            print(f"step {step:3d}  loss {losses[-1]:.3f}")
    return losses


if __name__ == "__main__":
    main()
