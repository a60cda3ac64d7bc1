"""Cuts a packed batch where nothing is seen across the cut, so that a step holds the activations of one part at a time."""

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from ayar.model.batch import PackedBatch


class Part(NamedTuple):
    """Whole trees of a batch, as a batch of their own; the fields are those of ``PackedBatch``."""

    input_ids: Tensor
    position_ids: Tensor
    cu_seqlens: Tensor
    parents: Tensor
    positions: Tensor
    targets: Tensor
    weights: Tensor


def parts(batch: PackedBatch, tokens: int) -> Iterator[PackedBatch]:
    """The batch in parts of about equal length, ``tokens`` long at most where no tree is longer; itself where it is short enough.

    A tree is a segment without a parent and all that goes on from it. Pairs of position and target keep their order.
    """
    bounds, parents = torch.as_tensor(batch.cu_seqlens), torch.as_tensor(batch.parents)
    firsts = _first_segments(bounds.tolist(), parents.tolist(), tokens)
    if len(firsts) <= 1:
        yield batch
        return
    input_ids, position_ids = torch.as_tensor(batch.input_ids), torch.as_tensor(batch.position_ids)
    positions, targets, weights = (torch.as_tensor(values) for values in (batch.positions, batch.targets, batch.weights))
    for first, last in pairwise([*firsts, len(parents)]):
        begin, end = int(bounds[first]), int(bounds[last])
        above = parents[first:last]
        inside = (positions >= begin) & (positions < end)
        yield Part(
            input_ids[begin:end],
            position_ids[begin:end],
            bounds[first : last + 1] - begin,
            torch.where(above < 0, above, above - first),
            positions[inside] - begin,
            targets[inside],
            weights[inside],
        )


def _first_segments(bounds: list[int], parents: list[int], tokens: int) -> list[int]:
    """The segment that each part begins with."""
    roots = [segment for segment, parent in enumerate(parents) if parent < 0]
    total = bounds[-1]
    count = -(-total // tokens)
    firsts: list[int] = []
    for root, following in pairwise([*roots, len(parents)]):
        start, end = bounds[root], bounds[following]
        if not firsts or start * count >= total * len(firsts) or end - bounds[firsts[-1]] > tokens:
            firsts.append(root)
    return firsts
