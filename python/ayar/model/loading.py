"""Reads a checkpoint's weights straight into the packed form that the ops take, one layer at a time."""

from dataclasses import dataclass

import torch
from torch import Tensor

from ayar.model.adapters import module_shapes
from ayar.model.config import ModelConfig
from ayar.model.weights import Checkpoint
from ayar.ops import FrozenWeight

_DERIVED = ("rotary_emb.inv_freq",)  # old checkpoints store what config.json already says


@dataclass
class Layer:
    """One block's frozen weights; projections that share their input are one."""

    input_norm: Tensor  # (H,) fp32
    qkv: FrozenWeight
    o: FrozenWeight
    post_attention_norm: Tensor  # (H,) fp32
    gate_up: FrozenWeight
    down: FrozenWeight


@dataclass
class FrozenParts:
    """The whole frozen model. embedding: (V, H) as stored. head: (V, H), the embedding's twin where they are tied."""

    embedding: Tensor
    layers: list[Layer]
    norm: Tensor  # (H,) fp32
    head: FrozenWeight


def load(config: ModelConfig, dtype: torch.dtype) -> FrozenParts:
    """Loads and packs. Raises ModelError naming file and tensor."""
    checkpoint = checked_files(config)
    embedding = checkpoint.read("model.embed_tokens.weight").clone()
    layers = [_layer(checkpoint, f"model.layers.{index}.", config, dtype) for index in range(config.num_hidden_layers)]
    head = embedding if config.tie_word_embeddings else checkpoint.read("lm_head.weight")
    return FrozenParts(embedding, layers, checkpoint.read("model.norm.weight").float(), FrozenWeight.pack([head], dtype=dtype))


def checked_files(config: ModelConfig) -> Checkpoint:
    """The checkpoint's files, every header found to hold just what ``config`` asks for. Raises ModelError naming file and tensor."""
    checkpoint = Checkpoint(config.folder)
    # Some tied checkpoints store the head too: transformers then reads the embedding, and so does this.
    checkpoint.check(expected_shapes(config), (*_DERIVED, "lm_head.weight") if config.tie_word_embeddings else _DERIVED)
    return checkpoint


def expected_shapes(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    """Every tensor of the checkpoint that ``config`` describes."""
    hidden = config.hidden_size
    shapes: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (config.vocab_size, hidden), "model.norm.weight": (hidden,)}
    if not config.tie_word_embeddings:
        shapes["lm_head.weight"] = (config.vocab_size, hidden)
    for index in range(config.num_hidden_layers):
        layer = f"model.layers.{index}."
        shapes |= {f"{layer}input_layernorm.weight": (hidden,), f"{layer}post_attention_layernorm.weight": (hidden,)}
        for module, shape in module_shapes(config).items():
            path = layer + _PATHS[module]
            shapes[f"{path}.weight"] = shape
            if _has_bias(config, module):
                shapes[f"{path}.bias"] = shape[:1]
    return shapes


_PATHS = {name: f"self_attn.{name}" for name in ("q_proj", "k_proj", "v_proj", "o_proj")} | {
    name: f"mlp.{name}" for name in ("gate_proj", "up_proj", "down_proj")
}


def _has_bias(config: ModelConfig, module: str) -> bool:
    if module == "o_proj":
        return config.attention_output_bias
    return config.attention_bias if _PATHS[module].startswith("self_attn") else config.mlp_bias


def _layer(checkpoint: Checkpoint, prefix: str, config: ModelConfig, dtype: torch.dtype) -> Layer:
    def pack(*modules: str) -> FrozenWeight:
        paths = [prefix + _PATHS[module] for module in modules]
        bias = None
        if _has_bias(config, modules[0]):
            bias = torch.cat([checkpoint.read(f"{path}.bias").float() for path in paths])
        return FrozenWeight.pack([checkpoint.read(f"{path}.weight") for path in paths], bias, dtype)

    def norm(name: str) -> Tensor:
        return checkpoint.read(f"{prefix}{name}.weight").float()

    return Layer(
        input_norm=norm("input_layernorm"),
        qkv=pack("q_proj", "k_proj", "v_proj"),
        o=pack("o_proj"),
        post_attention_norm=norm("post_attention_layernorm"),
        gate_up=pack("gate_proj", "up_proj"),
        down=pack("down_proj"),
    )
