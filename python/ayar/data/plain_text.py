"""Plain text files, for the task `complete`: a row is a paragraph, a line, or the whole file."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ayar.data.raw_rows import RawRows

COLUMN = "text"


def read_rows(path: Path, encoding: str, errors: str, unit: str) -> RawRows:
    """The row number is the line on which the piece starts."""
    with path.open(encoding="utf-8-sig" if encoding == "utf-8" else encoding, errors=errors) as file:
        pieces = list(_pieces(file, unit))
    return RawRows({COLUMN: [text for _, text in pieces]}, np.array([line for line, _ in pieces], np.int64), [])


def _pieces(lines: Iterator[str], unit: str) -> Iterator[tuple[int, str]]:
    start, held = 1, []
    for number, line in enumerate(lines, start=1):
        ends = unit == "line" or (unit == "paragraph" and not line.strip())
        if line.strip() or (held and unit == "file"):
            start = start if held else number
            held.append(line)
        if ends and held:
            yield start, "".join(held).rstrip("\n")
            held = []
    if held:
        yield start, "".join(held).rstrip("\n")
