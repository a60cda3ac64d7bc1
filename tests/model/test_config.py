import json
from pathlib import Path
from typing import Any

import pytest

from ayar.errors import ModelError
from ayar.model.config import ModelConfig

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
    assert (config.rope_theta, config.rms_norm_eps, config.tie_word_embeddings) == (10000.0, 1e-6, False)
    assert (config.attention_bias, config.attention_output_bias, config.mlp_bias) == (False, False, False)
    assert read(tmp_path, model_type="qwen2").attention_bias
    assert not read(tmp_path, model_type="qwen2").attention_output_bias
    assert read(tmp_path, attention_bias=True).attention_output_bias


def test_a_sliding_window_shortens_the_context(tmp_path: Path) -> None:
    assert read(tmp_path, model_type="mistral", max_position_embeddings=900, sliding_window=100).max_position_embeddings == 100
    assert read(tmp_path, model_type="qwen2", max_position_embeddings=900, sliding_window=100).max_position_embeddings == 900
    used = read(tmp_path, model_type="qwen2", max_position_embeddings=900, sliding_window=100, use_sliding_window=True)
    assert used.max_position_embeddings == 100


def test_both_spellings_of_rope_are_read(tmp_path: Path) -> None:
    assert read(tmp_path, rope_theta=500.0).rope_theta == 500.0
    assert read(tmp_path, rope_parameters={"rope_theta": 600.0, "rope_type": "default"}).rope_theta == 600.0
    old = read(tmp_path, rope_theta=500.0, rope_scaling={"type": "linear", "factor": 2.0}).rope_scaling
    assert old is not None
    assert (old.kind, old.factor) == ("linear", 2.0)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("model_type", "qwen3"),
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
        ("rope_scaling", {"rope_type": "yarn", "factor": 4.0}),
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
