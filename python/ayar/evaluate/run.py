"""The whole evaluation: the task before and after, what was forgotten, and samples."""

import time
from typing import Any

import numpy as np
import pyarrow as pa

from ayar.errors import DataError
from ayar.evaluate.answer import score_answers
from ayar.evaluate.classify import classes_of, score_classes
from ayar.evaluate.environment import environment
from ayar.evaluate.forgetting import forgetting
from ayar.evaluate.general_text import BUILT_IN, general_text
from ayar.evaluate.progress import Progress, silent
from ayar.evaluate.questions import Question, questions_of, stop_ids
from ayar.evaluate.reference_loss import reference_perplexity
from ayar.evaluate.samples import write_samples
from ayar.evaluate.settings import EvaluateSettings
from ayar.model.decoder import Decoder
from ayar.ops import backend
from ayar.text.tokenizer import Tokenizer


def run(
    decoder: Decoder,
    tokenizer: Tokenizer,
    rows: pa.Table,
    task: str,
    settings: EvaluateSettings,
    progress: Progress = silent,
    train_rows: pa.Table | None = None,
) -> dict[str, Any]:
    """Scores ``decoder`` with and without its adapters; returns what evaluation.json holds.

    rows: prepared held-out rows. train_rows: those trained on; a class that only they have can be answered too (wrongly).
    Raises DataError where there is nothing to score or the general text cannot be read; both before any model runs.
    """
    if rows.num_rows == 0:
        raise DataError("evaluate: there are no held-out rows to score. Set split.test_fraction higher, or bring more rows.")
    texts = general_text(settings.general_text)
    backend.give_cores_to_pool()
    started = time.monotonic()
    scored = _drawn(rows, settings.rows)
    questions = questions_of(scored)
    stops = stop_ids(decoder.config, tokenizer, questions)
    scores = _task_scores(decoder, tokenizer, scored, questions, stops, task, settings, progress, train_rows)
    drift = forgetting(
        decoder,
        tokenizer,
        texts,
        most_tokens=settings.general_tokens,
        window_tokens=settings.window_tokens,
        batch_tokens=settings.batch_tokens,
        progress=progress,
    )
    samples = write_samples(
        decoder, tokenizer, questions, settings.samples, stops, settings.max_new_tokens, settings.batch_tokens, progress
    )
    return {
        "task": {"name": task, "rows": scored.num_rows} | scores,
        "forgetting": drift | {"text": BUILT_IN if settings.general_text is None else str(settings.general_text)},
        "samples": samples,
        "environment": environment(decoder),
        "seconds": time.monotonic() - started,
    }


def _task_scores(
    decoder: Decoder,
    tokenizer: Tokenizer,
    rows: pa.Table,
    questions: list[Question],
    stops: list[int],
    task: str,
    settings: EvaluateSettings,
    progress: Progress,
    train_rows: pa.Table | None,
) -> dict[str, Any]:
    if task == "classify":
        known = questions if train_rows is None else [*questions_of(train_rows), *questions]
        return score_classes(decoder, tokenizer, questions, classes_of(known), settings.batch_tokens, progress)
    references = reference_perplexity(decoder, tokenizer, rows, settings.batch_tokens, progress)
    if task == "answer":
        scores = score_answers(decoder, tokenizer, questions, stops, settings.max_new_tokens, settings.batch_tokens, progress)
        scores["other_metrics"]["perplexity"] = references
        return scores
    return {"metric": "perplexity"} | references


def _drawn(rows: pa.Table, most: int | None) -> pa.Table:
    """At most ``most`` rows, the same ones every time."""
    if most is None or rows.num_rows <= most:
        return rows
    return rows.take(np.sort(np.random.default_rng(0).permutation(rows.num_rows)[:most]))
