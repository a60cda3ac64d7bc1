"""Repairs the texts with the native cleaner, and makes one class of every class's spellings."""

import pyarrow as pa
from pydantic import Field

from ayar.data.boilerplate import drop_boilerplate
from ayar.data.labels import unify_labels
from ayar.data.stage import Stage, nothing_dropped, replace_column, stage_report
from ayar.data.text_columns import flatten_texts, restore_texts
from ayar.text.cleaning import CleanOptions, clean_batch


class CleanSettings(CleanOptions):
    """What is repaired in the texts before anything else looks at them."""

    boilerplate: int | None = Field(
        default=None, ge=2, description="drop lines of 20 characters or more that stand in at least so many texts, beside other lines"
    )
    labels: bool = Field(
        default=True, description="take labels that differ in case, spaces, hyphens or the dots of a Turkish I for one class"
    )


def clean(table: pa.Table, settings: CleanSettings, task: str) -> Stage:
    """Drops no row. The report counts the texts that each operator changed, and lists the spellings that became one class."""
    cleaning = clean_batch(flatten_texts(table, task).texts, settings)
    texts, shortened = cleaning.texts, 0
    if settings.boilerplate is not None:
        texts, shortened = drop_boilerplate(texts, settings.boilerplate)
    cleaned = restore_texts(table, task, texts)
    merged: dict[str, list[str]] = {}
    if task == "classify" and settings.labels:
        labels, merged = unify_labels(cleaned["label"])
        cleaned = replace_column(cleaned, "label", labels)
    report = stage_report("clean", table.num_rows, table.num_rows, nothing_dropped(), merged_labels=merged)
    report["changed"] = {name: int(rows) for name, rows in cleaning.rows.items() if rows}
    if shortened:
        report["changed"]["boilerplate"] = shortened
    report["changed_characters"] = {name: int(count) for name, count in cleaning.characters.items() if count}
    report["doubtful"] = {name: int(count) for name, count in cleaning.doubtful.items() if count}
    return Stage(cleaned, nothing_dropped(), report)
