import json
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoConfig

from ayar.errors import ModelError
from ayar.model.config import ModelConfig
from ayar.model.families import FAMILIES
from ayar.model.rope_scaling import Linear
from ayar.model.rotary import Rotation

FIELDS: dict[str, Any] = {
    "model_type": "llama",
    "vocab_size": 97,
    "hidden_size": 48,
    "intermediate_size": 80,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
}


def read(folder: Path, **changes: Any) -> ModelConfig:
    fields = {name: value for name, value in {**FIELDS, **changes}.items() if value != "absent"}
    (folder / "config.json").write_text(json.dumps(fields))
    return ModelConfig.from_folder(folder)


def test_defaults_are_those_of_the_family(tmp_path: Path) -> None:
    config = read(tmp_path)
    assert (config.num_key_value_heads, config.head_dim, config.max_position_embeddings) == (4, 12, 2048)
    assert (config.rotation, config.rms_norm_eps, config.tie_word_embeddings) == (Rotation(10000.0, 12), 1e-6, False)
    assert (config.attention_bias, config.attention_output_bias, config.mlp_bias) == (False, False, False)
    qwen2 = read(tmp_path, model_type="qwen2", num_key_value_heads=2)
    assert (qwen2.attention_bias, qwen2.attention_output_bias) == (True, False)
    assert read(tmp_path, attention_bias=True).attention_output_bias
    gemma = read(tmp_path, model_type="gemma2")
    assert (gemma.head_dim, gemma.tie_word_embeddings, gemma.attention_scale, gemma.final_logit_softcapping) == (256, True, 1 / 16, 30.0)
    assert read(tmp_path, model_type="phi3").rms_norm_eps == 1e-5


@pytest.mark.parametrize("family", FAMILIES)
def test_what_a_family_leaves_out_means_what_it_means_to_transformers(tmp_path: Path, family: str) -> None:
    sizes = {"vocab_size": 97, "hidden_size": 64, "intermediate_size": 80, "num_hidden_layers": 12, "num_attention_heads": 32}
    config = read(tmp_path, model_type=family, **sizes)
    theirs = AutoConfig.for_model(family, **sizes)
    for name in ("num_key_value_heads", "max_position_embeddings", "rms_norm_eps", "tie_word_embeddings"):
        assert getattr(config, name) == getattr(theirs, name), name
    assert config.head_dim == (getattr(theirs, "head_dim", None) or 2)
    kinds = getattr(theirs, "layer_types", ["sliding_attention"] * 12)
    window = getattr(theirs, "sliding_window", None)
    assert config.windows == tuple(window if kind == "sliding_attention" else None for kind in kinds)


@pytest.mark.parametrize("family", ["llama", "mistral", "qwen2", "qwen3", "gemma2", "gemma3_text", "phi3"])
def test_every_field_that_transformers_writes_is_known(tmp_path: Path, family: str) -> None:
    AutoConfig.for_model(family).save_pretrained(tmp_path)
    assert ModelConfig.from_folder(tmp_path).model_type == family


# The fields beside the sizes as published checkpoints have them, in the spelling of the transformers of their day.
PUBLISHED: dict[str, dict[str, Any]] = {
    "SmolLM2-135M": {
        "model_type": "llama", "hidden_act": "silu", "is_llama_config": True, "pretraining_tp": 1, "rope_interleaved": False,
        "rope_scaling": None, "rope_theta": 100000, "tie_word_embeddings": True, "attention_bias": False, "attention_dropout": 0.0,
        "initializer_range": 0.041666666666666664, "use_cache": True, "torch_dtype": "bfloat16",
        "transformers.js_config": {"kv_cache_dtype": {"q4f16": "float16"}},
    },
    "Llama-3.2-1B": {
        "model_type": "llama", "hidden_act": "silu", "mlp_bias": False, "attention_bias": False, "pretraining_tp": 1,
        "eos_token_id": [128001, 128008, 128009], "rope_theta": 500000.0, "tie_word_embeddings": True,
        "rope_scaling": {
            "factor": 32.0, "high_freq_factor": 4.0, "low_freq_factor": 1.0, "original_max_position_embeddings": 8192, "rope_type": "llama3",
        },
    },
    "Qwen2.5-0.5B": {
        "model_type": "qwen2", "hidden_act": "silu", "max_window_layers": 24, "sliding_window": 32768, "use_sliding_window": False,
        "use_mrope": False, "rope_theta": 1000000.0, "tie_word_embeddings": True,
    },
    "Qwen3-0.6B": {
        "model_type": "qwen3", "attention_bias": False, "head_dim": 128, "max_window_layers": 28, "rope_scaling": None,
        "rope_theta": 1000000, "sliding_window": None, "use_sliding_window": False, "tie_word_embeddings": True,
    },
    "gemma-2-2b": {
        "model_type": "gemma2", "attn_logit_softcapping": 50.0, "cache_implementation": "hybrid", "final_logit_softcapping": 30.0,
        "head_dim": 256, "hidden_act": "gelu_pytorch_tanh", "hidden_activation": "gelu_pytorch_tanh", "query_pre_attn_scalar": 256,
        "rope_theta": 10000.0, "sliding_window": 4096,
    },
    "gemma-3-1b-it": {
        "model_type": "gemma3_text", "attn_logit_softcapping": None, "cache_implementation": "hybrid", "final_logit_softcapping": None,
        "head_dim": 256, "hidden_activation": "gelu_pytorch_tanh", "query_pre_attn_scalar": 256, "rope_local_base_freq": 10000,
        "rope_scaling": None, "rope_theta": 1000000, "sliding_window": 512, "sliding_window_pattern": 6,
    },
    "Phi-3-mini-4k-instruct": {
        "model_type": "phi3", "auto_map": {"AutoConfig": "configuration_phi3.Phi3Config"}, "attention_bias": False, "embd_pdrop": 0.0,
        "resid_pdrop": 0.0, "original_max_position_embeddings": 4096, "rope_scaling": None, "rope_theta": 10000.0, "sliding_window": 2047,
        "tie_word_embeddings": False,
    },
    "Phi-4-mini-instruct": {
        "model_type": "phi3", "full_attn_mod": 1, "interpolate_factor": 1, "lm_head_bias": False, "mlp_bias": False,
        "max_position_embeddings": 131072, "original_max_position_embeddings": 4096, "partial_rotary_factor": 0.5,
        "rope_scaling": {"type": "longrope", "short_factor": [1.0] * 3, "long_factor": [1.5] * 3}, "sliding_window": 262144,
        "tie_word_embeddings": True,
    },
}  # fmt: skip


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_configurations_are_read(tmp_path: Path, name: str) -> None:
    config = read(tmp_path, num_key_value_heads=2, **PUBLISHED[name])
    assert config.model_type == PUBLISHED[name]["model_type"]
    assert config.tie_word_embeddings == PUBLISHED[name].get("tie_word_embeddings", True)


def test_windows_are_read_as_each_family_means_them(tmp_path: Path) -> None:
    def windows(family: str, **changes: Any) -> tuple[int | None, ...]:
        return read(tmp_path, model_type=family, num_key_value_heads=2, num_hidden_layers=4, **changes).windows

    assert windows("llama") == (None,) * 4
    assert windows("mistral", sliding_window=100) == (100,) * 4
    assert windows("mistral", sliding_window=None) == (None,) * 4
    assert windows("qwen2", sliding_window=100) == (None,) * 4
    assert windows("qwen2", sliding_window=100, use_sliding_window=True, max_window_layers=3) == (None, None, None, 100)
    assert windows("gemma2", sliding_window=9) == (9, None, 9, None)
    assert windows("gemma3_text", sliding_window=9, sliding_window_pattern=3) == (9, 9, None, 9)
    kinds = ["full_attention", "sliding_attention", "full_attention", "full_attention"]
    assert windows("gemma3_text", sliding_window=9, layer_types=kinds) == (None, 9, None, None)


def test_both_spellings_of_rope_are_read(tmp_path: Path) -> None:
    assert read(tmp_path, rope_theta=500.0).rotation.theta == 500.0
    assert read(tmp_path, rope_parameters={"rope_theta": 600.0, "rope_type": "default"}).rotation.theta == 600.0
    assert read(tmp_path, rope_theta=500.0, rope_scaling={"type": "linear", "factor": 2.0}).rotation.scaling == Linear(2.0)


def test_local_layers_of_gemma3_have_a_base_of_their_own(tmp_path: Path) -> None:
    old = {"rope_theta": 5000.0, "rope_local_base_freq": 70.0, "rope_scaling": {"rope_type": "linear", "factor": 8.0}}
    config = read(tmp_path, model_type="gemma3_text", head_dim=16, **old)
    assert config.rotation == Rotation(5000.0, 16, Linear(8.0))
    assert config.local_rotation == Rotation(70.0, 16)


def test_longrope_ends_with_the_context_of_its_short_factors(tmp_path: Path) -> None:
    scaling = {"type": "longrope", "short_factor": [1.0] * 6, "long_factor": [2.0] * 6}
    config = read(tmp_path, model_type="phi3", max_position_embeddings=900, original_max_position_embeddings=300, rope_scaling=scaling)
    assert config.max_position_embeddings == 300


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("model_type", "mamba"),
        ("an_unheard_of_field", 1),
        ("sliding_window", 100),
        ("layer_types", ["full_attention"] * 3),
        ("attention_dropout", 0.1),
        ("model_type", "absent"),
        ("hidden_act", "gelu"),
        ("quantization_config", {"bits": 4}),
        ("partial_rotary_factor", 0.5),
        ("final_logit_softcapping", 30.0),
        ("vocab_size", "absent"),
        ("hidden_size", "48"),
        ("num_hidden_layers", 0),
        ("num_key_value_heads", 3),
        ("head_dim", 7),
        ("rms_norm_eps", 0),
        ("rope_theta", -1),
        ("rope_scaling", {"rope_type": "spiral", "factor": 4.0}),
        ("rope_scaling", {"rope_type": "linear"}),
        ("rope_scaling", {"rope_type": "yarn", "factor": 4.0, "strange": 1}),
        ("rope_scaling", {"rope_type": "llama3", "factor": 4.0}),
        ("rope_parameters", {"rope_theta": 1e4, "partial_rotary_factor": 0.5}),
    ],
)
def test_what_changes_the_mathematics_or_is_missing_is_named(tmp_path: Path, field: str, value: Any) -> None:
    with pytest.raises(ModelError, match=r"config\.json: .*" + field.split("_")[0]):
        read(tmp_path, **{field: value})


def test_folder_without_a_readable_config_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"config\.json: missing"):
        ModelConfig.from_folder(tmp_path)
    with pytest.raises(ModelError, match="no such model folder"):
        ModelConfig.from_folder(tmp_path / "nowhere")
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ModelError, match="not valid JSON"):
        ModelConfig.from_folder(tmp_path)
    (tmp_path / "config.json").write_text("[]")
    with pytest.raises(ModelError, match="not a JSON object"):
        ModelConfig.from_folder(tmp_path)
