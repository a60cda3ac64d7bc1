"""What `ayar clean` and `ayar tokenize` show and write. The preview is the only place where the command line prints a row's text."""

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
from rich.text import Text

from ayar.cli.console import count, err, heading, out, table
from ayar.errors import DataError
from ayar.text.cleaning import Cleaned

CONTEXT = 40  # characters shown on each side of a change


def write_bytes(data: bytes, to: Path | None) -> None:
    """To a file, whole or not at all; to standard output without one."""
    if to is None:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    part = to.with_name(to.name + ".part")
    try:
        part.write_bytes(data)
        part.replace(to)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise DataError(f"{to}: cannot be written ({error.strerror}). Name another file with --to.") from None


def show_counts(cleaned: Cleaned, texts: int) -> None:
    shown = table("operator", "texts", "characters", numbers=(1, 2))
    for name, rows in cleaned.rows.items():
        if rows:
            shown.add_row(name, count(rows), count(cleaned.characters[name]))
    if shown.row_count:
        err.print(shown)
    doubtful = sum(cleaned.doubtful.values())
    if doubtful:
        err.print(f"{count(doubtful)} places can be read in two ways and were left alone")
    changed = len(np.unique(cleaned.edits.row)) if cleaned.edits else 0
    err.print(f"{count(changed)} of {count(texts)} texts changed")


def show_diff(before: pa.Array, cleaned: Cleaned, rows: int) -> None:
    """The first ``rows`` changed texts: what went in red, what came in green, little of what stayed."""
    assert cleaned.edits is not None
    for row in np.unique(cleaned.edits.row)[:rows]:
        heading(f"text {count(int(row) + 1)}")
        old, new = (_bytes(column[int(row)].as_py()) for column in (before, cleaned.texts))
        out.print(changes(old, new, cleaned, int(row), marked=not out.is_terminal), soft_wrap=True)


def changes(old: bytes, new: bytes, cleaned: Cleaned, row: int, marked: bool) -> Text:
    """``marked``: [-brackets-] and {+braces+} around what went and came, for output without colour."""
    assert cleaned.edits is not None
    first, last = np.searchsorted(cleaned.edits.row, [row, row + 1])
    text, done = Text(), 0
    for edit in range(first, last):
        begin, end = int(cleaned.edits.begin[edit]), int(cleaned.edits.end[edit])
        text.append(_middle(old[done:begin], is_first=edit == first), style="bright_black")
        gone = _visible(old[begin:end])
        came = _visible(new[int(cleaned.edits.new_begin[edit]) : int(cleaned.edits.new_end[edit])])
        if gone:
            text.append(f"[-{gone}-]" if marked else gone, style="red strike")
        if came:
            text.append(f"{{+{came}+}}" if marked else came, style="bold green")
        done = end
    rest = old[done:].decode("utf-8", "replace")
    text.append(rest if len(rest) <= CONTEXT else rest[:CONTEXT] + "…", style="bright_black")
    return text


def _middle(raw: bytes, is_first: bool) -> str:
    text = raw.decode("utf-8", "replace")
    if len(text) <= 2 * CONTEXT:
        return text
    return ("" if is_first else text[:CONTEXT]) + " … " + text[-CONTEXT:]


def _visible(raw: bytes) -> str:
    """What nobody would see, written out."""
    text = raw.decode("utf-8", "backslashreplace").replace("\n", "⏎\n").replace("\t", "⇥").replace("\r", "␍")
    return "".join(c if c.isprintable() or c == "\n" else f"⟨U+{ord(c):04X}⟩" for c in text)


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode()


def show_token_counts(counts: np.ndarray, characters: int, name: str) -> None:
    shown = table("", "tokens", numbers=(1,))
    shown.add_row("in all", count(int(counts.sum())))
    if len(counts):
        shown.add_row("median text", count(float(np.median(counts))))
        shown.add_row("longest text", count(int(counts.max())))
    err.print(f"{count(len(counts))} texts, {count(characters)} characters, {name}")
    err.print(shown)
