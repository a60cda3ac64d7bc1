"""A recipe with a quantized base and dropout, the whole way: training, evaluation, export, and what the estimate says of its memory."""

import json
from pathlib import Path

import pytest
import torch

from ayar import pipeline
from ayar.model.adapters import LoraSettings
from ayar.model.config import ModelConfig
from ayar.pipeline.plan import memory_bytes
from ayar.recipe import Recipe
from tests.tiny_model import write_tiny_model


@pytest.mark.parametrize("base_weights", ["nf4", "int8"])
def test_the_whole_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, base_weights: str) -> None:
    monkeypatch.chdir(tmp_path)
    write_tiny_model(tmp_path / "model")
    rows = [f"question {i} about lamp {7 * i % 11},{('card', 'loan')[i % 2]}" for i in range(24)]
    (tmp_path / "messages.csv").write_text("text,label\n" + "\n".join(rows) + "\n")
    recipe = Recipe.model_validate(
        {
            "data": "messages.csv",
            "task": "classify",
            "model": "model",
            "output": "run",
            "lora": {"base_weights": base_weights, "dropout": 0.1},
            "train": {"max_steps": 3, "tokens_per_batch": 1024, "learning_rate": 0.01, "tensorboard": False},
            "evaluate": {"general_tokens": 64, "samples": 1, "max_new_tokens": 2},
        }
    )
    trained = pipeline.train(recipe)
    config = json.loads((trained.adapter / "adapter_config.json").read_text())
    assert config["lora_dropout"] == 0.1
    assert Path(config["base_model_name_or_path"]) == (tmp_path / "model").resolve()
    scores = pipeline.evaluate(recipe).scores
    assert 0 <= scores["task"]["tuned"] <= 1
    exported = pipeline.export(recipe)
    assert (exported.merged / "config.json").is_file()
    assert exported.logit_difference < 1e-3


def test_estimate_knows_how_the_base_is_kept(tmp_path: Path) -> None:
    write_tiny_model(tmp_path)
    config = ModelConfig.from_folder(tmp_path)
    hidden, feed, attended = config.hidden_size, config.intermediate_size, config.num_attention_heads * config.head_dim
    a_layer = sum(config.qkv_splits) * hidden + attended * hidden + 3 * hidden * feed
    layers = config.num_hidden_layers

    def needed(kept: str, adapted: int) -> int:
        return memory_bytes(config, LoraSettings.model_validate({"base_weights": kept, "layers": adapted}), 16, torch.bfloat16)

    for adapted in (1, layers):
        assert needed("full", adapted) - needed("nf4", adapted) == pytest.approx((2 - 0.5 - 1 / 64) * layers * a_layer, abs=1)
        assert needed("full", adapted) - needed("int8", adapted) == layers * a_layer
