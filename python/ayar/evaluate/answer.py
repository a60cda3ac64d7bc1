"""Scores of free answers, each written greedily: token F1 and exact match against the reference."""

from collections.abc import Sequence
from statistics import fmean
from typing import Any

from ayar.evaluate.metrics import exact_match, standard_error_of_difference, token_f1
from ayar.evaluate.progress import Progress, Scored
from ayar.evaluate.questions import Question, batches_of, token_ids
from ayar.model.decoder import Decoder
from ayar.model.generation import common_length, greedy
from ayar.text.tokenizer import Tokenizer


def score_answers(
    decoder: Decoder,
    tokenizer: Tokenizer,
    questions: Sequence[Question],
    stops: Sequence[int],
    max_new_tokens: int,
    batch_tokens: int,
    progress: Progress,
) -> dict[str, Any]:
    """Both models answer all questions."""
    prompts = token_ids(tokenizer, [question.prompt for question in questions])
    with decoder.without_adapters():
        base = write_answers(decoder, tokenizer, prompts, stops, max_new_tokens, batch_tokens, progress, "answers, base model")
    tuned = write_answers(decoder, tokenizer, prompts, stops, max_new_tokens, batch_tokens, progress, "answers, tuned model")
    return answer_scores([question.answer for question in questions], base, tuned)


def answer_scores(expected: Sequence[str], base: Sequence[str], tuned: Sequence[str]) -> dict[str, Any]:
    """At least one row."""
    base_f1, tuned_f1 = ([token_f1(want, got) for want, got in zip(expected, answers, strict=True)] for answers in (base, tuned))
    base_exact, tuned_exact = ([exact_match(want, got) for want, got in zip(expected, answers, strict=True)] for answers in (base, tuned))
    return {
        "metric": "token_f1",
        "base": fmean(base_f1),
        "tuned": fmean(tuned_f1),
        "standard_error": standard_error_of_difference(base_f1, tuned_f1),
        "other_metrics": {"exact_match": {"base": fmean(base_exact), "tuned": fmean(tuned_exact)}},
    }


def write_answers(
    decoder: Decoder,
    tokenizer: Tokenizer,
    prompts: Sequence[Sequence[int]],
    stops: Sequence[int],
    max_new_tokens: int,
    batch_tokens: int,
    progress: Progress,
    what: str,
) -> list[str]:
    """The greedy answer to each prompt, as text."""
    answers = [""] * len(prompts)
    done = 0
    for batch in batches_of([len(prompt) + max_new_tokens for prompt in prompts], batch_tokens, common_length(prompts)):
        written = greedy(decoder, [prompts[index] for index in batch], max_new_tokens, stops)
        for index, ids in zip(batch, written, strict=True):
            answers[index] = tokenizer.decode(ids).strip()
        done += len(batch)
        progress(Scored(what, done, len(prompts)))
    return answers
