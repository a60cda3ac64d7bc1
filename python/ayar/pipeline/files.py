"""What the commands for files do: clean or tokenize every text of a file, whatever its task."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from ayar.data.text_files import TextFile, read_text_file
from ayar.errors import DataError
from ayar.model.packaged import packaged_model
from ayar.text.cleaning import Cleaned, CleanOptions, clean_batch
from ayar.text.tokenizer import TokenBatch, Tokenizer


def open_texts(path: Path, columns: Sequence[str] | None) -> TextFile:
    """path ``-`` is standard input."""
    return read_text_file(None if str(path) == "-" else path, sys.stdin.buffer, columns or ())


def clean(source: TextFile, enable: Sequence[str], disable: Sequence[str]) -> Cleaned:
    """The default operators, and those switched on or off by name. Raises DataError for a name that no operator has."""
    names = list(CleanOptions.model_fields)
    unknown = [name for name in (*enable, *disable) if name not in names]
    if unknown:
        raise DataError(f"clean: no operator is called {', '.join(unknown)}. There are: {', '.join(names)}.")
    chosen = {name: _switched(name, True) for name in enable} | {name: _switched(name, False) for name in disable}
    return clean_batch(source.texts, CleanOptions(**chosen), edits=True)  # pyright: ignore[reportArgumentType]


def _switched(name: str, on: bool) -> bool | str:
    if name == "links":
        return "drop" if on else "keep"
    return on


@dataclass(frozen=True)
class FileTokens:
    """batch: the ids. characters: of all texts. tokenizer: the file that made them."""

    batch: TokenBatch
    characters: int
    tokenizer: str

    @property
    def counts(self) -> np.ndarray:
        """(texts,) tokens of each."""
        return np.diff(self.batch.offsets)

    def json_lines(self) -> bytes:
        """A JSON array of ids a text."""
        bounds = zip(self.batch.offsets[:-1], self.batch.offsets[1:], strict=True)
        return "".join(f"{self.batch.ids[begin:end].tolist()}\n" for begin, end in bounds).encode()


def tokenize(source: TextFile, model: Path | None) -> FileTokens:
    """model: a folder with tokenizer.json, or that file; None is the packaged model. A null has no tokens."""
    path = model if model is not None else packaged_model()
    path = path / "tokenizer.json" if path.is_dir() else path
    repaired = clean_batch(source.texts, CleanOptions.nothing()).texts
    texts = repaired.fill_null("") if repaired.null_count else repaired
    characters = sum(len(text) for text in texts.to_pylist())
    return FileTokens(Tokenizer.from_file(path).encode_batch(pa.array(texts)), characters, str(path))
