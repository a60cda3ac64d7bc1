"""tokenizer.json and tokenizer_config.json of the packaged SmolLM2, rebuilt from the vocabulary inside its GGUF file."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ayar.errors import ModelError

if TYPE_CHECKING:
    from gguf import GGUFReader

_CONTROL, _USER_DEFINED = 3, 4  # token types of the GGUF format that are matched in the text before any merge


def write_tokenizer(gguf_path: str | Path, folder: str | Path, reader: "GGUFReader | None" = None) -> None:
    """Writes ``tokenizer.json`` and ``tokenizer_config.json`` (with the chat template) into ``folder``.

    ``reader``: an open reader of the same file, where the caller has one: opening takes seconds.
    Raises ModelError where the file's pre-tokenizer is not SmolLM's (Digits one by one, then GPT-2's byte level).
    """
    if reader is None:
        from gguf import GGUFReader

        reader = GGUFReader(str(gguf_path))
    fields = {name: field.contents() for name, field in reader.fields.items() if name.startswith("tokenizer.")}
    kind = fields.get("tokenizer.ggml.model"), fields.get("tokenizer.ggml.pre")
    if kind != ("gpt2", "smollm"):
        raise ModelError(f"{gguf_path}: tokenizer of kind {kind}; only ('gpt2', 'smollm') is known. Use a folder with a tokenizer.json.")
    folder = Path(folder)
    _write_json(folder / "tokenizer.json", _tokenizer(fields))
    _write_json(folder / "tokenizer_config.json", _config(fields))


def _tokenizer(fields: dict[str, Any]) -> dict[str, Any]:
    tokens, types = fields["tokenizer.ggml.tokens"], fields["tokenizer.ggml.token_type"]
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {
                "id": token_id,
                "content": tokens[token_id],
                "single_word": False,
                "lstrip": False,
                "rstrip": False,
                "normalized": False,
                "special": kind == _CONTROL,
            }
            for token_id, kind in enumerate(types)
            if kind in (_CONTROL, _USER_DEFINED)
        ],
        "normalizer": None,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": True}, byte_level]},
        "post_processor": None,
        "decoder": {**byte_level, "add_prefix_space": True},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": {token: token_id for token_id, token in enumerate(tokens)},
            "merges": [merge.split(" ", 1) for merge in fields["tokenizer.ggml.merges"]],
        },
    }


def _config(fields: dict[str, Any]) -> dict[str, Any]:
    tokens = fields["tokenizer.ggml.tokens"]

    def token(role: str) -> str:
        return tokens[fields[f"tokenizer.ggml.{role}_token_id"]]

    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "add_prefix_space": False,
        "clean_up_tokenization_spaces": False,
        "model_max_length": 8192,
        "bos_token": token("bos"),
        "eos_token": token("eos"),
        "pad_token": token("padding"),
        "unk_token": token("unknown"),
        "chat_template": fields["tokenizer.chat_template"],
    }


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")
