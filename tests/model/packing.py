"""Packs token lists into a batch as data/pack does, without needing it: every token but a sequence's first is a target."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import torch
from torch import Tensor


@dataclass
class Packed:
    input_ids: Tensor
    position_ids: Tensor
    cu_seqlens: Tensor
    parents: Tensor
    positions: Tensor
    targets: Tensor
    weights: Tensor


def packed(sequences: Sequence[Sequence[int]], labelled_from: int = 0) -> Packed:
    """labelled_from: this many tokens at the head of each sequence are prompt: they are no targets."""
    borders = [0, *accumulate(len(sequence) for sequence in sequences)]
    pairs = [
        (begin + index, sequence[index + 1])
        for begin, sequence in zip(borders, sequences, strict=False)
        for index in range(max(labelled_from - 1, 0), len(sequence) - 1)
    ]
    return Packed(
        input_ids=torch.tensor([token for sequence in sequences for token in sequence], dtype=torch.int32),
        position_ids=torch.tensor([index for sequence in sequences for index in range(len(sequence))], dtype=torch.int32),
        cu_seqlens=torch.tensor(borders, dtype=torch.int32),
        parents=torch.full((len(sequences),), -1, dtype=torch.int32),
        positions=torch.tensor([position for position, _ in pairs], dtype=torch.int64),
        targets=torch.tensor([target for _, target in pairs], dtype=torch.int64),
        weights=torch.ones(len(pairs)),
    )
