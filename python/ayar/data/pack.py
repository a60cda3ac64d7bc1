"""Rows → token ids with labels → packed batches. Nothing is padded and nothing is cut off.

A row is tokenized whole, as the model will read it, and a token is trained on if its bytes lie in a trained range of the row.
"""

from bisect import bisect_left, insort
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import pyarrow as pa
import torch

from ayar.data.prefix_tree import PrefixTree, segments_of, shared_prefixes
from ayar.errors import DataError

IGNORE_INDEX = -100
_ENOUGH_BATCHES = 64  # of an epoch: three epochs of them are steps enough for an adapter to learn from
_MOST_OPEN = 64  # batches that wait for a row that fits: more fill them hardly better, and take longer to look through


class TokenBatch(Protocol):
    """ids: (tokens,) int32. offsets: (rows + 1,) int64 into ids. spans: (tokens, 2) BYTE offsets in the token's row."""

    @property
    def ids(self) -> np.ndarray: ...
    @property
    def offsets(self) -> np.ndarray: ...
    @property
    def spans(self) -> np.ndarray | None: ...


class Encoder(Protocol):
    """What of ayar.text.tokenizer.Tokenizer is needed here."""

    def encode_batch(self, texts: pa.StringArray, offsets: bool = False) -> TokenBatch: ...


class Examples(NamedTuple):
    """input_ids, labels: (tokens,) int32, all rows one after the other; labels are the ids, or -100 where not trained.

    offsets: (rows + 1,) int64, where each row begins.
    """

    input_ids: np.ndarray
    labels: np.ndarray
    offsets: np.ndarray

    @property
    def lengths(self) -> np.ndarray:
        return np.diff(self.offsets)

    @property
    def trained_tokens(self) -> np.ndarray:
        """(rows,) how many tokens of each row can be learned: those with a label and a token before them."""
        counts = np.concatenate([[0], np.cumsum(self.is_target)])
        return counts[self.offsets[1:]] - counts[self.offsets[:-1]]

    @property
    def is_target(self) -> np.ndarray:
        learned = self.labels != IGNORE_INDEX
        learned[self.offsets[:-1][self.lengths > 0]] = False  # the first token of a row has nothing before it to be predicted from
        return learned


class Batch(NamedTuple):
    """Segments of several examples, one after the other, without padding (T tokens, S segments, P pairs to learn).

    input_ids (T,) int32. position_ids (T,) int32, as in the example. cu_seqlens (S+1,) int32. parents (S,) int32: the segment that each
    one goes on from, −1 for none. positions (P,) int64: the rows of the hidden states that predict. targets (P,) int64: the ids they must
    predict. weights (P,) float32: how many examples have this pair. row_tokens: of the examples, shared ones counted in each.
    """

    input_ids: torch.Tensor
    position_ids: torch.Tensor
    cu_seqlens: torch.Tensor
    parents: torch.Tensor
    positions: torch.Tensor
    targets: torch.Tensor
    weights: torch.Tensor
    row_tokens: int


def tokenize(rows: pa.Table, tokenizer: Encoder) -> Examples:
    """rows: columns `rendered` and `trained` of PREPARED.

    A token that lies across the border of a trained range is trained on: it carries a piece of the answer.
    """
    rendered = rows["rendered"].combine_chunks()
    tokens = tokenizer.encode_batch(rendered if isinstance(rendered, pa.Array) else pa.concat_arrays(rendered.chunks), offsets=True)
    assert tokens.spans is not None
    labels = np.full(len(tokens.ids), IGNORE_INDEX, np.int32)
    for row, ranges in enumerate(rows["trained"].to_pylist()):
        first, last = tokens.offsets[row], tokens.offsets[row + 1]
        starts, ends = tokens.spans[first:last, 0], tokens.spans[first:last, 1]
        for trained in ranges:
            inside = (ends > trained["start"]) & (starts < trained["end"])
            labels[first:last][inside] = tokens.ids[first:last][inside]
    return Examples(np.asarray(tokens.ids, np.int32), labels, np.asarray(tokens.offsets, np.int64))


def split_long(examples: Examples, max_tokens: int) -> Examples:
    """Cuts every example that is longer than ``max_tokens`` into pieces of that length at most. No token is lost."""
    lengths = examples.lengths
    pieces = np.maximum(1, -(-lengths // max_tokens))
    starts = [np.arange(first, first + count * max_tokens, max_tokens) for first, count in zip(examples.offsets[:-1], pieces, strict=True)]
    offsets = np.concatenate([*starts, examples.offsets[-1:]])
    return Examples(examples.input_ids, examples.labels, offsets.astype(np.int64))


@dataclass(frozen=True)
class Packer:
    """Epoch → its batches, of ``max_tokens`` computed tokens at most."""

    examples: Examples
    max_tokens: int
    seed: int
    tree: PrefixTree | None

    def __call__(self, epoch: int) -> list[Batch]:
        return pack(self.examples, self.max_tokens, self.seed, epoch, self.tree)


def packer(examples: Examples, max_tokens: int, seed: int, share_prefixes: bool) -> Packer:
    """Computes shared beginnings once a batch if ``share_prefixes``.

    More rows then fit into a batch, so an epoch has fewer. Where few rows would leave too few batches to learn from, the batches are made
    smaller: an epoch keeps as many as it would have without sharing, or at least 64. Raises DataError.
    """
    if not share_prefixes:
        return Packer(examples, max_tokens, seed, None)
    tree = shared_prefixes(examples.input_ids, examples.offsets)
    wanted = min(-(-int(examples.lengths.sum()) // max_tokens), _ENOUGH_BATCHES)
    useful = _useful(examples, max_tokens)

    def is_enough(limit: int) -> bool:
        return len(_best_fit(useful, examples.lengths, limit, tree)) >= wanted

    least, most = int(examples.lengths[useful].max()), max_tokens
    if is_enough(most):
        return Packer(examples, most, seed, tree)
    while most - least > 1:
        middle = (least + most) // 2
        least, most = (middle, most) if is_enough(middle) else (least, middle)
    return Packer(examples, least, seed, tree)


def pack(examples: Examples, max_tokens: int, seed: int, epoch: int, tree: PrefixTree | None = None) -> list[Batch]:
    """Best fit into batches of ``max_tokens`` computed tokens at most, in an order that depends on ``seed`` and ``epoch`` alone.

    tree: shared beginnings of these examples, to compute each once a batch. Examples come in the order of a shuffle, each into the fullest
    of the open batches that has room for it: so a batch is a random sample of the examples, and what they share decides only how many fit.
    Examples in which nothing can be learned are left out. Raises DataError for one that is longer than ``max_tokens``,
    and if nothing at all can be learned.
    """
    useful = _useful(examples, max_tokens)
    random = np.random.default_rng([seed, epoch])
    bins = _best_fit(random.permutation(useful), examples.lengths, max_tokens, tree)
    is_target = examples.is_target
    return [_batch(examples, is_target, bins[place], tree) for place in random.permutation(len(bins))]


def _useful(examples: Examples, max_tokens: int) -> np.ndarray:
    """Rows in which something can be learned. Raises DataError where there is none, or one does not fit."""
    useful = np.flatnonzero(examples.trained_tokens)
    if not len(useful):
        raise DataError("data: all labels are masked: in not one row is there a token to learn. Look at the rows with `ayar inspect`.")
    longest = examples.lengths[useful].max()
    if longest > max_tokens:
        raise DataError(
            f"data: a row of {longest} tokens does not fit into a batch of {max_tokens}. "
            "Lower format.max_tokens, or allow more tokens in a batch."
        )
    return useful


def _best_fit(order: np.ndarray, lengths: np.ndarray, max_tokens: int, tree: PrefixTree | None) -> list[list[int]]:
    """Each example goes into the fullest open bin that still has room for what the bin does not hold of it yet."""
    bins: list[list[int]] = []
    held: list[set[int]] = []  # nodes of the tree that each bin holds
    room: list[tuple[int, int]] = []  # (tokens free, bin), sorted
    for example in order.tolist():
        length = int(lengths[example])
        path = tree.path(example) if tree is not None else []
        ends = [0, *(int(tree.ends[node]) for node in path)] if tree is not None else [0]

        def cost(chosen: int, length: int = length, path: list[int] = path, ends: list[int] = ends) -> int:
            return length - ends[sum(node in held[chosen] for node in path)]

        first = bisect_left(room, (length - ends[-1], -1))
        place = next((place for place in range(first, len(room)) if cost(room[place][1]) <= room[place][0]), None)
        if place is not None:
            free, chosen = room.pop(place)
        else:
            free, chosen = max_tokens, len(bins)
            bins.append([])
            held.append(set())
        bins[chosen].append(example)
        insort(room, (free - cost(chosen), chosen))
        held[chosen].update(path)
        if len(room) > _MOST_OPEN:
            room.pop(0)
    return bins


def _batch(examples: Examples, is_target: np.ndarray, chosen: list[int], tree: PrefixTree | None) -> Batch:
    segments = segments_of(chosen, examples.lengths, tree)
    lengths = np.array([segment.end - segment.begin for segment in segments])
    borders = np.concatenate([[0], np.cumsum(lengths)])
    input_ids, position_ids = np.empty(borders[-1], np.int32), np.empty(borders[-1], np.int32)
    before = np.arange(-1, borders[-1] - 1)  # the token before each on its path
    weights = np.zeros(borders[-1], np.float32)
    for segment, first, last in zip(segments, borders[:-1], borders[1:], strict=True):
        at = examples.offsets[segment.row] + segment.begin
        input_ids[first:last] = examples.input_ids[at : at + last - first]
        position_ids[first:last] = np.arange(segment.begin, segment.end)
        before[first] = borders[segment.parent + 1] - 1 if segment.parent >= 0 else -1
        for row in segment.rows:
            at = examples.offsets[row] + segment.begin
            weights[first:last] += is_target[at : at + last - first]
    targets = np.flatnonzero(weights)
    return Batch(
        input_ids=torch.from_numpy(input_ids),
        position_ids=torch.from_numpy(position_ids),
        cu_seqlens=torch.from_numpy(borders.astype(np.int32)),
        parents=torch.tensor([segment.parent for segment in segments], dtype=torch.int32),
        positions=torch.from_numpy(before[targets].astype(np.int64)),
        targets=torch.from_numpy(input_ids[targets].astype(np.int64)),
        weights=torch.from_numpy(weights[targets]),
        row_tokens=int(examples.lengths[chosen].sum()),
    )
