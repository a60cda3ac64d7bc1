"""A Llama-family decoder over packed rows, with frozen weights and LoRA adapters. Shapes: T rows, H hidden, V vocabulary."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ayar.errors import ModelError
from ayar.model import loading, peft_format
from ayar.model.adapters import AdapterParameters, LoraSettings
from ayar.model.batch import PackedBatch
from ayar.model.config import ModelConfig
from ayar.model.loading import Layer
from ayar.model.rotary import RotaryTable
from ayar.ops import Adapter, FrozenWeight, attention, linear_cross_entropy, lora_linear, rms_norm, rope, swiglu
from ayar.ops.recompute import recomputed

Attend = Callable[[int, Tensor], Tensor]  # (layer, rotated qkv (T, heads + 2 kv heads, head_dim)) -> (T, heads · head_dim)


@dataclass
class _LayerAdapters:
    qkv: Sequence[Adapter | None]
    o: Sequence[Adapter | None]
    gate_up: Sequence[Adapter | None]
    down: Sequence[Adapter | None]


_NO_ADAPTERS = _LayerAdapters((), (), (), ())


class Decoder:
    """Frozen weights in ``dtype`` (fp32 or bf16), adapters in fp32. The residual stream is in ``dtype``."""

    def __init__(self, config: ModelConfig, frozen: loading.FrozenParts, adapters: AdapterParameters | None, dtype: torch.dtype) -> None:
        self.config, self.dtype, self.adapters = config, dtype, adapters
        self._frozen = frozen
        self._rotary = RotaryTable(config.head_dim, config.rope_theta, config.rope_scaling)
        self._layer_adapters = [_adapters_of(adapters, layer) for layer in range(config.num_hidden_layers)]
        self._adapters_are_on = True

    @staticmethod
    def load(folder: str | Path, lora: LoraSettings | None = None, dtype: torch.dtype = torch.bfloat16, seed: int = 0) -> "Decoder":
        """Loads a folder of config.json and safetensors, tensor by tensor; with fresh adapters where ``lora`` is given.

        Raises ModelError naming file and tensor where the folder is damaged or holds an architecture that is not built.
        """
        if dtype not in (torch.float32, torch.bfloat16):
            raise ModelError(f"dtype {dtype}: the decoder computes in float32 or bfloat16.")
        config = ModelConfig.from_folder(folder)
        adapters = None if lora is None else AdapterParameters(config, lora, seed)
        return Decoder(config, loading.load(config, dtype), adapters, dtype)

    @staticmethod
    def load_tuned(adapter_folder: Path, dtype: torch.dtype = torch.bfloat16) -> "Decoder":
        """Loads a saved adapter (PEFT's format) and the base model that it names. Raises ModelError."""
        settings, base = peft_format.read_settings(adapter_folder)
        decoder = Decoder.load(base, settings, dtype)
        peft_format.load_into(decoder.trainable_parameters(), adapter_folder)
        return decoder

    def trainable_parameters(self) -> AdapterParameters:
        """The adapters. Raises ModelError where the decoder was loaded without."""
        if self.adapters is None:
            raise ModelError("This decoder has no adapters: load it with LoraSettings to train it.")
        return self.adapters

    @contextmanager
    def without_adapters(self) -> Iterator[None]:
        """Inside the block the decoder is its base model."""
        before, self._adapters_are_on = self._adapters_are_on, False
        try:
            yield
        finally:
            self._adapters_are_on = before

    def loss(self, batch: PackedBatch) -> Tensor:
        """The weighted sum of −log p over the batch's pairs, fp32 scalar."""
        positions, targets = _tensor(batch.positions, torch.int64), _tensor(batch.targets, torch.int64)
        # Above its attention, the last layer works on trained rows only: nothing else reads the others.
        rows, positions = torch.unique(positions, return_inverse=True)
        hidden = self._packed(batch, rows if rows.numel() < len(batch.input_ids) else None)
        return linear_cross_entropy(hidden, self._frozen.head, positions, targets, _tensor(batch.weights, torch.float32))

    def hidden_states(self, batch: PackedBatch) -> Tensor:
        """(T, H) after the final norm."""
        return self._packed(batch, None)

    def logits(self, batch: PackedBatch) -> Tensor:
        """(T, V) of every row: for tests and short texts, since it holds the whole matrix."""
        return self.project(self.hidden_states(batch))

    def project(self, hidden: Tensor) -> Tensor:
        """Hidden states after the final norm (P, H) -> logits (P, V)."""
        return lora_linear(hidden, self._frozen.head)

    def run(self, input_ids: Tensor, position_ids: Tensor, attend: Attend, rows: Tensor | None = None) -> Tensor:
        """Hidden states after the final norm, with ``attend`` in place of attention (a cache, for one). rows: only these."""
        config = self.config
        longest = int(position_ids.max()) + 1 if position_ids.numel() else 0
        if longest > config.max_position_embeddings:
            raise ModelError(f"A sequence of {longest} tokens is longer than the model's context of {config.max_position_embeddings}.")
        cos, sin = self._rotary.up_to(longest)
        x = self._frozen.embedding[input_ids.long()].to(self.dtype)
        heads, kv_heads = config.num_attention_heads, config.num_key_value_heads
        for index, layer in enumerate(self._frozen.layers):
            adapters = self._layer_adapters[index] if self._adapters_are_on else _NO_ADAPTERS
            qkv = self._normed_linear(x, layer.input_norm, layer.qkv, adapters.qkv)
            qkv = rope(qkv.view(-1, heads + 2 * kv_heads, config.head_dim), cos, sin, position_ids, heads + kv_heads)
            mixed = attend(index, qkv)
            if rows is not None and index == config.num_hidden_layers - 1:
                x, mixed = x[rows], mixed[rows]
            x = lora_linear(mixed, layer.o, adapters.o).add_(x)  # into the product's own memory
            x = self._feed_forward(x, layer, adapters).add_(x)
        return rms_norm(x, self._frozen.norm, config.rms_norm_eps)

    def _feed_forward(self, x: Tensor, layer: Layer, adapters: _LayerAdapters) -> Tensor:
        gate_up = self._normed_linear(x, layer.post_attention_norm, layer.gate_up, adapters.gate_up)
        with recomputed(swiglu(gate_up), lambda: swiglu(gate_up)) as activated:
            return lora_linear(activated, layer.down, adapters.down)

    def _normed_linear(self, x: Tensor, norm: Tensor, weight: FrozenWeight, adapters: Sequence[Adapter | None]) -> Tensor:
        eps = self.config.rms_norm_eps
        with recomputed(rms_norm(x, norm, eps), lambda: rms_norm(x, norm, eps)) as normed:
            return lora_linear(normed, weight, adapters)

    def _packed(self, batch: PackedBatch, rows: Tensor | None) -> Tensor:
        cu_seqlens, parents = _tensor(batch.cu_seqlens, torch.int32), _tensor(batch.parents, torch.int32)
        heads, kv_heads = self.config.num_attention_heads, self.config.num_key_value_heads
        scale = 1 / math.sqrt(self.config.head_dim)

        def attend(layer: int, qkv: Tensor) -> Tensor:
            return attention(qkv, cu_seqlens, heads, kv_heads, scale, parents)

        return self.run(_tensor(batch.input_ids, torch.int32), _tensor(batch.position_ids, torch.int32), attend, rows)


def _adapters_of(adapters: AdapterParameters | None, layer: int) -> _LayerAdapters:
    def group(*modules: Any) -> Sequence[Adapter | None]:
        found = [adapters.at(layer, module) for module in modules] if adapters is not None else []
        return found if any(found) else ()

    return _LayerAdapters(group("q_proj", "k_proj", "v_proj"), group("o_proj"), group("gate_proj", "up_proj"), group("down_proj"))


def _tensor(values: Any, dtype: torch.dtype) -> Tensor:
    return torch.as_tensor(values, dtype=dtype)
