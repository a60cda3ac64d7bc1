"""Corrects slips of the finger in the texts. Off unless languages are named: a speller knows less of a trade's words than its people."""

import pyarrow as pa
from pydantic import Field

from ayar.data.name_lists import lists
from ayar.data.stage import Stage, nothing_dropped, stage_report
from ayar.data.text_columns import flatten_texts, restore_texts
from ayar.settings import Settings
from ayar.text.spelling import CAUTION, correct_spelling, load_spellers
from ayar.text.spelling_words import Language


class SpellingSettings(Settings):
    """Which misspelled words are corrected. Names, codes, addresses and the words of other languages are never touched."""

    languages: tuple[Language, ...] = Field(
        default=(), description="languages whose misspelled words are corrected, row by row; none: spelling is left as it is"
    )
    keep: tuple[str, ...] = Field(default=(), description="words of your own, such as names of products, that are right as they are")
    caution: float = Field(
        default=CAUTION, ge=1, description="how many times likelier than the typed word a correction must be; more corrects less"
    )


def spelling(table: pa.Table, settings: SpellingSettings, task: str) -> Stage:
    """Works on anonymized rows, so that no name is corrected before it is found. Drops no row; the report counts rows and words."""
    if not settings.languages:
        return Stage(table, nothing_dropped(), stage_report("spelling", table.num_rows, table.num_rows, nothing_dropped()))
    names = [name for pool in lists().pools.values() for name in pool]
    spellers = load_spellers(settings.languages)
    texts, counts = correct_spelling(flatten_texts(table, task).texts, spellers, [*names, *settings.keep], settings.caution)
    report = stage_report("spelling", table.num_rows, table.num_rows, nothing_dropped())
    report["changed"] = {"texts": counts["rows"], "words": counts["words"]} if counts["rows"] else {}
    report["languages"] = {name.removeprefix("rows_"): counts[name] for name in ("rows_english", "rows_turkish", "rows_other")}
    return Stage(restore_texts(table, task, texts), nothing_dropped(), report)
