"""A decoder of any family in ``families.py`` over packed rows, with frozen weights and LoRA adapters. Shapes: T rows, H hidden, V vocabulary."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ayar.errors import ModelError
from ayar.model import loading, peft_format
from ayar.model.adapters import AdapterParameters, LoraSettings, gate_up_modules, qkv_modules
from ayar.model.batch import PackedBatch
from ayar.model.config import ModelConfig
from ayar.model.loading import Layer
from ayar.model.parts import parts
from ayar.model.rotary import RotaryTable
from ayar.ops import (
    Adapter,
    FrozenWeight,
    Storage,
    attention,
    geglu,
    head_norm,
    linear_cross_entropy,
    lora_linear,
    rms_norm,
    rms_norm_branch,
    rope,
    swiglu,
)
from ayar.ops.recompute import recomputed

PART_TOKENS = 2048  # that go forward and back at once: halves take 400 MB less of a small model, and 3 % longer
_MOST_TRAINED = 0.9  # share of rows: to pick out more of them costs what it saves
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
        self._rotary = RotaryTable(config.rotation)
        self._local_rotary = self._rotary if config.local_rotation == config.rotation else RotaryTable(config.local_rotation)
        self._gated = swiglu if config.gate == "silu" else geglu
        self._layer_adapters = [_adapters_of(adapters, config, layer) for layer in range(config.num_hidden_layers)]
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
        storage = "full" if lora is None else lora.base_weights
        return Decoder(config, loading.load(config, dtype, storage), adapters, dtype)

    @staticmethod
    def load_tuned(adapter_folder: Path, dtype: torch.dtype = torch.bfloat16, base_weights: Storage = "full") -> "Decoder":
        """Loads a saved adapter (PEFT's format) and the base model that it names. Raises ModelError."""
        settings, base = peft_format.read_settings(adapter_folder)
        decoder = Decoder.load(base, settings.model_copy(update={"base_weights": base_weights}), dtype)
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

    @contextmanager
    def dropping_out(self, draw: int, part: int = 0) -> Iterator[None]:
        """Inside the block the adapters' dropout is on. draw, part: which masks; others for every part of every batch."""
        before = self._layer_adapters
        if self.trainable_parameters().settings.dropout:
            layers = range(self.config.num_hidden_layers)
            self._layer_adapters = [_adapters_of(self.adapters, self.config, layer, draw, part) for layer in layers]
        try:
            yield
        finally:
            self._layer_adapters = before

    def loss(self, batch: PackedBatch) -> Tensor:
        """The weighted sum of −log p over the batch's pairs, fp32 scalar."""
        positions, targets = _tensor(batch.positions, torch.int64), _tensor(batch.targets, torch.int64)
        # Above its attention, the last layer works on trained rows only: nothing else reads the others.
        rows, places = torch.unique(positions, return_inverse=True)
        if rows.numel() > _MOST_TRAINED * len(batch.input_ids):
            rows, places = None, positions
        hidden = self._packed(batch, rows)
        weights, softcap = _tensor(batch.weights, torch.float32), self.config.final_logit_softcapping
        return linear_cross_entropy(hidden, self._frozen.head, places, targets, weights, softcap)

    def accumulate_gradients(self, batch: PackedBatch, scale: float, draw: int) -> float:
        """Adds the gradients of scale · loss(batch) to the adapters', and returns that product. draw: of dropout, other for every batch.

        A part of the batch at a time goes forward and back, so that no more than its activations are held: memory that is not touched
        need not be had, and what is touched stays in cache.
        """
        total = 0.0
        for index, part in enumerate(parts(batch, PART_TOKENS)):
            with self.dropping_out(draw, index):
                loss = self.loss(part) * scale
            loss.backward()
            total += loss.item()
        return total

    def hidden_states(self, batch: PackedBatch) -> Tensor:
        """(T, H) after the final norm."""
        return self._packed(batch, None)

    def logits(self, batch: PackedBatch) -> Tensor:
        """(T, V) of every row: for tests and short texts, since it holds the whole matrix."""
        return self.project(self.hidden_states(batch))

    def project(self, hidden: Tensor) -> Tensor:
        """Hidden states after the final norm (P, H) -> logits (P, V)."""
        logits, softcap = lora_linear(hidden, self._frozen.head), self.config.final_logit_softcapping
        return logits if softcap is None else (logits.float() / softcap).tanh().mul(softcap).to(logits.dtype)

    def run(self, input_ids: Tensor, position_ids: Tensor, attend: Attend, rows: Tensor | None = None) -> Tensor:
        """Hidden states after the final norm, with ``attend`` in place of attention (a cache, for one). rows: only these."""
        config = self.config
        longest = int(position_ids.max()) + 1 if position_ids.numel() else 0
        if longest > config.max_position_embeddings:
            raise ModelError(f"A sequence of {longest} tokens is longer than the model's context of {config.max_position_embeddings}.")
        tables: dict[int | None, tuple[Tensor, Tensor]] = {None: self._rotary.up_to(longest)}
        x = self._embedded(input_ids)
        for index, layer in enumerate(self._frozen.layers):
            adapters = self._layer_adapters[index] if self._adapters_are_on else _NO_ADAPTERS
            window = config.windows[index]
            if window not in tables:
                tables[window] = self._local_rotary.up_to(longest)
            qkv, x = self._queries_keys_values(x, layer, adapters, tables[window], position_ids)
            mixed = attend(index, qkv)
            if rows is not None and index == config.num_hidden_layers - 1:
                x, mixed = x[rows], mixed[rows]
            x = self._added(lora_linear(mixed, layer.o, adapters.o), layer.post_attention_norm, x)
            y, x = self._feed_forward(x, layer, adapters)
            x = self._added(y, layer.post_mlp_norm, x)
        return rms_norm(x, self._frozen.norm, config.rms_norm_eps)

    def _embedded(self, input_ids: Tensor) -> Tensor:
        x = self._frozen.embedding[input_ids.long()].to(self.dtype)
        scale = self.config.embedding_scale
        return x if scale == 1 else x * torch.tensor(scale, dtype=self.dtype)  # the scale is rounded too, as in training

    def _queries_keys_values(
        self, x: Tensor, layer: Layer, adapters: _LayerAdapters, table: tuple[Tensor, Tensor], position_ids: Tensor
    ) -> tuple[Tensor, Tensor]:
        """(T, heads + 2 kv heads, head_dim), queries and keys rotated; and x, for the residual stream."""
        config = self.config
        turned = config.num_attention_heads + config.num_key_value_heads
        qkv, x = self._normed_linear(x, layer.attention_norm, layer.qkv, adapters.qkv)
        qkv = qkv.view(-1, turned + config.num_key_value_heads, config.head_dim)
        if layer.head_norm is not None:
            qkv = head_norm(qkv, layer.head_norm, config.rms_norm_eps)
        return rope(qkv, *table, position_ids, turned), x

    def _added(self, y: Tensor, norm: Tensor | None, x: Tensor) -> Tensor:
        """The residual stream x with a block's output, which some families norm first; in the memory of that output."""
        return (y if norm is None else rms_norm(y, norm, self.config.rms_norm_eps)).add_(x)

    def _feed_forward(self, x: Tensor, layer: Layer, adapters: _LayerAdapters) -> tuple[Tensor, Tensor]:
        gate_up, x = self._normed_linear(x, layer.mlp_norm, layer.gate_up, adapters.gate_up)
        with recomputed(self._gated(gate_up), lambda: self._gated(gate_up)) as activated:
            return lora_linear(activated, layer.down, adapters.down), x

    def _normed_linear(self, x: Tensor, norm: Tensor, weight: FrozenWeight, adapters: Sequence[Adapter | None]) -> tuple[Tensor, Tensor]:
        eps = self.config.rms_norm_eps
        normed, stream = rms_norm_branch(x, norm, eps)
        with recomputed(normed, lambda: rms_norm(x, norm, eps)):
            return lora_linear(normed, weight, adapters), stream

    def _packed(self, batch: PackedBatch, rows: Tensor | None) -> Tensor:
        cu_seqlens, parents = _tensor(batch.cu_seqlens, torch.int32), _tensor(batch.parents, torch.int32)
        heads, kv_heads = self.config.num_attention_heads, self.config.num_key_value_heads
        scale, softcap = self.config.attention_scale, self.config.attn_logit_softcapping

        def attend(layer: int, qkv: Tensor) -> Tensor:
            return attention(qkv, cu_seqlens, heads, kv_heads, scale, parents, self.config.windows[layer], softcap)

        return self.run(_tensor(batch.input_ids, torch.int32), _tensor(batch.position_ids, torch.int32), attend, rows)


def _adapters_of(
    adapters: AdapterParameters | None, config: ModelConfig, layer: int, draw: int | None = None, part: int = 0
) -> _LayerAdapters:
    def group(*modules: Any) -> Sequence[Adapter | None]:
        found = [adapters.at(layer, module, draw, part) for module in modules] if adapters is not None else []
        return found if any(found) else ()

    return _LayerAdapters(group(*qkv_modules(config)), group("o_proj"), group(*gate_up_modules(config)), group("down_proj"))


def _tensor(values: Any, dtype: torch.dtype) -> Tensor:
    return torch.as_tensor(values, dtype=dtype)
