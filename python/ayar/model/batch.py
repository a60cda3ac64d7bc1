"""What the decoder takes: sequences packed into rows without padding. ``ayar.data.pack.Batch`` is one."""

from typing import Any, Protocol


class PackedBatch(Protocol):
    """Token rows of S sequences, one after another; torch tensors or numpy arrays.

    input_ids, position_ids: (T,) int32, positions restart with each sequence. cu_seqlens: (S+1,) int32, starts with 0.
    positions, targets: (P,) int64: the row ``positions[i]`` of hidden states is trained to predict the token ``targets[i]``.
    """

    @property
    def input_ids(self) -> Any: ...
    @property
    def position_ids(self) -> Any: ...
    @property
    def cu_seqlens(self) -> Any: ...
    @property
    def positions(self) -> Any: ...
    @property
    def targets(self) -> Any: ...
