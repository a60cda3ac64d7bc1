from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from torch import Tensor
from transformers import AutoModelForCausalLM

import ayar
from ayar.errors import ModelError
from tests.model.tiny import random_sequences, write_model

FAMILIES = ("llama", "llama-untied-biased", "qwen3", "mistral", "gemma2", "gemma3_text", "phi3")
MODULES = ["q_proj", "k_proj", "v_proj", "qkv_proj", "o_proj", "gate_proj", "up_proj", "gate_up_proj", "down_proj"]


def tuned(folder: Path, family: str = "llama", **lora: Any) -> Any:
    """A peft model with adapters that are not zero, in training mode."""
    base = write_model(folder, family)
    modules = [name for name in MODULES if any(path.endswith(name) for path, _ in base.named_modules())]
    model = get_peft_model(base, LoraConfig(**{"r": 4, "lora_alpha": 6, "target_modules": modules, **lora}))
    torch.manual_seed(1)
    for name, parameter in model.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(parameter, std=0.2)
    return model.train()


def rows(*lengths: int) -> dict[str, Tensor]:
    """Right-padded rows with their mask and labels."""
    sequences = random_sequences(lengths, seed=4)
    padded = torch.full((len(lengths), max(lengths)), 2)
    mask = torch.zeros_like(padded)
    for row, sequence in enumerate(sequences):
        padded[row, : len(sequence)], mask[row, : len(sequence)] = torch.tensor(sequence), 1
    return {"input_ids": padded, "attention_mask": mask, "labels": padded.masked_fill(mask == 0, -100)}


def loss_and_gradients(model: Any, batch: dict[str, Tensor], **arguments: Any) -> tuple[Tensor, dict[str, Tensor]]:
    model.zero_grad()
    loss = model(**batch, use_cache=False, **arguments).loss
    loss.backward()
    return loss.detach(), {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


def assert_same(got: tuple[Tensor, dict[str, Tensor]], want: tuple[Tensor, dict[str, Tensor]], tolerance: float = 1e-4) -> None:
    torch.testing.assert_close(got[0], want[0], rtol=1e-5, atol=0)
    assert got[1].keys() == want[1].keys()
    for name, gradient in want[1].items():
        assert gradient.norm() > 0, name
        assert (got[1][name] - gradient).norm() <= tolerance * gradient.norm(), name


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("lengths", [(17, 17), (21, 9, 1)], ids=str)
def test_loss_and_gradients_are_as_before(tmp_path: Path, family: str, lengths: tuple[int, ...]) -> None:
    model, batch = tuned(tmp_path, family), rows(*lengths)
    want = loss_and_gradients(model, batch)
    report = ayar.accelerate(model)
    assert report.left == {}
    assert_same(loss_and_gradients(model, batch), want)
    counted = loss_and_gradients(model, batch, num_items_in_batch=torch.tensor(40))
    report.restore()
    assert_same(counted, loss_and_gradients(model, batch, num_items_in_batch=torch.tensor(40)))
    assert_same(loss_and_gradients(model, batch), want, 0.0)


@pytest.mark.parametrize("family", FAMILIES)
def test_generation_is_as_before(tmp_path: Path, family: str) -> None:
    model = tuned(tmp_path, family).eval()
    prompts = rows(9, 14)
    padded = {"input_ids": prompts["input_ids"].flip(1), "attention_mask": prompts["attention_mask"].flip(1)}  # padding on the left
    arguments = {"max_new_tokens": 12, "do_sample": False, "eos_token_id": None, "pad_token_id": 2}
    want = model.generate(**padded, **arguments)
    ayar.accelerate(model)
    assert torch.equal(model.generate(**padded, **arguments), want)


@pytest.mark.parametrize("family", ["llama", "mistral", "gemma2"])
def test_logits_in_evaluation_are_as_before(tmp_path: Path, family: str) -> None:
    model, batch = tuned(tmp_path, family).eval(), rows(12, 7)
    real = batch["attention_mask"].bool()
    with torch.no_grad():
        want = model(**batch)
        ayar.accelerate(model)
        got = model(**batch)
    torch.testing.assert_close(got.logits[real], want.logits[real], atol=2e-4, rtol=2e-4)
    torch.testing.assert_close(got.loss, want.loss, atol=0, rtol=1e-5)


def test_packed_rows_do_not_see_each_other(tmp_path: Path) -> None:
    model = tuned(tmp_path).eval()
    first, second = random_sequences((9, 6))
    position_ids = torch.tensor([[*range(9), *range(6)]])
    ayar.accelerate(model)
    with torch.no_grad():
        alone = model(torch.tensor([second])).logits[0]
        packed = model(torch.tensor([first + second]), position_ids=position_ids, use_cache=False).logits[0, 9:]
    torch.testing.assert_close(packed, alone, atol=1e-5, rtol=1e-5)


def test_bf16_is_close_to_what_it_was(tmp_path: Path) -> None:
    write_model(tmp_path)
    base = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.bfloat16)
    model: Any = get_peft_model(base, LoraConfig(r=4, target_modules="all-linear")).train()
    batch = rows(30, 12)
    before = loss_and_gradients(model, batch)
    ayar.accelerate(model)
    after = loss_and_gradients(model, batch)
    torch.testing.assert_close(after[0].float(), before[0].float(), rtol=5e-3, atol=0)
    for name, gradient in before[1].items():
        assert (after[1][name] - gradient).norm() <= 0.1 * gradient.norm(), name


def test_what_is_saved_is_the_same(tmp_path: Path) -> None:
    model = tuned(tmp_path / "model")
    before = {name: value.clone() for name, value in model.state_dict().items()}
    ayar.accelerate(model)
    assert model.state_dict().keys() == before.keys()
    model.save_pretrained(str(tmp_path / "adapter"))
    again = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(tmp_path / "model"), str(tmp_path / "adapter"))
    saved = again.state_dict()
    assert all(torch.equal(saved[name], value) for name, value in before.items())


def test_states_that_our_formula_does_not_cover_compute_as_before(tmp_path: Path) -> None:
    batch = rows(15, 15)
    model = tuned(tmp_path / "dropout", lora_dropout=0.3)
    torch.manual_seed(5)
    want = loss_and_gradients(model, batch)
    ayar.accelerate(model)
    torch.manual_seed(5)
    assert_same(loss_and_gradients(model, batch), want)

    model = tuned(tmp_path / "dora", use_dora=True)
    want = loss_and_gradients(model, batch)
    ayar.accelerate(model)
    assert_same(loss_and_gradients(model, batch), want)


def test_adapters_switched_off_or_merged_later_are_followed(tmp_path: Path) -> None:
    model, batch = tuned(tmp_path).eval(), rows(15, 15)
    with torch.no_grad():
        with model.disable_adapter():
            base = model(**batch).logits
        both = model(**batch).logits
        ayar.accelerate(model)
        with model.disable_adapter():
            torch.testing.assert_close(model(**batch).logits, base, atol=2e-4, rtol=2e-4)
        model.merge_adapter()
        torch.testing.assert_close(model(**batch).logits, both, atol=2e-4, rtol=2e-4)
        model.unmerge_adapter()
        torch.testing.assert_close(model(**batch).logits, both, atol=2e-4, rtol=2e-4)
        model.get_base_model().model.layers[0].mlp.up_proj.base_layer.weight.mul_(2)
        changed = model(**batch).logits
    assert not torch.allclose(changed, both, atol=1e-2)


def test_report_names_what_was_left_and_why(tmp_path: Path) -> None:
    model = write_model(tmp_path)  # its weights are trained: nothing may be frozen into a packed form
    report = ayar.accelerate(model)
    assert report.taken.keys() == {name for name, module in model.named_modules() if "norm" in name} | {"attention"}
    assert "is trained" in report.left["model.layers.0.mlp"]
    assert "is trained" in report.left["model.layers.0.self_attn.q_proj"]
    assert "is trained" in report.left["loss"]
    text = str(report)
    assert "7 × rms_norm" in text
    assert "left as before: model.layers.0.mlp and" in text
    with pytest.raises(ModelError, match="replaced already"):
        ayar.accelerate(model)
    report.restore()
    assert not any("forward" in vars(module) for module in model.modules())


def test_other_models_are_refused_or_left(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no transformers model"):
        ayar.accelerate(torch.nn.Linear(2, 2))


def test_trainer_trains_the_same_adapter(tmp_path: Path) -> None:
    from transformers import Trainer, TrainingArguments

    data = [{"input_ids": sequence, "labels": sequence} for sequence in random_sequences((12, 9, 14, 7))]

    def train(name: str, accelerated: bool) -> dict[str, Tensor]:
        model = tuned(tmp_path / name)
        if accelerated:
            ayar.accelerate(model)
        arguments = TrainingArguments(
            output_dir=str(tmp_path / f"{name}-run"),
            per_device_train_batch_size=2,
            max_steps=3,
            learning_rate=1e-2,
            use_cpu=True,
            report_to=[],
            save_strategy="no",
            disable_tqdm=True,
            seed=3,
        )
        Trainer(model=model, args=arguments, train_dataset=data, data_collator=_padded).train()  # pyright: ignore[reportArgumentType]
        return {name: value.clone() for name, value in model.state_dict().items() if "lora_" in name}

    want, got = train("before", False), train("after", True)
    for name, value in want.items():
        torch.testing.assert_close(got[name], value, atol=2e-4, rtol=1e-3)


def _padded(examples: list[dict[str, Any]]) -> dict[str, Tensor]:
    longest = max(len(example["input_ids"]) for example in examples)
    gap = [longest - len(example["input_ids"]) for example in examples]
    return {
        "input_ids": torch.tensor([example["input_ids"] + [2] * n for example, n in zip(examples, gap, strict=True)]),
        "labels": torch.tensor([example["labels"] + [-100] * n for example, n in zip(examples, gap, strict=True)]),
        "attention_mask": torch.tensor([[1] * (longest - n) + [0] * n for n in gap]),
    }
