"""Reads a checkpoint's weights straight into the packed form that the ops take, one layer at a time."""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from ayar.model.adapters import TargetModule, gate_up_modules, module_path, module_shapes, qkv_modules
from ayar.model.config import ModelConfig
from ayar.model.weights import Checkpoint
from ayar.ops import FrozenWeight, Storage

_EMBEDDING = "model.embed_tokens.weight"
_DERIVED = ("rotary_emb.inv_freq",)  # old checkpoints store what config.json already says


class Reader(Protocol):
    """Gives the tensors of a checkpoint by name, where they are wanted."""

    def read(self, name: str) -> Tensor: ...


@dataclass
class Layer:
    """One block's frozen weights; projections that share their input are one. Norms: (H,) fp32, what a row is scaled by."""

    attention_norm: Tensor
    qkv: FrozenWeight
    head_norm: Tensor | None  # (heads + kv heads, head_dim) fp32
    o: FrozenWeight
    post_attention_norm: Tensor | None
    mlp_norm: Tensor
    gate_up: FrozenWeight
    down: FrozenWeight
    post_mlp_norm: Tensor | None


@dataclass
class FrozenParts:
    """The whole frozen model. embedding: (V, H) as stored, in the mapped file. head: (V, H), the embedding's twin where they are tied."""

    embedding: Tensor
    layers: list[Layer]
    norm: Tensor  # (H,) fp32
    head: FrozenWeight


def load(config: ModelConfig, dtype: torch.dtype, storage: Storage = "full") -> FrozenParts:
    """Loads and packs; the projections are kept in ``storage``. Raises ModelError naming file and tensor."""
    checkpoint = checked_files(config)
    layers = [read_layer(checkpoint, f"model.layers.{index}.", config, dtype, storage) for index in range(config.num_hidden_layers)]
    embedding = checkpoint.read(_EMBEDDING)
    head = FrozenWeight.pack([embedding if config.tie_word_embeddings else checkpoint.read("lm_head.weight")], dtype=dtype)
    embedding = checkpoint.read_again(_EMBEDDING)  # rows of tokens that occur are all that is read from now on
    return FrozenParts(embedding, layers, read_norm(checkpoint, "model.norm", config), head)


def checked_files(config: ModelConfig) -> Checkpoint:
    """The checkpoint's files, every header found to hold just what ``config`` asks for. Raises ModelError naming file and tensor."""
    checkpoint = Checkpoint(config.folder)
    # Some tied checkpoints store the head too: transformers then reads the embedding, and so does this.
    checkpoint.check(expected_shapes(config), (*_DERIVED, "lm_head.weight") if config.tie_word_embeddings else _DERIVED)
    return checkpoint


def expected_shapes(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    """Every tensor of the checkpoint that ``config`` describes."""
    hidden = config.hidden_size
    shapes: dict[str, tuple[int, ...]] = {_EMBEDDING: (config.vocab_size, hidden), "model.norm.weight": (hidden,)}
    if not config.tie_word_embeddings:
        shapes["lm_head.weight"] = (config.vocab_size, hidden)
    for index in range(config.num_hidden_layers):
        layer = f"model.layers.{index}."
        shapes |= {f"{layer}{name}.weight": (hidden,) for name in _norm_names(config)}
        if config.has_qk_norm:
            shapes |= {f"{layer}self_attn.{name}.weight": (config.head_dim,) for name in ("q_norm", "k_norm")}
        for module, shape in module_shapes(config).items():
            path = layer + module_path(module)
            shapes[f"{path}.weight"] = shape
            if _has_bias(config, module):
                shapes[f"{path}.bias"] = shape[:1]
    return shapes


def _norm_names(config: ModelConfig) -> tuple[str, ...]:
    """In the order in which a layer uses them: before attention, [after it], before the MLP, [after it]."""
    if config.has_post_norms:
        return "input_layernorm", "post_attention_layernorm", "pre_feedforward_layernorm", "post_feedforward_layernorm"
    return "input_layernorm", "post_attention_layernorm"  # the second stands before the MLP in spite of its name


def _has_bias(config: ModelConfig, module: TargetModule) -> bool:
    if module == "o_proj":
        return config.attention_output_bias
    return config.attention_bias if module in qkv_modules(config) else config.mlp_bias


def read_norm(checkpoint: Reader, path: str, config: ModelConfig) -> Tensor:
    return checkpoint.read(f"{path}.weight").float() + config.norm_offset


def read_layer(checkpoint: Reader, prefix: str, config: ModelConfig, dtype: torch.dtype, storage: Storage) -> Layer:
    def pack(*modules: TargetModule) -> FrozenWeight:
        paths = [prefix + module_path(module) for module in modules]
        bias = None
        if _has_bias(config, modules[0]):
            bias = torch.cat([checkpoint.read(f"{path}.bias").float() for path in paths])
        return FrozenWeight.pack([checkpoint.read(f"{path}.weight") for path in paths], bias, dtype, storage)

    norms = [read_norm(checkpoint, prefix + name, config) for name in _norm_names(config)]
    before_attention, after_attention, before_mlp, after_mlp = norms if config.has_post_norms else (norms[0], None, norms[1], None)
    return Layer(
        attention_norm=before_attention,
        qkv=pack(*qkv_modules(config)),
        head_norm=_head_norm(checkpoint, prefix, config),
        o=pack("o_proj"),
        post_attention_norm=after_attention,
        mlp_norm=before_mlp,
        gate_up=pack(*gate_up_modules(config)),
        down=pack("down_proj"),
        post_mlp_norm=after_mlp,
    )


def _head_norm(checkpoint: Reader, prefix: str, config: ModelConfig) -> Tensor | None:
    if not config.has_qk_norm:
        return None
    query, key = (read_norm(checkpoint, f"{prefix}self_attn.{name}", config) for name in ("q_norm", "k_norm"))
    return torch.cat((query.expand(config.num_attention_heads, -1), key.expand(config.num_key_value_heads, -1)))
