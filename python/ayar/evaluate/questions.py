"""Prepared rows as questions: what the model reads, what it should write, and what of it people want to see."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from ayar.model.config import ModelConfig
from ayar.text.tokenizer import Tokenizer


@dataclass(frozen=True)
class Question:
    """prompt: the rendered row up to the answer. target: the answer as rendered, end-of-turn token included. asked: the user's words."""

    prompt: str
    target: str
    answer: str
    asked: str
    label: str | None

    def __repr__(self) -> str:  # rows are people's texts: no log or traceback shows them
        return "Question(…)"


def questions_of(rows: pa.Table) -> list[Question]:
    """rows: columns `rendered`, `trained`, `label`, `prompt`, `answer`. The question of a conversation is its last one."""
    columns = rows.select(["rendered", "trained", "label", "prompt", "answer"]).to_pylist()
    return [_question(row) for row in columns]


def _question(row: Mapping) -> Question:
    rendered, last = row["rendered"].encode(), row["trained"][-1]
    target = rendered[last["start"] : last["end"]].decode()
    asked = next((turn["content"] for turn in reversed(row["prompt"] or []) if turn["role"] == "user"), "")
    return Question(rendered[: last["start"]].decode(), target, row["answer"] or target, asked, row["label"])


def token_ids(tokenizer: Tokenizer, texts: Sequence[str]) -> list[list[int]]:
    """The ids of each text."""
    batch = tokenizer.encode_batch(list(texts))
    return [batch.ids[start:end].tolist() for start, end in zip(batch.offsets[:-1], batch.offsets[1:], strict=True)]


def stop_ids(config: ModelConfig, tokenizer: Tokenizer, questions: Sequence[Question]) -> list[int]:
    """The tokens at which an answer ends: the model's own, and those that rendered answers end with."""
    endings = {question.target.removeprefix(question.answer) for question in questions}
    ends = {ids[-1] for ids in token_ids(tokenizer, sorted(ending for ending in endings if ending)) if ids}
    return sorted({*config.eos_token_ids, *ends})


def batches_of(lengths: Sequence[int], most_tokens: int, shared: int = 0) -> Iterator[list[int]]:
    """Indices in batches of like lengths: rows × the longest is at most ``most_tokens``, or the batch is one row.

    shared: tokens that all rows begin with; a batch holds these once.
    """
    batch: list[int] = []
    for index in sorted(range(len(lengths)), key=lambda index: (lengths[index], index)):
        if batch and shared + (len(batch) + 1) * (lengths[index] - shared) > most_tokens:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch
