"""Drops rows that would teach nothing or teach wrongly: empty, junk, too short or long, doubled, contradictory. Each with its reason."""

from collections import Counter
from typing import Literal

import numpy as np
import pyarrow as pa
from pydantic import Field

from ayar.data.arrow_compute import pc
from ayar.data.stage import Stage, split_by_reason, still_kept
from ayar.data.tasks import TASKS
from ayar.data.text_keys import row_texts, text_keys
from ayar.data.validate import check_classes
from ayar.errors import DataError
from ayar.settings import Settings
from ayar.text.near_duplicates import find_near_duplicates


class QualitySettings(Settings):
    min_characters: int = Field(default=3, ge=0, description="rows with a shorter text are dropped")
    max_characters: int = Field(
        default=100_000, ge=1, description="rows with a longer text are dropped; the limit in tokens is format.max_tokens"
    )
    min_letters: float = Field(
        default=0.3, ge=0, le=1, description="least share of letters and digits among the visible characters of a text"
    )
    exact_duplicates: Literal["drop", "keep"] = Field(
        default="drop", description="rows equal but for case, punctuation and spaces: keep the first, or all"
    )
    near_duplicates: Literal["drop", "keep"] = Field(
        default="drop", description="rows that say nearly the same under the same label: keep the first, or all"
    )
    near_threshold: float = Field(
        default=0.8, gt=0.3, le=1, description="near means: this share of all 5-character pieces of two rows is common to both (Jaccard)"
    )
    contradictions: Literal["drop", "majority", "keep"] = Field(
        default="drop",
        description="the same text under several labels: drop all, keep those of the label of more than half, or keep all",
    )
    rare_classes: Literal["refuse", "drop"] = Field(
        default="refuse", description="a class with fewer rows than min_class_rows: stop with an error, or drop its rows"
    )
    min_class_rows: int = Field(default=2, ge=2, description="least number of rows of a class")


def quality(table: pa.Table, settings: QualitySettings, task: str) -> Stage:
    """Works on clean, anonymized rows. Needs the whole table, and keeps its keys and signatures in memory."""
    reasons = np.full(table.num_rows, None, dtype=object)
    _judge_texts(table, settings, task, reasons)
    texts = row_texts(table, task)
    keys = text_keys(texts)
    labels = _codes(table["label"]) if task == "classify" else np.zeros(table.num_rows, np.int64)
    if task == "classify":
        _mark(reasons, pc.equal(table["label"], ""), "no_label")
        _judge_contradictions(_codes(keys), labels, settings.contradictions, reasons)
    if settings.exact_duplicates == "drop":
        _judge_duplicates(_codes(keys), labels, reasons)
    if settings.near_duplicates == "drop":
        _judge_near_duplicates(keys, labels, settings.near_threshold, reasons)
    if not len(_alive(reasons)):
        counts = ", ".join(f"{reason} {rows}" for reason, rows in Counter(reasons).most_common())
        raise DataError(f"data: the quality stage drops every row ({counts}). Look at the data, or loosen the settings of quality.")
    if task == "classify":
        _judge_rare_classes(table, settings, reasons)
    return split_by_reason(table, reasons, "quality")


def _judge_texts(table: pa.Table, settings: QualitySettings, task: str, reasons: np.ndarray) -> None:
    for name in TASKS[task].texts:
        texts = row_texts(table, task) if name == "messages" else table[name]
        visible = pc.utf8_length(pc.replace_substring_regex(texts, r"\s+", ""))
        letters = pc.utf8_length(pc.replace_substring_regex(texts, r"[^\p{L}\p{M}\p{N}]+", ""))
        # an answer may be as short as "7" or "+": only what a person wrote to be understood is judged by length and letters
        is_answer = name == "response"
        _mark(reasons, pc.equal(visible, 0), f"empty_{name}" if len(TASKS[task].texts) > 1 else "empty")
        if not is_answer:
            _mark(reasons, pc.less(pc.utf8_length(texts), settings.min_characters), "too_short")
            _mark(
                reasons,
                pc.less(pc.divide(pc.cast(letters, pa.float64()), pc.cast(visible, pa.float64())), settings.min_letters),
                "no_letters",
            )
        _mark(reasons, pc.greater(pc.utf8_length(texts), settings.max_characters), "too_long")


def _judge_contradictions(keys: np.ndarray, labels: np.ndarray, policy: str, reasons: np.ndarray) -> None:
    if policy == "keep":
        return
    by_key: dict[int, Counter[int]] = {}
    alive = _alive(reasons)
    for key, label in zip(keys[alive], labels[alive], strict=True):
        by_key.setdefault(int(key), Counter())[int(label)] += 1
    for row in alive:
        counts = by_key[int(keys[row])]
        won = policy == "majority" and 2 * counts[int(labels[row])] > counts.total()
        if len(counts) > 1 and not won:
            reasons[row] = "contradictory_label"


def _judge_duplicates(keys: np.ndarray, labels: np.ndarray, reasons: np.ndarray) -> None:
    seen: set[tuple[int, int]] = set()
    for row in _alive(reasons):
        pair = int(keys[row]), int(labels[row])
        if pair in seen:
            reasons[row] = "exact_duplicate"
        seen.add(pair)


def _judge_near_duplicates(keys: pa.Array, labels: np.ndarray, threshold: float, reasons: np.ndarray) -> None:
    alive = _alive(reasons)
    for label in np.unique(labels[alive]):  # the same wording under another label is a lesson in the difference
        rows = alive[labels[alive] == label]
        for row in find_near_duplicates(keys.take(pa.array(rows)), threshold):
            reasons[rows[row]] = "near_duplicate"


def _judge_rare_classes(table: pa.Table, settings: QualitySettings, reasons: np.ndarray) -> None:
    left = table.filter(pa.array(still_kept(reasons)))
    check_classes(left, settings.rare_classes, settings.min_class_rows)
    counts = Counter(left["label"].to_pylist())
    rare = pa.array([label for label, rows in counts.items() if rows < settings.min_class_rows], pa.string())
    _mark(reasons, pc.is_in(table["label"], rare), "rare_class")


def _mark(reasons: np.ndarray, condition: pa.Array | pa.ChunkedArray, reason: str) -> None:
    """The first reason found stays."""
    hit = np.asarray(
        pc.fill_null(condition, False).to_numpy(zero_copy_only=False)
        if isinstance(condition, pa.Array)
        else pc.fill_null(condition, False).to_numpy()
    )
    reasons[hit & still_kept(reasons)] = reason


def _alive(reasons: np.ndarray) -> np.ndarray:
    return np.flatnonzero(still_kept(reasons))


def _codes(values: pa.Array | pa.ChunkedArray) -> np.ndarray:
    encoded = pa.concat_arrays(values.chunks) if isinstance(values, pa.ChunkedArray) and values.num_chunks else values
    if isinstance(encoded, pa.ChunkedArray):
        return np.zeros(0, np.int64)
    return encoded.dictionary_encode().indices.to_numpy().astype(np.int64)
