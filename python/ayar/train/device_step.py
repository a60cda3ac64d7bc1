"""One optimizer step on a GPU: everything is launched, as recorded graphs, and waited for once, at the end."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

import torch
from torch import Tensor

from ayar.model.adapters import AdapterParameters
from ayar.model.batch import PackedBatch
from ayar.model.gpu_batch import Bucket, DeviceBatch
from ayar.train.device_optimizer import DeviceOptimizer
from ayar.train.graphs import CudaRecorder, Graphs, Record


class DeviceModel(Protocol):
    """What ``model.gpu_decoder`` has beyond a model of the loop."""

    def trainable_parameters(self) -> AdapterParameters: ...
    def dropping_out(self, draw: int) -> AbstractContextManager[None]: ...
    def require_context(self, batch: PackedBatch) -> None: ...
    def loss_in(self, buffers: DeviceBatch) -> Tensor: ...


class DeviceStep:
    """Loss and norm stay on the device until the update has been launched; then both are read at once.

    Forward and backward pass are a graph a bucket, the update is one more. Batches are padded to their buckets.
    """

    def __init__(self, model: DeviceModel, weight_decay: float, max_grad_norm: float, record: Record | None = None) -> None:
        """record: how work is recorded; None: by CUDA on a CUDA device, and not at all elsewhere."""
        self._model = model
        self.optimizer = DeviceOptimizer(model.trainable_parameters(), weight_decay, max_grad_norm)
        like = self.optimizer.norm
        self._loss, self._share = torch.zeros_like(like), torch.zeros_like(like)  # of the step so far; of a labelled token
        self._graphs = Graphs(CudaRecorder() if record is None and like.is_cuda else record)
        self._buffers: dict[Bucket, DeviceBatch] = {}

    def __call__(self, batches: Sequence[PackedBatch], labelled: int, first_draw: int, learning_rate: float) -> tuple[float, float]:
        """As HostStep's."""
        self._loss.zero_()
        self._share.fill_(1 / labelled)
        for index, batch in enumerate(batches):
            self._model.require_context(batch)
            bucket = Bucket.of(batch)
            if bucket not in self._buffers:
                self._buffers[bucket] = DeviceBatch(bucket, self._loss.device)
            buffers = self._buffers[bucket]
            buffers.fill(batch)
            with self._model.dropping_out(first_draw + index):
                self._graphs.run(bucket, lambda buffers=buffers: self._learn(buffers))
        self.optimizer.prepare(learning_rate)
        self._graphs.run("update", self.optimizer.launch)
        loss, norm = torch.stack((self._loss, self.optimizer.norm)).tolist()  # the step's only wait
        return loss, norm

    def _learn(self, buffers: DeviceBatch) -> None:
        loss = self._model.loss_in(buffers) * self._share
        loss.backward()
        self._loss += loss.detach()
