import json
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM

from ayar.errors import ModelError
from ayar.model import peft_format, weights
from ayar.model.adapters import LoraSettings
from ayar.model.decoder import Decoder
from tests.model.packing import packed
from tests.model.tiny import logits_one_by_one, random_sequences, write_model

SEQUENCES = random_sequences((9, 17))


def tuned(folder: Path, **changes: object) -> Decoder:
    decoder = Decoder.load(folder, LoraSettings.model_validate({"rank": 4, "alpha": 6.0, **changes}), torch.float32)
    torch.manual_seed(3)
    decoder.trainable_parameters().values.normal_(std=0.2)
    return decoder


@pytest.mark.filterwarnings("error::UserWarning")  # PEFT warns of keys that are missing
@pytest.mark.parametrize(
    ("family", "changes"),
    [
        ("qwen2", {}),
        ("qwen2", {"target_modules": ("q_proj", "down_proj")}),
        ("qwen2", {"layers": (1,)}),
        ("qwen2", {"rank": 1, "alpha": 0.5}),
        ("qwen3", {}),
        ("gemma2", {}),
        ("gemma3_text", {}),
        ("phi3", {}),
        ("phi3", {"target_modules": ("gate_up_proj",)}),
    ],
    ids=str,
)
def test_peft_loads_what_was_saved(tmp_path: Path, family: str, changes: dict) -> None:
    write_model(tmp_path / "model", family)
    decoder = tuned(tmp_path / "model", **changes)
    peft_format.save(tmp_path / "adapter", decoder.trainable_parameters(), tmp_path / "model")
    base = json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())["base_model_name_or_path"]
    assert Path(base).is_absolute()
    how = "eager" if family.startswith("gemma") else "sdpa"
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32, attn_implementation=how)
    theirs = PeftModel.from_pretrained(model, str(tmp_path / "adapter"))
    assert sum("lora_A" in name for name, _ in theirs.named_parameters()) == len(list(decoder.trainable_parameters().places()))
    with torch.no_grad():
        torch.testing.assert_close(decoder.logits(packed(SEQUENCES)), logits_one_by_one(theirs, SEQUENCES), atol=2e-4, rtol=2e-4)


@pytest.mark.parametrize("use_rslora", [False, True])
def test_what_peft_saved_is_loaded(tmp_path: Path, use_rslora: bool) -> None:
    model = write_model(tmp_path / "model")
    model.name_or_path = str(tmp_path / "model")
    peft = get_peft_model(model, LoraConfig(r=4, lora_alpha=6, target_modules=["q_proj", "o_proj"], use_rslora=use_rslora))
    for name, parameter in peft.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(parameter, std=0.2)
    peft.save_pretrained(str(tmp_path / "adapter"))
    decoder = Decoder.load_tuned(tmp_path / "adapter", torch.float32)
    with torch.no_grad():
        torch.testing.assert_close(decoder.logits(packed(SEQUENCES)), logits_one_by_one(peft, SEQUENCES), atol=2e-4, rtol=2e-4)


def test_saved_and_loaded_is_the_same_to_the_bit(tmp_path: Path) -> None:
    write_model(tmp_path / "model")
    decoder = tuned(tmp_path / "model")
    peft_format.save(tmp_path / "adapter", decoder.trainable_parameters(), tmp_path / "model")
    again = Decoder.load_tuned(tmp_path / "adapter", torch.float32)
    assert torch.equal(again.trainable_parameters().values, decoder.trainable_parameters().values)
    assert sorted(path.name for path in (tmp_path / "adapter").iterdir()) == ["adapter_config.json", "adapter_model.safetensors"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("use_dora", True),
        ("peft_type", "IA3"),
        ("bias", "all"),
        ("target_modules", "all-linear"),
        ("rank_pattern", {"q_proj": 8}),
        ("r", None),
    ],
)
def test_other_kinds_of_adapter_are_refused_by_name(tmp_path: Path, field: str, value: object) -> None:
    write_model(tmp_path / "model")
    peft_format.save(tmp_path / "adapter", tuned(tmp_path / "model").trainable_parameters(), tmp_path / "model")
    path = tmp_path / "adapter" / "adapter_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), field: value}))
    with pytest.raises(ModelError, match=r"adapter_config\.json.*(LoRA|target_modules)"):
        Decoder.load_tuned(tmp_path / "adapter")


def test_adapter_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    write_model(tmp_path / "model")
    parameters = tuned(tmp_path / "model").trainable_parameters()
    peft_format.save(tmp_path / "adapter", parameters, tmp_path / "model")
    path = tmp_path / "adapter" / "adapter_model.safetensors"
    name = next(iter(parameters.tensors()))
    for fault, tensors in {
        "is missing": {key: tensor for key, tensor in parameters.tensors().items() if key != name},
        "no place": {**parameters.tensors(), "base_model.model.lm_head.weight": torch.zeros(2)},
        "shape": {**parameters.tensors(), name: torch.zeros(3, 48)},
    }.items():
        weights.write(path, tensors)
        with pytest.raises(ModelError, match=rf"adapter_model.safetensors.*{fault}"):
            Decoder.load_tuned(tmp_path / "adapter")
    with pytest.raises(ModelError, match=r"adapter_config\.json: missing"):
        Decoder.load_tuned(tmp_path / "nowhere")


@pytest.mark.parametrize("layers", [0, 4, (3,), (-1,), ()], ids=str)
def test_layers_that_the_model_has_not_are_refused(tmp_path: Path, layers: object) -> None:
    write_model(tmp_path)
    with pytest.raises(ModelError, match=r"lora.layers.*3 layers"):
        tuned(tmp_path, layers=layers)
