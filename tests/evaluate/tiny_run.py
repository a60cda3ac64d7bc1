"""A tiny random model with its tokenizer, decoded by our decoder, and prepared rows to score it on."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import torch

from ayar.data.format import PREPARED
from ayar.model.adapters import LoraSettings
from ayar.model.decoder import Decoder
from ayar.text.tokenizer import Tokenizer
from tests.data.tiny_model import write_model_folder
from tests.model.tiny import write_model

TURN_END = "<|im_end|>"


def tiny_model(folder: Path, adapter_scale: float = 0.2) -> tuple[Decoder, Tokenizer]:
    """fp32, with adapters that change the answers."""
    write_model_folder(folder)
    tokenizer = Tokenizer.from_file(folder / "tokenizer.json")
    end = tokenizer.token_to_id(TURN_END)
    write_model(folder, vocab_size=tokenizer.vocab_size, eos_token_id=end, pad_token_id=end)
    decoder = Decoder.load(folder, LoraSettings(rank=4), torch.float32)
    torch.manual_seed(5)
    decoder.trainable_parameters().values.normal_(std=adapter_scale)
    return decoder, tokenizer


def row(question: str, answer: str, label: str | None = None, **other: Any) -> dict[str, Any]:
    """A conversation of one question and one answer, as the stage `format` leaves it."""
    head = f"<|im_start|>user\n{question}{TURN_END}\n<|im_start|>assistant\n"
    trained = {"start": len(head.encode()), "end": len((head + answer + TURN_END).encode())}
    made = {
        "id": "0",
        "source": "rows.csv",
        "row": 1,
        "split": "test",
        "label": label,
        "prompt": [{"role": "user", "content": question}],
        "answer": answer,
        "rendered": f"{head}{answer}{TURN_END}\n",
        "trained": [trained],
    }
    return made | other


def plain_row(text: str) -> dict[str, Any]:
    """A text to complete."""
    rendered = text + TURN_END
    return row("", "") | {"prompt": [], "answer": None, "rendered": rendered, "trained": [{"start": 0, "end": len(rendered.encode())}]}


def table(*rows: dict[str, Any]) -> pa.Table:
    return pa.Table.from_pylist(list(rows), schema=PREPARED)


CLASSES = table(
    row("kartımdan iki kez para çekildi", "card", "card"),
    row("my card was charged twice", "card", "card"),
    row("I want my money back", "money", "money"),
    row("iade istiyorum 🙂", "money back", "money back"),
)
ANSWERS = table(row("my card?", "charged twice"), row("iade?", "para çekildi"), row("why", "classify the message"))
TEXTS = table(plain_row("my card was charged twice and I want my money back"), plain_row("kartımdan iki kez para çekildi, iade istiyorum"))
