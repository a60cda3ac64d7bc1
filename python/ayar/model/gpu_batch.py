"""A packed batch in a GPU's memory, padded to one of few sizes: a captured step runs again for every batch of its bucket."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ayar.model.batch import PackedBatch
from ayar.ops.visibility import visibility

_LEAST = 64  # no finer: nothing is gained below a tile


class Bucket(NamedTuple):
    """Sizes of buffers. longest: a bound of the sequences' lengths; 0 for a tree, whose attention does not ask."""

    tokens: int
    pairs: int
    segments: int
    longest: int

    @staticmethod
    def of(batch: PackedBatch) -> "Bucket":
        """The smallest bucket that holds the batch: tokens and pairs are rounded up by an eighth at most, the rest to a power of two."""
        tokens, pairs = _rounded(len(batch.input_ids)), _rounded(len(batch.targets))
        segments = _power_of_two(len(batch.cu_seqlens))  # one more than the batch has: the padding is a sequence too
        if _is_tree(batch):
            return Bucket(tokens, pairs, segments, 0)
        lengths = np.diff(np.asarray(batch.cu_seqlens))
        return Bucket(tokens, pairs, segments, _power_of_two(int(max(tokens - len(batch.input_ids), *lengths, 1))))

    @staticmethod
    def exact(batch: PackedBatch) -> "Bucket":
        """Without padding, for a batch that runs once."""
        bounds = np.asarray(batch.cu_seqlens)
        longest = 0 if _is_tree(batch) else int(max(*np.diff(bounds), 1, 1))
        return Bucket(len(batch.input_ids), len(batch.targets), len(bounds) - 1, longest)


class DeviceBatch:
    """input_ids: (tokens,) int64. position_ids, visible_until: (tokens,) int32. cu_seqlens: (segments + 1,) int32, all zero for a tree.
    positions, targets: (pairs,) int64. weights: (pairs,) fp32. The addresses stay; ``fill`` replaces the contents.

    Padding: tokens that see themselves alone, pairs without a target.
    """

    def __init__(self, bucket: Bucket, device: torch.device) -> None:
        self.bucket = bucket
        self.input_ids = torch.zeros(bucket.tokens, dtype=torch.int64, device=device)
        self.position_ids, self.visible_until = (torch.zeros(bucket.tokens, dtype=torch.int32, device=device) for _ in range(2))
        self.cu_seqlens = torch.zeros(bucket.segments + 1, dtype=torch.int32, device=device)
        self.positions, self.targets = (torch.zeros(bucket.pairs, dtype=torch.int64, device=device) for _ in range(2))
        self.weights = torch.zeros(bucket.pairs, device=device)

    def fill(self, batch: PackedBatch) -> None:
        """Sends a batch that fits the bucket, from pinned memory and without waiting."""
        for name, values in _padded(batch, self.bucket).items():
            target: Tensor = getattr(self, name)
            source = torch.from_numpy(values)
            target.copy_(source.pin_memory() if target.is_cuda else source, non_blocking=True)


def _padded(batch: PackedBatch, bucket: Bucket) -> dict[str, np.ndarray]:
    tokens, pairs = len(batch.input_ids), len(batch.targets)
    bounds = np.asarray(batch.cu_seqlens)
    input_ids, position_ids = np.zeros(bucket.tokens, np.int64), np.zeros(bucket.tokens, np.int32)
    input_ids[:tokens], position_ids[:tokens] = batch.input_ids, batch.position_ids
    visible_until = np.arange(1, bucket.tokens + 1, dtype=np.int32)
    visible_until[:tokens] = visibility(bounds, np.asarray(batch.parents))[0]
    cu_seqlens = np.zeros(bucket.segments + 1, np.int32)
    if bucket.longest:
        cu_seqlens[: len(bounds)], cu_seqlens[len(bounds) :] = bounds, bucket.tokens
    positions = np.arange(bucket.pairs, dtype=np.int64) % max(tokens, 1)  # of the padding: apart, since equal ones are summed one by one
    targets, weights = np.full(bucket.pairs, -1, np.int64), np.zeros(bucket.pairs, np.float32)
    positions[:pairs], targets[:pairs], weights[:pairs] = batch.positions, batch.targets, batch.weights
    return {
        "input_ids": input_ids,
        "position_ids": position_ids,
        "visible_until": visible_until,
        "cu_seqlens": cu_seqlens,
        "positions": positions,
        "targets": targets,
        "weights": weights,
    }


def _is_tree(batch: PackedBatch) -> bool:
    return bool((np.asarray(batch.parents) >= 0).any())


def _rounded(count: int) -> int:
    granule = max(_LEAST, _power_of_two(count) // 16)
    return -(-count // granule) * granule


def _power_of_two(count: int) -> int:
    return 1 << max(count - 1, 0).bit_length()
