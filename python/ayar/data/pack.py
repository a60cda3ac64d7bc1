"""Rows → token ids with labels → packed batches. Nothing is padded and nothing is cut off.

A row is tokenized whole, as the model will read it, and a token is trained on if its bytes lie in a trained range of the row.
"""

from bisect import bisect_left, insort
from typing import NamedTuple, Protocol

import numpy as np
import pyarrow as pa
import torch

from ayar.errors import DataError

IGNORE_INDEX = -100


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
    """Rows of several examples, one after the other, without padding (T tokens, S examples, P trained tokens).

    input_ids (T,) int32. position_ids (T,) int32, from 0 in every example. cu_seqlens (S+1,) int32.
    positions (P,) int64: the rows of the hidden states that predict. targets (P,) int64: the ids they must predict.
    """

    input_ids: torch.Tensor
    position_ids: torch.Tensor
    cu_seqlens: torch.Tensor
    positions: torch.Tensor
    targets: torch.Tensor


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


def pack(examples: Examples, max_tokens: int, seed: int, epoch: int) -> list[Batch]:
    """Best-fit decreasing into batches of ``max_tokens`` at most, in an order that depends on ``seed`` and ``epoch`` alone.

    Examples in which nothing can be learned are left out. Raises DataError for one that is longer than ``max_tokens``,
    and if nothing at all can be learned.
    """
    lengths = examples.lengths
    useful = np.flatnonzero(examples.trained_tokens)
    if not len(useful):
        raise DataError("data: all labels are masked: in not one row is there a token to learn. Look at the rows with `ayar inspect`.")
    if lengths[useful].max() > max_tokens:
        raise DataError(
            f"data: a row of {lengths[useful].max()} tokens does not fit into a batch of {max_tokens}. "
            "Lower format.max_tokens, or allow more tokens in a batch."
        )
    random = np.random.default_rng([seed, epoch])
    shuffled = random.permutation(useful)
    bins = _best_fit(shuffled[np.argsort(-lengths[shuffled], kind="stable")], lengths, max_tokens)
    is_target = examples.is_target
    return [_batch(examples, is_target, bins[place]) for place in random.permutation(len(bins))]


def _best_fit(order: np.ndarray, lengths: np.ndarray, max_tokens: int) -> list[list[int]]:
    """Each example goes into the fullest bin that still has room."""
    bins: list[list[int]] = []
    room: list[tuple[int, int]] = []  # (tokens free, bin), sorted
    for example in order:
        length = int(lengths[example])
        place = bisect_left(room, (length, -1))
        if place < len(room):
            free, chosen = room.pop(place)
        else:
            free, chosen = max_tokens, len(bins)
            bins.append([])
        bins[chosen].append(int(example))
        insort(room, (free - length, chosen))
    return bins


def _batch(examples: Examples, is_target: np.ndarray, chosen: list[int]) -> Batch:
    spans = [(examples.offsets[example], examples.offsets[example + 1]) for example in chosen]
    input_ids = np.concatenate([examples.input_ids[first:last] for first, last in spans])
    learned = np.concatenate([is_target[first:last] for first, last in spans])
    lengths = [last - first for first, last in spans]
    target_rows = np.flatnonzero(learned)
    return Batch(
        input_ids=torch.from_numpy(input_ids.astype(np.int32)),
        position_ids=torch.from_numpy(np.concatenate([np.arange(length, dtype=np.int32) for length in lengths])),
        cu_seqlens=torch.from_numpy(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)),
        positions=torch.from_numpy(target_rows - 1),
        targets=torch.from_numpy(input_ids[target_rows].astype(np.int64)),
    )
