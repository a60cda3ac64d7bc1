"""Parts the rows into a training and a test set: the same share of every class, and no text in both."""

import numpy as np
import pyarrow as pa
from pydantic import Field

from ayar.data.stage import Stage, nothing_dropped, stage_report
from ayar.data.text_keys import row_texts, text_keys
from ayar.errors import DataError
from ayar.settings import Settings


class SplitSettings(Settings):
    test_fraction: float = Field(
        default=0.1, gt=0, lt=1, description="share of the rows, and of every class, that is held out to test the result"
    )
    max_test_rows: int = Field(default=1000, ge=1, description="at most this many rows are held out")


def split(table: pa.Table, settings: SplitSettings, task: str, seed: int) -> Stage:
    """Adds the column `split`: "train" or "test". Runs before balancing, so that a copied row can never be tested on.

    Each class gives at least one row to both sides. Equal texts (text_keys) go to the same side.
    """
    if table.num_rows < 2:
        raise DataError(
            f"data: {table.num_rows} rows are left after cleaning; at least 2 are needed. See what was dropped and why in rejected.parquet."
        )
    random = np.random.default_rng(seed)
    groups = np.unique(np.asarray(text_keys(row_texts(table, task)).dictionary_encode().indices), return_inverse=True)[1]
    classes = table["label"].to_numpy() if task == "classify" else np.zeros(table.num_rows)
    share = min(settings.test_fraction, settings.max_test_rows / table.num_rows)
    is_test = np.zeros(table.num_rows, bool)
    for name in np.unique(classes):
        rows = np.flatnonzero(classes == name)
        wanted = min(max(1, round(len(rows) * share)), len(rows) - 1)
        is_test[_draw(rows, groups, wanted, random)] = True
    is_test = np.isin(groups, groups[is_test]) if task != "classify" else _whole_groups(is_test, groups, classes)
    if is_test.all() or not is_test.any():
        raise DataError("data: all rows have the same text, so nothing can be held out to test with. Add different rows.")
    column = pa.array(np.where(is_test, "test", "train"), pa.string())
    report = stage_report("split", table.num_rows, table.num_rows, nothing_dropped())
    report["split"] = {"train": int((~is_test).sum()), "test": int(is_test.sum())}
    return Stage(table.append_column("split", column), nothing_dropped(), report)


def _draw(rows: np.ndarray, groups: np.ndarray, wanted: int, random: np.random.Generator) -> np.ndarray:
    """At least ``wanted`` rows, whole groups of equal texts at a time, but never all of them."""
    chosen: list[np.ndarray] = []
    taken = 0
    for group in random.permutation(np.unique(groups[rows])):
        members = rows[groups[rows] == group]
        if taken >= wanted or taken + len(members) >= len(rows):
            continue
        chosen.append(members)
        taken += len(members)
    return np.concatenate(chosen) if chosen else rows[:0]


def _whole_groups(is_test: np.ndarray, groups: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """A text under two labels (contradictions: keep) follows its first row, so it is never on both sides."""
    first = np.full(int(groups.max()) + 1, -1)
    first[groups[::-1]] = np.arange(len(groups))[::-1]
    return is_test[first[groups]]
