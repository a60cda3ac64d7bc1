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
    "dynamic-rope": {"model_type": "llama", "rope_parameters": {"rope_type": "dynamic", "rope_theta": 10000.0, "factor": 2.0}},
    "mistral": {"head_dim": 16, "sliding_window": 7},
    "mistral-no-window": {"model_type": "mistral", "sliding_window": None},
    "qwen2": {"tie_word_embeddings": True},
    "qwen2-windows-yarn": {
        "model_type": "qwen2",
        "use_sliding_window": True,
        "sliding_window": 9,
        "max_window_layers": 1,
        "rope_parameters": {
            "rope_type": "yarn",
            "rope_theta": 10000.0,
            "factor": 4.0,
            "original_max_position_embeddings": 64,
        },
    },
    "qwen3": {"head_dim": 16, "tie_word_embeddings": False},
    "qwen3-biased-windows": {
        "model_type": "qwen3",
        "head_dim": 8,
        "attention_bias": True,
        "use_sliding_window": True,
        "sliding_window": 5,
        "layer_types": ["sliding_attention", "full_attention", "sliding_attention"],
    },
    "gemma2": {
        "head_dim": 16,
        "sliding_window": 6,
        "query_pre_attn_scalar": 20,
        "attn_logit_softcapping": 3.0,
        "final_logit_softcapping": 2.0,
    },
    "gemma3_text": {
        "head_dim": 16,
        "sliding_window": 6,
        "query_pre_attn_scalar": 20,
        "sliding_window_pattern": 2,
        "rope_parameters": {
            "full_attention": {"rope_type": "linear", "rope_theta": 20000.0, "factor": 4.0},
            "sliding_attention": {"rope_type": "default", "rope_theta": 500.0},
        },
    },
    "phi3": {"sliding_window": 11},
    "phi3-partial-longrope": {
        "model_type": "phi3",
        "head_dim": 16,
        "hidden_size": 64,
        "original_max_position_embeddings": 64,
        "rope_parameters": {
            "rope_type": "longrope",
            "rope_theta": 10000.0,
            "partial_rotary_factor": 0.75,
            "short_factor": [1.0, 1.1, 1.3, 1.7, 2.0, 2.5],
            "long_factor": [1.0, 2.0, 4.0, 5.0, 6.0, 7.0],
        },
    },
}


def write_model(folder: Path, family: str = "llama", seed: int = 0, **changes: Any) -> PreTrainedModel:
    """Writes a random fp32 checkpoint and returns the model that transformers made of it. Norms and biases are random too."""
    fields = {"model_type": family, **SIZES, **FAMILIES[family], **changes}
    torch.manual_seed(seed)
    is_gemma = fields["model_type"].startswith("gemma")  # its norms scale by 1 + weight; it needs eager attention for the soft cap
    config = AutoConfig.for_model(fields.pop("model_type"), **fields)
    model = AutoModelForCausalLM.from_config(config, attn_implementation="eager" if is_gemma else "sdpa")
    for name, parameter in model.named_parameters():
        if parameter.dim() == 1:
            torch.nn.init.normal_(parameter, mean=float("norm" in name and not is_gemma), std=0.2)
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
