"""What the loop asks of a model that it trains: on the CPU it is ``model.decoder``, on a GPU ``model.gpu_decoder``."""

from typing import Protocol

from torch import Tensor

from ayar.model.adapters import AdapterParameters
from ayar.model.batch import PackedBatch
from ayar.model.config import ModelConfig


class TrainedModel(Protocol):
    @property
    def config(self) -> ModelConfig: ...

    def trainable_parameters(self) -> AdapterParameters: ...

    def loss(self, batch: PackedBatch) -> Tensor:
        """The weighted sum of −log p over the batch's pairs, fp32 scalar."""
        ...
