"""One optimizer step of the loop: on the CPU here, on a GPU in ``device_step``."""

import math
from collections.abc import Sequence
from typing import cast

from ayar.model.batch import PackedBatch
from ayar.model.decoder import Decoder
from ayar.ops import backend
from ayar.train.device_step import DeviceModel, DeviceStep
from ayar.train.optimizer import Optimizer
from ayar.train.trained_model import TrainedModel


class HostStep:
    """The loss is read after each part of a batch, the norm before the update."""

    def __init__(self, decoder: Decoder, weight_decay: float, max_grad_norm: float) -> None:
        self._decoder = decoder
        self.optimizer = Optimizer(decoder.trainable_parameters(), weight_decay, max_grad_norm)

    def __call__(self, batches: Sequence[PackedBatch], labelled: int, first_draw: int, learning_rate: float) -> tuple[float, float]:
        """(loss a labelled token, norm of the gradient). first_draw: of the first batch's dropout masks, the next one's is the next number."""
        loss = sum(self._decoder.accumulate_gradients(batch, 1 / labelled, draw) for draw, batch in enumerate(batches, first_draw))
        norm = self.optimizer.gradient_norm()
        if math.isfinite(loss) and math.isfinite(norm):  # else the loop stops, and the adapters are those of the step before
            self.optimizer.step(learning_rate, norm)
        return loss, norm


def step_of(model: TrainedModel, weight_decay: float, max_grad_norm: float) -> HostStep | DeviceStep:
    """The one that suits where the model's adapters and kernels are."""
    if backend.is_triton(model.trainable_parameters().values):
        return DeviceStep(cast(DeviceModel, model), weight_decay, max_grad_norm)
    assert isinstance(model, Decoder)  # a GpuDecoder has its adapters on a GPU
    return HostStep(model, weight_decay, max_grad_norm)
