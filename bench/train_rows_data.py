"""The rows of bench/train_rows.py: short customer messages with a class each, alone or behind an instruction that lists the classes."""

import csv
import random
from collections.abc import Sequence
from itertools import accumulate, pairwise
from pathlib import Path

import numpy as np

from ayar.data.pack import IGNORE_INDEX, Examples
from ayar.text.tokenizer import Tokenizer

_WORDS = (
    "my card is not working can you help me with the payment that was declined yesterday how do I top up account why has transfer "
    "failed please where money cash machine exchange rate fee charged twice pending refund change pin lost phone verify identity"
).split()
_TOPICS = ("card", "cash", "transfer", "top up", "refund", "exchange", "identity", "account", "payment", "fee", "pin")
_MATTERS = ("arrival", "not working", "declined", "pending", "charged twice", "limit", "cancellation")


def read_rows(path: Path) -> list[tuple[str, str]]:
    """(message, class) from a CSV file with a column `text` and a column `category` or `label`."""
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        column = next((name for name in ("category", "label") if name in (reader.fieldnames or [])), None)
        if column is None or "text" not in (reader.fieldnames or []):
            raise SystemExit(f"{path}: columns `text` and `category` or `label` are needed, there are {reader.fieldnames}")
        return [(row["text"], row[column].replace("_", " ")) for row in reader]


def made_rows(count: int = 4000) -> list[tuple[str, str]]:
    """Rows of the lengths of banking77 (3 to 40 words, 11 on average) in 77 classes."""
    draw = random.Random(0)
    classes = [f"{topic} {matter}" for topic in _TOPICS for matter in _MATTERS]
    lengths = (min(40, 3 + int(draw.expovariate(1 / 8))) for _ in range(count))
    return [(" ".join(draw.choices(_WORDS, k=length)).capitalize() + "?", draw.choice(classes)) for length in lengths]


def instruction(rows: Sequence[tuple[str, str]]) -> str:
    classes = ", ".join(sorted({label for _, label in rows}))
    return f"<|im_start|>system\nSay which class the customer's message belongs to: {classes}<|im_end|>\n<|im_start|>user\n"


def examples_of(tokenizer: Tokenizer, rows: Sequence[tuple[str, str]], before: str = "") -> Examples:
    """Each row as the model reads it; the class and the token that ends it are labelled."""
    ids: list[int] = []
    labels: list[int] = []
    lengths = []
    shared = tokenizer.encode(before).tolist() if before else []
    for message, label in rows:
        prompt = [*shared, *tokenizer.encode(f"{message}<|im_end|>\n<|im_start|>assistant\n").tolist()]
        answer = tokenizer.encode(f"{label}<|im_end|>").tolist()
        ids += prompt + answer
        labels += [IGNORE_INDEX] * len(prompt) + answer
        lengths.append(len(prompt) + len(answer))
    return Examples(np.array(ids, np.int32), np.array(labels, np.int32), np.array([0, *accumulate(lengths)], np.int64))


def strangers(lengths: Sequence[int], answer: int = 5) -> Examples:
    """Rows of these lengths that share nothing."""
    ids = np.random.default_rng(0).integers(1000, 40000, sum(lengths)).astype(np.int32)
    labels = ids.copy()
    offsets = np.array([0, *accumulate(lengths)], np.int64)
    for first, last in pairwise(offsets):
        labels[first : max(first, last - answer)] = IGNORE_INDEX
    return Examples(ids, labels, offsets)
