"""Answers before and after, for people to read. Both models write freely, so that what a base model would really say is seen."""

from collections.abc import Sequence

import numpy as np

from ayar.evaluate.answer import write_answers
from ayar.evaluate.progress import Progress
from ayar.evaluate.questions import Question, token_ids
from ayar.model.decoder import Decoder
from ayar.text.tokenizer import Tokenizer

_MOST_CHARACTERS = 1500


def write_samples(
    decoder: Decoder,
    tokenizer: Tokenizer,
    questions: Sequence[Question],
    number: int,
    stops: Sequence[int],
    max_new_tokens: int,
    batch_tokens: int,
    progress: Progress,
) -> list[dict[str, str]]:
    """``number`` questions at random, of different classes as far as there are classes. A text to complete is asked by its first half."""
    chosen = [questions[index] for index in spread([question.label for question in questions], number)]
    if not chosen:
        return []
    asked = [_asked(tokenizer, question, max_new_tokens) for question in chosen]
    prompts = token_ids(tokenizer, [prompt for prompt, _, _ in asked])
    with decoder.without_adapters():
        base = write_answers(decoder, tokenizer, prompts, stops, max_new_tokens, batch_tokens, progress, "samples, base model")
    tuned = write_answers(decoder, tokenizer, prompts, stops, max_new_tokens, batch_tokens, progress, "samples, tuned model")
    return [
        {"prompt": shortened(shown), "expected": shortened(expected), "base": shortened(before), "tuned": shortened(after)}
        for (_, shown, expected), before, after in zip(asked, base, tuned, strict=True)
    ]


def spread(labels: Sequence[str | None], number: int, seed: int = 0) -> list[int]:
    """Indices drawn at random, the classes taking turns."""
    order = np.random.default_rng(seed).permutation(len(labels)).tolist()
    turn: dict[str | None, int] = {}
    ranked = []
    for place, index in enumerate(order):
        turn[labels[index]] = turn.get(labels[index], 0) + 1
        ranked.append((turn[labels[index]], place, index))
    return [index for _, _, index in sorted(ranked)[:number]]


def shortened(text: str) -> str:
    return text if len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS]}…"


def _asked(tokenizer: Tokenizer, question: Question, max_new_tokens: int) -> tuple[str, str, str]:
    """What the model reads, what is shown of it, and what is expected."""
    if question.asked:
        return question.prompt, question.asked, question.answer
    ids = tokenizer.encode(question.target).tolist()
    half = max(1, min(len(ids) // 2, 256))
    first, rest = tokenizer.decode(ids[:half]), tokenizer.decode(ids[half : half + max_new_tokens])
    first = first.rstrip("\N{REPLACEMENT CHARACTER}")  # half a character may end the half
    return question.prompt + first, first, rest.lstrip("\N{REPLACEMENT CHARACTER}").strip()
