"""What the decoder takes: sequences, or trees of segments that share their beginnings, packed into rows without padding.

``ayar.data.pack.Batch`` is one.
"""

from typing import Any, Protocol


class PackedBatch(Protocol):
    """Token rows of S segments, one after another; torch tensors or numpy arrays.

    input_ids, position_ids: (T,) int32, positions follow the path from the root. cu_seqlens: (S+1,) int32, starts with 0.
    parents: (S,) int32, the segment that each one goes on from, −1 for none; in preorder. All −1: packed sequences.
    positions, targets: (P,) int64: the row ``positions[i]`` of hidden states is trained to predict the token ``targets[i]``.
    weights: (P,) fp32: how often the pair counts, that is how many rows have it; their sum is the number of labelled tokens.
    """

    @property
    def input_ids(self) -> Any: ...
    @property
    def position_ids(self) -> Any: ...
    @property
    def cu_seqlens(self) -> Any: ...
    @property
    def parents(self) -> Any: ...
    @property
    def positions(self) -> Any: ...
    @property
    def targets(self) -> Any: ...
    @property
    def weights(self) -> Any: ...


def labelled_tokens(batch: PackedBatch) -> int:
    """How many tokens of the batch's rows are trained on."""
    return round(float(batch.weights.sum()))
