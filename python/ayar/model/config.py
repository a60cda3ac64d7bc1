"""config.json of a checkpoint. What would change the mathematics and is not built here is refused by name."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ayar.errors import ModelError
from ayar.model.families import FAMILIES, HARMLESS, NEUTRAL, READ_BY_ALL, Bias
from ayar.model.rope_scaling import scaling_of
from ayar.model.rotary import Rotation

_GATES = {  # what a family's activation may be called, in each field that may name it
    "silu": {"hidden_act": ("silu", "swish")},
    "gelu_pytorch_tanh": {"hidden_activation": ("gelu_pytorch_tanh",), "hidden_act": ("gelu_pytorch_tanh", "gelu")},
}
_LAYER_TYPES = ("full_attention", "sliding_attention")


@dataclass(frozen=True)
class ModelConfig:
    """The numbers that shape a decoder; names as in ``config.json`` where it has them."""

    folder: Path
    model_type: str
    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int
    max_position_embeddings: int  # the longest sequence: where a rope scaling holds for less than the checkpoint's context, that
    rms_norm_eps: float
    norm_offset: float  # norms scale by offset + weight
    rotation: Rotation
    local_rotation: Rotation  # of layers with a window
    windows: tuple[int | None, ...]  # of each layer: how many tokens a token sees, itself included; None: all
    attention_scale: float
    attn_logit_softcapping: float | None
    final_logit_softcapping: float | None
    embedding_scale: float
    gate: Literal["silu", "gelu_pytorch_tanh"]
    has_qk_norm: bool
    has_post_norms: bool
    has_fused_projections: bool
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
        name = fields.get("model_type")
        if name not in FAMILIES:
            raise ModelError(f"{path}: model_type {name!r} is not built; {', '.join(FAMILIES)} are.")
        self.model_type, self.family = str(name), FAMILIES[name]

    def config(self) -> ModelConfig:
        self.refuse_unknown()
        family = self.family
        heads, hidden = self.number("num_attention_heads"), self.number("hidden_size")
        layers = self.number("num_hidden_layers")
        kv_heads = self.number("num_key_value_heads", heads)
        if heads % kv_heads:
            raise ModelError(f"{self.path}: num_attention_heads {heads} is no multiple of num_key_value_heads {kv_heads}.")
        head_dim = self.number("head_dim", hidden // heads)
        context = self.number("max_position_embeddings")
        rotation, local = self.rotations(head_dim, context)
        if rotation.scaling is not None and rotation.scaling.longest is not None:
            context = min(context, rotation.scaling.longest)
        return ModelConfig(
            folder=self.path.parent,
            model_type=self.model_type,
            vocab_size=self.number("vocab_size"),
            hidden_size=hidden,
            intermediate_size=self.number("intermediate_size"),
            num_hidden_layers=layers,
            num_attention_heads=heads,
            num_key_value_heads=kv_heads,
            head_dim=head_dim,
            max_position_embeddings=context,
            rms_norm_eps=self.positive("rms_norm_eps", 1e-6),
            norm_offset=family.norm_offset,
            rotation=rotation,
            local_rotation=local,
            windows=self.windows(layers),
            attention_scale=self.positive("query_pre_attn_scalar", head_dim) ** -0.5,
            attn_logit_softcapping=self.softcap("attn_logit_softcapping"),
            final_logit_softcapping=self.softcap("final_logit_softcapping"),
            embedding_scale=math.sqrt(hidden) if family.scales_embedding else 1.0,
            gate=self.gate(),
            has_qk_norm=family.has_qk_norm,
            has_post_norms=family.has_post_norms,
            has_fused_projections=family.has_fused_projections,
            tie_word_embeddings=bool(self.value("tie_word_embeddings", False)),
            attention_bias=self.bias(family.qkv_bias),
            attention_output_bias=self.bias(family.output_bias),
            mlp_bias="mlp_bias" in family.reads and bool(self.fields.get("mlp_bias")),
            bos_token_id=self.fields.get("bos_token_id"),
            eos_token_ids=self.eos(),
            pad_token_id=self.fields.get("pad_token_id"),
        )

    def refuse_unknown(self) -> None:
        """A field that is read, one that says nothing about the forward pass, or one with a value that changes nothing: else an error."""
        for name, value in self.fields.items():
            if name in self.family.reads or name in READ_BY_ALL or name in HARMLESS:
                continue
            if name not in NEUTRAL:
                raise ModelError(
                    f"{self.path}: the field {name!r} is not known for model_type {self.model_type!r}; it may change the mathematics. "
                    "Take it out if it does not."
                )
            if value not in NEUTRAL[name]:
                raise ModelError(f"{self.path}: {name}: {value!r} changes the mathematics and is not built for {self.model_type!r}.")

    def value(self, name: str, default: Any = None) -> Any:
        """What config.json says; where it leaves the field out, what the family says, then ``default``."""
        return self.fields[name] if name in self.fields else self.family.defaults.get(name, default)

    def number(self, name: str, default: int | None = None) -> int:
        value = self.value(name, default)
        value = default if value is None else value
        if type(value) is not int or value < 1:
            raise ModelError(f"{self.path}: {name}: a positive whole number is needed, not {value!r}.")
        return value

    def positive(self, name: str, default: float) -> float:
        value = self.value(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
            raise ModelError(f"{self.path}: {name}: a positive number is needed, not {value!r}.")
        return float(value)

    def softcap(self, name: str) -> float | None:
        return None if self.value(name) is None else self.positive(name, 0.0)

    def bias(self, rule: Bias) -> bool:
        return rule == "always" or (rule == "attention_bias" and bool(self.fields.get("attention_bias")))

    def gate(self) -> Literal["silu", "gelu_pytorch_tanh"]:
        gate = self.family.gate
        for name, values in _GATES[gate].items():
            value = self.fields.get(name)
            if value is not None and value not in values:
                raise ModelError(f"{self.path}: {name}: {value!r} is not built for model_type {self.model_type!r}; {values[0]!r} is.")
        return gate

    def windows(self, layers: int) -> tuple[int | None, ...]:
        rule = self.family.windows
        has_window = rule != "none" and (rule != "by use_sliding_window" or bool(self.fields.get("use_sliding_window")))
        window = self.number("sliding_window") if has_window and self.value("sliding_window") is not None else None
        if rule in ("none", "every layer"):
            return (window,) * layers
        kinds = self.fields.get("layer_types")
        if kinds is None:
            first = self.number("max_window_layers") if rule == "by use_sliding_window" else 0
            pattern = self.family.pattern
            for name in ("sliding_window_pattern", "_sliding_window_pattern"):
                pattern = self.number(name) if self.fields.get(name) is not None else pattern
            sliding = [(index + 1) % pattern != 0 if pattern else index >= first for index in range(layers)]
            return tuple(window if slides else None for slides in sliding)
        if not isinstance(kinds, list) or len(kinds) != layers or not all(kind in _LAYER_TYPES for kind in kinds):
            raise ModelError(f"{self.path}: layer_types: {layers} names, each of {' or '.join(_LAYER_TYPES)}, are needed, not {kinds!r}.")
        if window is None and "sliding_attention" in kinds:
            raise ModelError(f"{self.path}: layer_types: sliding_attention needs a sliding_window that is in use.")
        return tuple(window if kind == "sliding_attention" else None for kind in kinds)

    def rotations(self, head_dim: int, context: int) -> tuple[Rotation, Rotation]:
        """Of layers that see the whole sequence, and of those with a window."""
        parameters = self.mapping("rope_parameters")  # since transformers 5; rope_theta and rope_scaling before
        if parameters.keys() & set(_LAYER_TYPES):
            if self.family.local_theta is None or parameters.keys() - set(_LAYER_TYPES):
                raise ModelError(f"{self.path}: rope_parameters for each layer type are not built for model_type {self.model_type!r}.")
            full, sliding = ({**(parameters.get(kind) or {})} for kind in _LAYER_TYPES)
        else:
            full = {**(parameters or self.mapping("rope_scaling"))}
            sliding = {**full} if self.family.local_theta is None else {}
        if self.family.local_theta is not None:
            sliding.setdefault("rope_theta", self.fields.get("rope_local_base_freq", self.family.local_theta))
        return self.rotation(full, head_dim, context), self.rotation(sliding, head_dim, context)

    def rotation(self, parameters: dict[str, Any], head_dim: int, context: int) -> Rotation:
        theta = parameters.get("rope_theta", self.value("rope_theta", 10000.0))
        if isinstance(theta, bool) or not isinstance(theta, int | float) or not theta > 0:
            raise ModelError(f"{self.path}: rope_theta: a positive number is needed, not {theta!r}.")
        share = parameters.get("partial_rotary_factor", self.fields.get("partial_rotary_factor")) or 1.0
        if share != 1 and "partial_rotary_factor" not in self.family.reads:
            raise ModelError(f"{self.path}: rope_parameters.partial_rotary_factor changes the mathematics and is not built here.")
        try:
            dims = int(head_dim * share)
            if self.model_type == "phi3" and parameters.get("rope_type", parameters.get("type")) in ("su", "yarn"):
                parameters = {**parameters, "rope_type": "longrope"}  # the names that Phi-3 had for it first
            original = self.value("original_max_position_embeddings") if "original_max_position_embeddings" in self.family.reads else None
            rotation = Rotation(float(theta), dims, scaling_of(parameters, context, original))
            if not 0 < dims <= head_dim or dims % 2:
                raise ModelError(f"{self.path}: head_dim {head_dim}: {dims} of its dimensions cannot be rotated in pairs.")
            rotation.frequencies()  # factors that do not fit the head are found now
            return rotation
        except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
            raise ModelError(f"{self.path}: rope scaling {parameters!r} is not built or not complete ({error}).") from None

    def mapping(self, name: str) -> Mapping[str, Any]:
        value = self.fields.get(name) or {}
        if not isinstance(value, dict):
            raise ModelError(f"{self.path}: {name}: an object is needed, not {value!r}.")
        return value

    def eos(self) -> tuple[int, ...]:
        eos = self.fields.get("eos_token_id")
        return tuple(eos) if isinstance(eos, list) else () if eos is None else (eos,)
