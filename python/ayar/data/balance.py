"""Evens out the classes of the training rows by copying or by leaving out rows. The test rows stay as they came."""

from collections import Counter
from typing import Literal

import numpy as np
import pyarrow as pa
from pydantic import Field

from ayar.data.stage import Stage, dropped_rows, nothing_dropped, stage_report
from ayar.errors import DataError
from ayar.settings import Settings


class BalanceSettings(Settings):
    method: Literal["none", "oversample", "undersample", "cap"] = Field(
        default="none",
        description="copy rows of small classes up to the largest, cut all to the smallest, cap each at max_rows, or nothing",
    )
    max_rows: int | None = Field(
        default=None,
        ge=1,
        description="with cap: at most this many training rows of a class; with oversample: the goal, if less than the largest class",
    )
    max_copies: int = Field(
        default=10, ge=1, description="with oversample: a row is there at most this many times, however small its class"
    )


def balance(table: pa.Table, settings: BalanceSettings, task: str, seed: int) -> Stage:
    """Wants the column `split`. A copy keeps source and row; its id ends in #2, #3 ..."""
    before = _counts(table, task)
    if task != "classify" or settings.method == "none":
        return _report(table, nothing_dropped(), before, task, copied=0)
    if settings.method == "cap" and settings.max_rows is None:
        raise DataError("balance.max_rows: balance.method: cap needs it, the most training rows that a class may have.")
    random = np.random.default_rng(seed)
    is_train = np.asarray(table["split"].to_numpy() == "train")
    labels = table["label"].to_numpy()
    sizes = Counter(labels[is_train])
    goal = _goal(settings, sizes)
    rows, copies, out = [np.flatnonzero(~is_train)], [np.zeros(int((~is_train).sum()), np.int64)], [np.zeros(0, np.int64)]
    for label in sorted(sizes):
        members = random.permutation(np.flatnonzero(is_train & (labels == label)))
        if settings.method == "oversample":
            total = max(len(members), min(goal, len(members) * settings.max_copies))
            turn = np.arange(total)
            rows.append(members[turn % len(members)])
            copies.append(turn // len(members))
        else:
            rows.append(members[:goal])
            copies.append(np.zeros(len(members[:goal]), np.int64))
            out.append(members[goal:])
    chosen, copy = np.concatenate(rows), np.concatenate(copies)
    order = np.lexsort((copy, chosen))
    kept = _copies(table.take(pa.array(chosen[order])), copy[order])
    left_out = np.sort(np.concatenate(out))
    dropped = dropped_rows(table.take(pa.array(left_out)), "balance", ["class_is_full"] * len(left_out))
    return _report(kept, dropped, before, task, copied=int((copy > 0).sum()))


def _goal(settings: BalanceSettings, sizes: Counter) -> int:
    if settings.method == "undersample":
        return min(sizes.values())
    largest = max(sizes.values())
    return min(settings.max_rows or largest, largest)


def _copies(table: pa.Table, copy: np.ndarray) -> pa.Table:
    ids = [f"{name}#{number + 1}" if number else name for name, number in zip(table["id"].to_pylist(), copy, strict=True)]
    return table.set_column(table.column_names.index("id"), "id", pa.array(ids, pa.string()))


def _counts(table: pa.Table, task: str) -> dict[str, int]:
    if task != "classify":
        return {}
    train = (label for label, side in zip(table["label"].to_pylist(), table["split"].to_pylist(), strict=True) if side == "train")
    return dict(sorted(Counter(train).items()))


def _report(kept: pa.Table, dropped: pa.Table, before: dict[str, int], task: str, copied: int) -> Stage:
    rows_in = kept.num_rows - copied + dropped.num_rows
    report = stage_report("balance", rows_in, kept.num_rows, dropped, classes={"before": before, "after": _counts(kept, task)})
    report["changed"] = {"copied": copied}
    return Stage(kept, dropped, report)
