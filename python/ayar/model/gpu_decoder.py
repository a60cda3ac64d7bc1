# pyright: reportMissingImports=false
"""A decoder on a GPU: whole layers of fused kernels, bordered weights, and no wait for the device inside a step."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ayar.errors import ModelError
from ayar.kernels import attention, rms_norm
from ayar.kernels.philox import Masks
from ayar.model.adapters import AdapterParameters, LoraSettings, TargetModule, gate_up_modules, qkv_modules
from ayar.model.batch import PackedBatch
from ayar.model.config import ModelConfig
from ayar.model.gpu_batch import Bucket, DeviceBatch
from ayar.model.loading import Layer, checked_files, read_layer, read_norm
from ayar.model.rotary import RotaryTable
from ayar.model.weights import Checkpoint
from ayar.ops import Dropout, FrozenWeight
from ayar.ops.bordered import SPARE, BorderedWeight, bordered_like
from ayar.ops.gpu_attention import Packing
from ayar.ops.gpu_layer import LayerAdapters, LayerShape, LayerWeights, gpu_layer
from ayar.ops.gpu_loss import gpu_linear_cross_entropy
from ayar.ops.gpu_offload import Keeping, Offload


@dataclass
class GpuDecoder:
    """embedding: (vocab, hidden). norm: (hidden,) fp32. cos, sin: (positions, turned dimensions / 2) fp32. One adapter group a layer.

    Everything on one device; adapters in fp32, all else in one dtype. windows: of each layer; empty: ``shape.window`` in all.
    local_rotation: (cos, sin) of the layers that have a window, where theirs differ. keeping: of each layer, what becomes of its activations:
    "stored", "offloaded", "recomputed"; empty: all stored.
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
    parameters: AdapterParameters | None = None
    loaded_config: ModelConfig | None = None
    windows: Sequence[int | None] = ()
    local_rotation: tuple[Tensor, Tensor] | None = None
    masks: Masks | None = None
    is_dropping: bool = False
    keeping: Sequence[Keeping] = ()
    offload: Offload = field(default_factory=Offload)

    @staticmethod
    def load(
        folder: str | Path,
        lora: LoraSettings,
        device: torch.device | str = "cuda",
        dtype: torch.dtype = torch.bfloat16,
        seed: int = 0,
        keeping: Sequence[Keeping] = (),
    ) -> "GpuDecoder":
        """Loads a folder of config.json and safetensors onto ``device``, a tensor at a time, with fresh adapters.

        Raises ModelError where the folder is damaged.
        """
        config = ModelConfig.from_folder(folder)
        checkpoint = _OnDevice(checked_files(config), device)
        layers = [
            read_layer(checkpoint, f"model.layers.{index}.", config, dtype, lora.base_weights) for index in range(config.num_hidden_layers)
        ]
        embedding = checkpoint.read("model.embed_tokens.weight").to(dtype)
        head = embedding if config.tie_word_embeddings else checkpoint.read("lm_head.weight")
        adapters = AdapterParameters(config, lora, seed)
        adapters.move(device)
        rotation, local_rotation = (
            (cos.to(device), sin.to(device))
            for cos, sin in (RotaryTable(r).up_to(config.max_position_embeddings) for r in (config.rotation, config.local_rotation))
        )
        shape = LayerShape(
            config.num_attention_heads,
            config.num_key_value_heads,
            config.head_dim,
            config.rms_norm_eps,
            config.attention_scale,
            config.attn_logit_softcapping,
            gelu=config.gate != "silu",
        )
        scale = torch.tensor(config.embedding_scale, dtype=dtype)  # rounded as it is in training elsewhere
        dropout = Dropout(lora.dropout, seed, 0, 0)
        draw = torch.zeros(1, dtype=torch.int32, device=device)
        return GpuDecoder(
            embedding * scale.item() if config.embedding_scale != 1 else embedding,
            [_weights_of(layer) for layer in layers],
            [_adapters_of(adapters, config, index, layer) for index, layer in enumerate(layers)],
            shape,
            read_norm(checkpoint, "model.norm", config),
            FrozenWeight.pack([head], dtype=dtype).packed,
            *rotation,
            config.final_logit_softcapping,
            adapters,
            config,
            config.windows,
            local_rotation if config.local_rotation != config.rotation else None,
            Masks(dropout.threshold, seed, draw) if dropout.threshold else None,
            keeping=keeping,
        )

    def trainable_parameters(self) -> AdapterParameters:
        """The adapters, on the device. Raises ModelError where the decoder was made without a checkpoint."""
        if self.parameters is None:
            raise ModelError("This decoder was made from single tensors: their owner has the adapters.")
        return self.parameters

    @property
    def config(self) -> ModelConfig:
        """Of the checkpoint. Raises ModelError where the decoder was made without one."""
        if self.loaded_config is None:
            raise ModelError("This decoder was made from single tensors: it has no config.json.")
        return self.loaded_config

    @contextmanager
    def dropping_out(self, draw: int) -> Iterator[None]:
        """Inside the block the adapters' dropout is on. draw: which masks; another number for every batch."""
        if self.masks is not None:
            self.masks.draw.fill_(draw)
        before, self.is_dropping = self.is_dropping, True
        try:
            yield
        finally:
            self.is_dropping = before

    def loss(self, batch: PackedBatch) -> Tensor:
        """The weighted sum of −log p over the batch's pairs: fp32 scalar, on the device and not waited for.

        batch: numpy arrays or CPU tensors. Raises ModelError where a sequence is longer than cos and sin.
        """
        return self.loss_in(self._sent(batch))

    def loss_in(self, buffers: DeviceBatch) -> Tensor:
        """The same of a batch that is on the device. Launches the same whatever the buffers hold, and reads nothing back."""
        hidden = self._hidden_states(buffers)
        return gpu_linear_cross_entropy(hidden, self.head, buffers.positions, buffers.targets, buffers.weights, self.final_softcap)

    def hidden_states(self, batch: PackedBatch) -> Tensor:
        """(T, hidden) after the final norm."""
        return self._hidden_states(self._sent(batch))

    def require_context(self, batch: PackedBatch) -> None:
        """Raises ModelError where a sequence is longer than cos and sin."""
        longest = int(np.asarray(batch.position_ids).max(initial=-1)) + 1
        if longest > len(self.cos):
            raise ModelError(f"A sequence of {longest} tokens is longer than the model's context of {len(self.cos)}.")

    def _sent(self, batch: PackedBatch) -> DeviceBatch:
        self.require_context(batch)
        buffers = DeviceBatch(Bucket.exact(batch), self.embedding.device)
        buffers.fill(batch)
        return buffers

    def _hidden_states(self, buffers: DeviceBatch) -> Tensor:
        packings = self._packings(buffers)
        stream: Tensor = self.embedding.index_select(0, buffers.input_ids)
        delta: Tensor | None = None
        masks = self.masks if self.is_dropping else None
        self.offload.clear()
        stored: list[Keeping] = ["stored" for _ in self.layers]
        for weights, adapters, window, keeping in zip(self.layers, self.adapters, self._windows(), self.keeping or stored, strict=True):
            shape = self.shape._replace(window=window)
            stream, delta = gpu_layer(stream, delta, weights, adapters, shape, packings[window], masks, keeping, self.offload)
        return _FinalNorm.apply(stream, delta, self.norm, self.shape.eps)

    def _windows(self) -> Sequence[int | None]:
        return self.windows or [self.shape.window] * len(self.layers)

    def _packings(self, buffers: DeviceBatch) -> dict[int | None, Packing]:
        """What attention takes, for each window that a layer has."""
        until, positions, longest = buffers.visible_until, buffers.position_ids, buffers.bucket.longest
        packings = {}
        for window in dict.fromkeys(self._windows()):
            plan = attention.plan(until, positions, self.shape.head_dim, self.embedding.element_size(), window)
            table = self.local_rotation if window is not None and self.local_rotation is not None else (self.cos, self.sin)
            packings[window] = Packing(*table, positions, plan, buffers.cu_seqlens if longest else None, longest)
        return packings


class _OnDevice:
    """A checkpoint whose tensors are put on a device as they are read."""

    def __init__(self, checkpoint: Checkpoint, device: torch.device | str) -> None:
        self._checkpoint, self._device = checkpoint, device

    def read(self, name: str) -> Tensor:
        return self._checkpoint.read(name).to(self._device)


def _weights_of(layer: Layer) -> LayerWeights:
    products = layer.qkv.packed, layer.o.packed, layer.mlp_norm, layer.gate_up.packed, layer.down.packed
    return LayerWeights(layer.attention_norm, *products, layer.head_norm, layer.post_attention_norm, layer.post_mlp_norm)


def _adapters_of(adapters: AdapterParameters, config: ModelConfig, index: int, layer: Layer) -> LayerAdapters:
    def group(weight: FrozenWeight, *modules: TargetModule) -> list[tuple[int, Tensor, Tensor, float, int]]:
        starts = np.cumsum([0, *weight.splits]).tolist()
        found = [(start, adapters.at(index, module, draw=0)) for start, module in zip(starts, modules, strict=False)]
        return [(start, x.lora_A, x.lora_B, x.scaling, 0 if x.dropout is None else x.dropout.stream) for start, x in found if x is not None]

    return LayerAdapters(
        group(layer.qkv, *qkv_modules(config)),
        group(layer.o, "o_proj"),
        group(layer.gate_up, *gate_up_modules(config)),
        group(layer.down, "down_proj"),
    )


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
