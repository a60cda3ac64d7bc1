"""One optimizer step: on the CPU, number by number; on a GPU, launched whole and waited for once, at its end."""

from collections.abc import Sequence

import torch

from ayar.model.batch import PackedBatch
from ayar.model.decoder import Decoder
from ayar.ops import backend
from ayar.train.device_optimizer import DeviceOptimizer
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
        self.optimizer.step(learning_rate, norm)
        return loss, norm


class DeviceStep:
    """Loss and norm stay on the device until the update has been launched; then both are read at once."""

    def __init__(self, model: TrainedModel, weight_decay: float, max_grad_norm: float) -> None:
        self._model = model
        self.optimizer = DeviceOptimizer(model.trainable_parameters(), weight_decay, max_grad_norm)
        self._loss = torch.zeros_like(self.optimizer.norm)

    def __call__(self, batches: Sequence[PackedBatch], labelled: int, first_draw: int, learning_rate: float) -> tuple[float, float]:
        """As HostStep's."""
        self._loss.zero_()
        for index, batch in enumerate(batches):
            with self._model.dropping_out(first_draw + index):
                batch_loss = self._model.loss(batch) / labelled
            batch_loss.backward()
            self._loss += batch_loss.detach()
        self.optimizer.prepare(learning_rate)
        self.optimizer.launch()
        loss, norm = torch.stack((self._loss, self.optimizer.norm)).tolist()  # the step's only wait
        return loss, norm


def step_of(model: TrainedModel, weight_decay: float, max_grad_norm: float) -> HostStep | DeviceStep:
    """The one that suits where the model's adapters and kernels are."""
    if backend.is_triton(model.trainable_parameters().values):
        return DeviceStep(model, weight_decay, max_grad_norm)
    assert isinstance(model, Decoder)  # a GpuDecoder has its adapters on a GPU
    return HostStep(model, weight_decay, max_grad_norm)
