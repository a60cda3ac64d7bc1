"""A model folder that is made in a second: a random two-layer Llama and a byte-level BPE learnt from a few sentences."""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
CORPUS = [
    "my card was charged twice",
    "how do I get a loan",
    "kartım çalışmıyor, yardım eder misiniz",
    "message number 12 about my order",
    "user assistant system",
]


def write_tiny_model(folder: Path, hidden: int = 32, layers: int = 2, context: int = 512, vocab_size: int | None = None) -> Path:
    """vocab_size: rows of the embedding, where they are to be more than the tokenizer's tokens."""
    folder.mkdir(parents=True, exist_ok=True)
    tokens = write_tiny_tokenizer(folder)
    vocab_size = vocab_size or tokens
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": vocab_size,
        "hidden_size": hidden,
        "intermediate_size": 2 * hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "hidden_act": "silu",
        "max_position_embeddings": context,
        "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0,
        "tie_word_embeddings": True,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": 2,
    }
    (folder / "config.json").write_text(json.dumps(config))
    generator = torch.Generator().manual_seed(0)

    def weight(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator) / shape[-1] ** 0.5

    tensors = {"model.embed_tokens.weight": weight(vocab_size, hidden), "model.norm.weight": torch.ones(hidden)}
    for layer in range(layers):
        name = f"model.layers.{layer}."
        tensors |= {f"{name}input_layernorm.weight": torch.ones(hidden), f"{name}post_attention_layernorm.weight": torch.ones(hidden)}
        for module, out in {"q_proj": hidden, "k_proj": hidden // 2, "v_proj": hidden // 2, "o_proj": hidden}.items():
            tensors[f"{name}self_attn.{module}.weight"] = weight(out, hidden)
        tensors[f"{name}mlp.gate_proj.weight"], tensors[f"{name}mlp.up_proj.weight"] = (
            weight(2 * hidden, hidden),
            weight(2 * hidden, hidden),
        )
        tensors[f"{name}mlp.down_proj.weight"] = weight(hidden, 2 * hidden)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def write_tiny_tokenizer(folder: Path) -> int:
    """tokenizer.json and tokenizer_config.json; returns the size of the vocabulary."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=[AddedToken(token, special=True) for token in SPECIAL],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(CORPUS * 4, trainer)
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": SPECIAL[1],
        "eos_token": SPECIAL[2],
        "pad_token": SPECIAL[2],
        "chat_template": TEMPLATE,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return tokenizer.get_vocab_size()
