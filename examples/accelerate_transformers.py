"""A transformers model with a peft adapter, before and after ``ayar.accelerate``: python examples/accelerate_transformers.py [FOLDER]

FOLDER: a model folder; without it, a small random Llama. Prints what was taken and what was left, then the loss and the time of a training
step before and after. The model stays a peft model: save_pretrained, generate and Trainer work as they did.
"""

import sys
import time
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, LlamaConfig

import ayar

ROWS, TOKENS = 4, 64


def load(folder: Path | None) -> Any:
    if folder is not None:
        return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16)
    config = LlamaConfig(
        vocab_size=2000, hidden_size=192, intermediate_size=512, num_hidden_layers=4, num_attention_heads=6, num_key_value_heads=2
    )
    return AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)


def step(model: Any, tokens: torch.Tensor) -> tuple[float, float]:
    """The loss, and the seconds of forward and backward, after a run that packs the weights."""
    loss_of(model, tokens).backward()
    start = time.perf_counter()
    loss = loss_of(model, tokens)
    loss.backward()
    seconds = time.perf_counter() - start
    model.zero_grad()
    return loss.item(), seconds


def loss_of(model: Any, tokens: torch.Tensor) -> torch.Tensor:
    return model(input_ids=tokens, labels=tokens, use_cache=False).loss


def main(folder: Path | None = None) -> tuple[float, float]:
    torch.manual_seed(0)
    model = get_peft_model(load(folder), LoraConfig(r=16, lora_alpha=32, target_modules="all-linear")).train()
    tokens = torch.randint(0, 2000, (ROWS, TOKENS))
    before = step(model, tokens)
    print(ayar.accelerate(model))
    after = step(model, tokens)
    print(f"before: loss {before[0]:.4f}, {before[1]:.3f} s a step\nafter:  loss {after[0]:.4f}, {after[1]:.3f} s a step")
    return before[0], after[0]


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
