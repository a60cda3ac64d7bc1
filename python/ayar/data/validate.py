"""What can be known to be wrong with a table before any long work starts."""

from collections import Counter

import pyarrow as pa

from ayar.data.labels import unify_labels
from ayar.errors import DataError

LISTED = 5


def validate(table: pa.Table, task: str, rare_classes: str = "refuse", min_class_rows: int = 2) -> None:
    """Raises DataError for a table that cannot become a training and a test set: too few rows, one class, classes too small."""
    if table.num_rows < 2:
        raise DataError(f"data: usable rows: {table.num_rows}; at least 2 are needed, one to train on and one to test with.")
    if task == "classify":
        check_classes(table, rare_classes, min_class_rows)


def check_classes(table: pa.Table, rare_classes: str, min_class_rows: int) -> None:
    counts = Counter(label for label in unify_labels(table["label"])[0].to_pylist() if label)
    rare = sorted(label for label, rows in counts.items() if rows < min_class_rows)
    if rare and rare_classes == "refuse":
        named = ", ".join(rare[:LISTED]) + (f" and {len(rare) - LISTED} more" if len(rare) > LISTED else "")
        raise DataError(
            f"{_sources(table)}: fewer than {min_class_rows} examples in the class{'es' * (len(rare) > 1)} {named}. "
            "A class needs one to train on and one to test with. Add examples, merge classes, or set quality.rare_classes: drop."
        )
    usable = len(counts) - len(rare)
    if usable < 2:
        raise DataError(f"{_sources(table)}: {usable} usable class{'es' * (usable != 1)}; classify needs at least 2. Check source.label.")


def _sources(table: pa.Table) -> str:
    return ", ".join(dict.fromkeys(table["source"].to_pylist()))
