"""What tells the model families apart: one row for each model_type. Names and defaults are those of config.json."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Bias = Literal["never", "always", "attention_bias"]  # the last: as that field of config.json says
Windows = Literal["none", "every layer", "by use_sliding_window", "by layer_types"]


@dataclass(frozen=True)
class Family:
    """The architecture behind a model_type.

    reads: fields of config.json that this family's mathematics depends on, beside those that every family reads.
    defaults: what a field that config.json leaves out means. gate: the activation of the gated MLP, as config.json calls it.
    """

    reads: frozenset[str] = frozenset()
    defaults: Mapping[str, Any] = field(default_factory=dict)
    gate: Literal["silu", "gelu_pytorch_tanh"] = "silu"
    qkv_bias: Bias = "never"
    output_bias: Bias = "never"
    windows: Windows = "none"
    pattern: int = 0  # every pattern-th layer sees the whole sequence, where layer_types is left out
    has_qk_norm: bool = False  # RMSNorm of each query and key head
    has_post_norms: bool = False  # RMSNorm after attention and MLP too, before each is added to the residual stream
    has_fused_projections: bool = False  # the checkpoint's modules are qkv_proj and gate_up_proj
    norm_offset: float = 0.0  # a norm scales by offset + weight
    scales_embedding: bool = False  # by √hidden_size
    local_theta: float | None = None  # layers with a window rotate by this base instead


_WINDOWED = frozenset({"use_sliding_window", "sliding_window", "max_window_layers", "layer_types"})
_GEMMA = frozenset(
    {"hidden_activation", "attention_bias", "query_pre_attn_scalar", "final_logit_softcapping", "sliding_window", "layer_types"}
)
_GEMMA_DEFAULTS = {
    "head_dim": 256,
    "num_key_value_heads": 4,
    "tie_word_embeddings": True,
    "query_pre_attn_scalar": 256,
    "sliding_window": 4096,
}
_LLAMA = Family(
    reads=frozenset({"attention_bias", "mlp_bias"}),
    defaults={"max_position_embeddings": 2048},
    qkv_bias="attention_bias",
    output_bias="attention_bias",
)

FAMILIES: dict[str, Family] = {
    "llama": _LLAMA,  # SmolLM and SmolLM2 call themselves llama too
    "mistral": Family(
        reads=frozenset({"sliding_window"}),
        defaults={"max_position_embeddings": 131_072, "num_key_value_heads": 8, "sliding_window": 4096},
        windows="every layer",
    ),
    "qwen2": Family(
        reads=_WINDOWED,
        defaults={"max_position_embeddings": 32_768, "num_key_value_heads": 32, "sliding_window": 4096, "max_window_layers": 28},
        qkv_bias="always",
        windows="by use_sliding_window",
    ),
    "qwen3": Family(
        reads=_WINDOWED | {"attention_bias"},
        defaults={
            "max_position_embeddings": 32_768,
            "num_key_value_heads": 32,
            "head_dim": 128,
            "sliding_window": 4096,
            "max_window_layers": 28,
        },
        qkv_bias="attention_bias",
        output_bias="attention_bias",
        windows="by use_sliding_window",
        has_qk_norm=True,
    ),
    "gemma2": Family(
        reads=_GEMMA | {"attn_logit_softcapping"},
        defaults={**_GEMMA_DEFAULTS, "max_position_embeddings": 8192, "final_logit_softcapping": 30.0, "attn_logit_softcapping": 50.0},
        gate="gelu_pytorch_tanh",
        qkv_bias="attention_bias",
        output_bias="attention_bias",
        windows="by layer_types",
        pattern=2,
        has_post_norms=True,
        norm_offset=1.0,
        scales_embedding=True,
    ),
    "gemma3_text": Family(
        reads=_GEMMA | {"rope_local_base_freq", "sliding_window_pattern", "_sliding_window_pattern"},
        defaults={**_GEMMA_DEFAULTS, "max_position_embeddings": 131_072, "rope_theta": 1_000_000.0},
        gate="gelu_pytorch_tanh",
        qkv_bias="attention_bias",
        output_bias="attention_bias",
        windows="by layer_types",
        pattern=6,
        has_qk_norm=True,
        has_post_norms=True,
        norm_offset=1.0,
        scales_embedding=True,
        local_theta=10_000.0,
    ),
    "phi3": Family(
        reads=frozenset({"sliding_window", "original_max_position_embeddings", "partial_rotary_factor"}),
        defaults={"max_position_embeddings": 4096, "original_max_position_embeddings": 4096, "rms_norm_eps": 1e-5},
        windows="every layer",
        has_fused_projections=True,
    ),
}

READ_BY_ALL = frozenset(
    "model_type vocab_size hidden_size intermediate_size num_hidden_layers num_attention_heads num_key_value_heads head_dim hidden_act"
    " max_position_embeddings rms_norm_eps rope_theta rope_scaling rope_parameters tie_word_embeddings bos_token_id eos_token_id pad_token_id".split()
)

# Fields that say nothing about the forward pass: where the model is from, how it was saved, begun or is to be run.
HARMLESS = frozenset(
    "architectures auto_map dtype torch_dtype transformers_version _name_or_path _attn_implementation_autoset use_cache cache_implementation"
    " initializer_range tokenizer_class unk_token_id sep_token_id decoder_start_token_id is_llama_config transformers.js_config"
    " unsloth_fixed unsloth_version id2label label2id problem_type finetuning_task task_specific_params output_attentions"
    " output_hidden_states return_dict torchscript chunk_size_feed_forward keys_to_ignore_at_inference".split()
)

# Fields that change the mathematics of the models which use them, each with the values under which it does not.
NEUTRAL: dict[str, tuple[Any, ...]] = {
    "pretraining_tp": (None, 1),
    "quantization_config": (None,),
    "rope_interleaved": (None, False),
    "partial_rotary_factor": (None, 1, 1.0),
    "attention_bias": (None, False),
    "mlp_bias": (None, False),
    "attention_dropout": (None, 0, 0.0),
    "resid_pdrop": (None, 0, 0.0),
    "embd_pdrop": (None, 0, 0.0),
    "attn_logit_softcapping": (None,),
    "final_logit_softcapping": (None,),
    "embedding_multiplier": (None, 1, 1.0),
    "attention_multiplier": (None,),
    "residual_multiplier": (None, 1, 1.0),
    "logits_scaling": (None, 1, 1.0),
    "query_pre_attn_scalar": (None,),
    "clip_qkv": (None,),
    "use_qk_norm": (None, False),
    "use_mrope": (None, False),
    "use_bidirectional_attention": (None, False),
    "sliding_window": (None,),
    "use_sliding_window": (None, False),
    "hidden_activation": (None, "silu"),
    "is_encoder_decoder": (None, False),
    "is_decoder": (None, False, True),
    "add_cross_attention": (None, False),
    "tie_encoder_decoder": (None, False),
    "pruned_heads": (None, {}),
    "lm_head_bias": (None, False),
    "full_attn_mod": (None, 1),
    "interpolate_factor": (None, 1),
}
