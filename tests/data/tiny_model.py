"""A model's folder without weights, made in a test: a byte-level BPE tokenizer with ChatML tokens; and the oracle that reads it."""

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
CHATML = (
    "{% for message in messages %}{% if loop.first and message['role'] != 'system' %}"
    "{{ '<|im_start|>system\nYou are helpful.<|im_end|>\n' }}{% endif %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
SENTENCES = [
    "my card was charged twice and I want my money back",
    "kartımdan iki kez para çekildi, iade istiyorum",
    "user assistant system classify the message",
] * 20


def write_model_folder(folder: Path, template: str | None = CHATML, **config: object) -> Path:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=500, special_tokens=SPECIAL, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator(SENTENCES, trainer)
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {"bos_token": "<|im_start|>", "eos_token": "<|im_end|>"} | ({"chat_template": template} if template else {}) | config
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    return folder


class OracleBatch(NamedTuple):
    ids: np.ndarray
    offsets: np.ndarray
    spans: np.ndarray | None


class OracleTokenizer:
    """What ayar.text.tokenizer.Tokenizer promises, by Hugging Face's `tokenizers`."""

    def __init__(self, folder: Path) -> None:
        self.inner = Tokenizer.from_file(str(folder / "tokenizer.json"))

    def encode_batch(self, texts: pa.StringArray, offsets: bool = False) -> OracleBatch:
        encodings = [self.inner.encode(text, add_special_tokens=False) for text in texts.to_pylist()]
        ids = np.array([token for encoding in encodings for token in encoding.ids], np.int32)
        rows = np.cumsum([0, *(len(encoding.ids) for encoding in encodings)]).astype(np.int64)
        spans = [_bytes(text, encoding.offsets) for text, encoding in zip(texts.to_pylist(), encodings, strict=True)]
        return OracleBatch(ids, rows, np.concatenate([np.zeros((0, 2), np.int32), *spans]) if offsets else None)


def _bytes(text: str, offsets: list[tuple[int, int]]) -> np.ndarray:
    at = np.cumsum([0, *(len(character.encode()) for character in text)])
    return at[np.array(offsets, np.int64).reshape(-1, 2)].astype(np.int32)
