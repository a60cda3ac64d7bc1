# pyright: reportMissingImports=false
"""A Llama-shaped decoder on a GPU: whole layers of fused kernels, bordered weights, and no wait for the device inside a step."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ayar.errors import ModelError
from ayar.kernels import attention, rms_norm
from ayar.model.batch import PackedBatch
from ayar.ops.bordered import SPARE, BorderedWeight, bordered_like
from ayar.ops.gpu_attention import Packing
from ayar.ops.gpu_layer import LayerAdapters, LayerShape, LayerWeights, gpu_layer
from ayar.ops.gpu_loss import gpu_linear_cross_entropy
from ayar.ops.visibility import visibility


@dataclass
class GpuDecoder:
    """embedding: (vocab, hidden). norm: (hidden,) fp32. cos, sin: (positions, head_dim / 2) fp32. One adapter group a layer.

    Everything on one device; adapters in fp32, all else in one dtype. Pre-norm layers with a gated MLP: no norm between a product and the
    stream, none on single heads.
    """

    embedding: Tensor
    layers: Sequence[LayerWeights]
    adapters: Sequence[LayerAdapters]
    shape: LayerShape
    norm: Tensor
    head: BorderedWeight
    cos: Tensor
    sin: Tensor
    final_softcap: float | None = None

    def loss(self, batch: PackedBatch) -> Tensor:
        """The weighted sum of −log p over the batch's pairs: fp32 scalar, on the device and not waited for.

        batch: numpy arrays or CPU tensors. Raises ModelError where a sequence is longer than cos and sin.
        """
        hidden = self.hidden_states(batch)
        positions, targets = (self._on_device(values, torch.int64) for values in (batch.positions, batch.targets))
        weights = self._on_device(batch.weights, torch.float32)
        return gpu_linear_cross_entropy(hidden, self.head, positions, targets, weights, self.final_softcap)

    def hidden_states(self, batch: PackedBatch) -> Tensor:
        """(T, hidden) after the final norm."""
        packing = self._packing(batch)
        stream: Tensor = self.embedding.index_select(0, self._on_device(batch.input_ids, torch.int64))
        delta: Tensor | None = None
        for weights, adapters in zip(self.layers, self.adapters, strict=True):
            stream, delta = gpu_layer(stream, delta, weights, adapters, self.shape, packing)
        return _FinalNorm.apply(stream, delta, self.norm, self.shape.eps)

    def _packing(self, batch: PackedBatch) -> Packing:
        bounds, parents, position_ids = (np.asarray(values) for values in (batch.cu_seqlens, batch.parents, batch.position_ids))
        longest = int(position_ids.max()) + 1 if len(position_ids) else 0
        if longest > len(self.cos):
            raise ModelError(f"A sequence of {longest} tokens is longer than the model's context of {len(self.cos)}.")
        positions = self._on_device(position_ids, torch.int32)
        until = self._on_device(visibility(bounds, parents)[0], torch.int32)
        element_size = self.embedding.element_size()
        plan = attention.plan(until, positions, self.shape.head_dim, element_size, self.shape.window)
        if (parents >= 0).any():
            return Packing(self.cos, self.sin, positions, plan)
        lengths = np.diff(bounds)
        longest_row = int(lengths.max()) if len(lengths) else 0
        return Packing(self.cos, self.sin, positions, plan, self._on_device(bounds, torch.int32), longest_row)

    def _on_device(self, values: object, dtype: torch.dtype) -> Tensor:
        tensor = torch.as_tensor(values, dtype=dtype)
        if self.embedding.is_cuda and not tensor.is_cuda:
            return tensor.pin_memory().to(self.embedding.device, non_blocking=True)
        return tensor


class _FinalNorm(torch.autograd.Function):
    """The norm of stream + delta; both get one gradient, in rows with a border for the layer below."""

    @staticmethod
    def forward(ctx: Any, stream: Tensor, delta: Tensor, norm: Tensor, eps: float) -> Tensor:
        total, y, rstd = torch.empty_like(stream), torch.empty_like(stream), stream.new_empty(stream.shape[0], dtype=torch.float32)
        rms_norm.launch_norm_project(stream, delta, norm, eps, None, y, None, rstd, total)
        ctx.save_for_backward(total, norm, rstd)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        total, norm, rstd = ctx.saved_tensors
        dx = bordered_like(total, SPARE)
        rms_norm.launch_norm_backward(dy.contiguous(), total, norm, rstd, None, dx)
        dx.ayar_border = SPARE  # pyright: ignore[reportAttributeAccessIssue]: read by the layer below
        return dx, dx, None, None
