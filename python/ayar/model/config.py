"""config.json of a Llama-family checkpoint. What would change the mathematics and is not built here is refused by name."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ayar.errors import ModelError
from ayar.model.rotary import RopeScaling

_FAMILIES = ("llama", "mistral", "qwen2")  # SmolLM and SmolLM2 call themselves llama

# Fields that change the mathematics, each with the values under which it does not.
_NEUTRAL: dict[str, tuple[Any, ...]] = {
    "hidden_act": ("silu",),
    "pretraining_tp": (None, 1),
    "quantization_config": (None,),
    "rope_interleaved": (None, False),
    "partial_rotary_factor": (None, 1, 1.0),
    "attn_logit_softcapping": (None,),
    "final_logit_softcapping": (None,),
    "embedding_multiplier": (None, 1, 1.0),
    "attention_multiplier": (None,),
    "residual_multiplier": (None, 1, 1.0),
    "logits_scaling": (None, 1, 1.0),
    "query_pre_attn_scalar": (None,),
    "clip_qkv": (None,),
    "use_qk_norm": (None, False),
}


@dataclass(frozen=True)
class ModelConfig:
    """The numbers that shape a decoder; names as in ``config.json``."""

    folder: Path
    model_type: str
    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int
    max_position_embeddings: int  # the shorter of the context and the sliding window: up to there full attention is exact
    rms_norm_eps: float
    rope_theta: float
    rope_scaling: RopeScaling | None
    tie_word_embeddings: bool
    attention_bias: bool  # on q, k and v
    attention_output_bias: bool  # on o
    mlp_bias: bool
    bos_token_id: int | None
    eos_token_ids: tuple[int, ...]
    pad_token_id: int | None

    @staticmethod
    def from_folder(folder: str | Path) -> "ModelConfig":
        """Reads ``folder/config.json``. Raises ModelError naming the file and the field."""
        path = Path(folder) / "config.json"
        if not Path(folder).is_dir():
            raise ModelError(f"{folder}: no such model folder. Give a folder that holds config.json and safetensors files.")
        try:
            fields = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise ModelError(f"{path}: missing. A model folder holds config.json, tokenizer.json and safetensors files.") from None
        except (UnicodeDecodeError, json.JSONDecodeError) as error:
            raise ModelError(f"{path}: not valid JSON ({error.__class__.__name__}). Fetch the file again.") from None
        if not isinstance(fields, dict):
            raise ModelError(f"{path}: not a JSON object. Fetch the file again.")
        return _Reader(path, fields).config()

    @property
    def qkv_splits(self) -> tuple[int, int, int]:
        kv = self.num_key_value_heads * self.head_dim
        return self.num_attention_heads * self.head_dim, kv, kv


class _Reader:
    def __init__(self, path: Path, fields: Mapping[str, Any]) -> None:
        self.path, self.fields = path, fields

    def config(self) -> ModelConfig:
        family = self.fields.get("model_type")
        if family not in _FAMILIES:
            raise ModelError(f"{self.path}: model_type {family!r} is not built; {', '.join(_FAMILIES)} are.")
        for name, neutral in _NEUTRAL.items():
            if name in self.fields and self.fields[name] not in neutral:
                raise ModelError(f"{self.path}: {name}: {self.fields[name]!r} changes the mathematics and is not built.")
        heads, hidden = self.number("num_attention_heads"), self.number("hidden_size")
        kv_heads = self.number("num_key_value_heads", heads)
        if heads % kv_heads:
            raise ModelError(f"{self.path}: num_attention_heads {heads} is no multiple of num_key_value_heads {kv_heads}.")
        head_dim = self.number("head_dim", hidden // heads)
        if head_dim % 2:
            raise ModelError(f"{self.path}: head_dim {head_dim} is odd, so it cannot be rotated.")
        rope_theta, rope_scaling = self.rope()
        biased = family == "qwen2" or bool(self.fields.get("attention_bias"))
        return ModelConfig(
            folder=self.path.parent,
            model_type=family,
            vocab_size=self.number("vocab_size"),
            hidden_size=hidden,
            intermediate_size=self.number("intermediate_size"),
            num_hidden_layers=self.number("num_hidden_layers"),
            num_attention_heads=heads,
            num_key_value_heads=kv_heads,
            head_dim=head_dim,
            max_position_embeddings=self.context(),
            rms_norm_eps=self.positive("rms_norm_eps", 1e-6),
            rope_theta=rope_theta,
            rope_scaling=rope_scaling,
            tie_word_embeddings=bool(self.fields.get("tie_word_embeddings", False)),
            attention_bias=biased,
            attention_output_bias=family == "llama" and biased,
            mlp_bias=family == "llama" and bool(self.fields.get("mlp_bias")),
            bos_token_id=self.fields.get("bos_token_id"),
            eos_token_ids=self.eos(),
            pad_token_id=self.fields.get("pad_token_id"),
        )

    def number(self, name: str, default: int | None = None) -> int:
        value = self.fields.get(name)
        value = default if value is None else value
        if type(value) is not int or value < 1:
            raise ModelError(f"{self.path}: {name}: a positive whole number is needed, not {value!r}.")
        return value

    def positive(self, name: str, default: float) -> float:
        value = self.fields.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
            raise ModelError(f"{self.path}: {name}: a positive number is needed, not {value!r}.")
        return float(value)

    def context(self) -> int:
        window = self.fields.get("sliding_window")
        if self.fields.get("model_type") == "qwen2" and not self.fields.get("use_sliding_window"):
            window = None
        context = self.number("max_position_embeddings", 2048)
        return context if window is None else min(context, self.number("sliding_window"))

    def rope(self) -> tuple[float, RopeScaling | None]:
        parameters = self.fields.get("rope_parameters") or {}  # since transformers 5; rope_theta and rope_scaling before
        scaling = parameters or self.fields.get("rope_scaling") or {}
        theta = parameters.get("rope_theta", self.fields.get("rope_theta", 10000.0))
        if isinstance(theta, bool) or not isinstance(theta, int | float) or not theta > 0:
            raise ModelError(f"{self.path}: rope_theta: a positive number is needed, not {theta!r}.")
        if parameters.get("partial_rotary_factor", 1) != 1:
            raise ModelError(f"{self.path}: rope_parameters.partial_rotary_factor changes the mathematics and is not built.")
        try:
            return float(theta), RopeScaling.from_fields(scaling)
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(f"{self.path}: rope scaling {dict(scaling)!r} is not built or not complete ({error}).") from None

    def eos(self) -> tuple[int, ...]:
        eos = self.fields.get("eos_token_id")
        return tuple(eos) if isinstance(eos, list) else () if eos is None else (eos,)
