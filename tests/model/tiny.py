"""Tiny random checkpoints of each family, written by transformers, and packed batches to run on them."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel

from ayar.model.batch import PackedBatch

SIZES: dict[str, Any] = {
    "vocab_size": 97,
    "hidden_size": 48,
    "intermediate_size": 80,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 2,
}
FAMILIES: dict[str, dict[str, Any]] = {
    "llama": {"tie_word_embeddings": True},
    "llama-untied-biased": {"model_type": "llama", "attention_bias": True, "mlp_bias": True, "tie_word_embeddings": False},
    "llama3-rope": {
        "model_type": "llama",
        "rope_parameters": {
            "rope_type": "llama3",
            "rope_theta": 1000.0,
            "factor": 8.0,
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
            "original_max_position_embeddings": 64,
        },
    },
    "linear-rope": {"model_type": "llama", "rope_parameters": {"rope_type": "linear", "rope_theta": 10000.0, "factor": 2.0}},
    "mistral": {"head_dim": 16, "sliding_window": None},
    "qwen2": {"tie_word_embeddings": True},
}


def write_model(folder: Path, family: str = "llama", seed: int = 0, **changes: Any) -> PreTrainedModel:
    """Writes a random fp32 checkpoint and returns the model that transformers made of it. Norms and biases are random too."""
    fields = {"model_type": family, **SIZES, **FAMILIES[family], **changes}
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(fields.pop("model_type"), **fields), attn_implementation="sdpa")
    for name, parameter in model.named_parameters():
        if parameter.dim() == 1:
            torch.nn.init.normal_(parameter, mean=float("norm" in name), std=0.2)
        else:
            torch.nn.init.normal_(parameter, std=0.15)
    model.eval().save_pretrained(folder)
    return model


def random_sequences(lengths: tuple[int, ...], seed: int = 0, vocab_size: int = SIZES["vocab_size"]) -> list[list[int]]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randint(3, vocab_size, (length,), generator=generator).tolist() for length in lengths]


def logits_one_by_one(model: Any, sequences: list[list[int]]) -> Tensor:
    """What transformers says of each sequence alone, in the rows of the packed batch."""
    with torch.no_grad():
        return torch.cat([model(torch.tensor([sequence])).logits[0] for sequence in sequences if sequence])


def loss_one_by_one(model: Any, sequences: list[list[int]], batch: PackedBatch) -> Tensor:
    """The batch's summed loss, from logits of each sequence alone."""
    logits = torch.cat([model(torch.tensor([sequence])).logits[0] for sequence in sequences if sequence])
    return torch.nn.functional.cross_entropy(logits[batch.positions], batch.targets, reduction="sum")
