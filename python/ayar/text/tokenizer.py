"""Byte-level BPE tokenization in native code: the ids that `tokenizers` gives for the same ``tokenizer.json``, on every text."""

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from ayar.errors import DataError, ModelError
from ayar.text.tokenizer_json import TokenizerFile, read_tokenizer_json

Texts = Sequence[str] | pa.Array  # of type string or large_string


class TokenBatch(NamedTuple):
    """Ids of many texts: those of row r are ``ids[offsets[r]:offsets[r + 1]]``."""

    ids: np.ndarray  # int32 (n,)
    offsets: np.ndarray  # int64 (rows + 1,)
    spans: np.ndarray | None = None  # int32 (n, 2): half-open byte ranges in the row's text


class Tokenizer:
    """Made by ``from_file``. Added tokens in the text are recognised, none is added to it. Threads may share it; it survives fork."""

    def __init__(self, file: TokenizerFile, path: Path) -> None:
        native: Any = import_module("ayar._native").tokenizer
        added = [[tuple(token[:5]) for token in file.added if token.normalized is normalized] for normalized in (False, True)]
        try:
            digits, pattern = native.Digits.__members__[file.digits], native.Pattern.__members__[file.pattern]
            offset_trim = file.trims_offsets, file.keeps_first_space
            self._native = native.Tokenizer(file.vocab, file.merges, *added, digits, pattern, file.ignore_merges, *offset_trim)
        except (ValueError, RuntimeError) as error:
            raise ModelError(f"{path}: {error}. The file is damaged: download it again.") from None
        for token in file.added:
            if token.special:
                self._native.mark_special(token.id)
        self._vocab = file.vocab | {token.content: token.id for token in file.added}

    @classmethod
    def from_file(cls, path: str | Path) -> "Tokenizer":
        """Reads a ``tokenizer.json``. Raises ModelError naming the file and the component that is missing, damaged or not supported."""
        with _no_garbage_collection():
            return cls(read_tokenizer_json(Path(path)), Path(path))

    @property
    def vocab_size(self) -> int:
        """Number of tokens, added ones included."""
        return len(self._vocab)

    @property
    def id_bound(self) -> int:
        """One more than the largest id: a model needs as many rows in its embedding."""
        return max(self._vocab.values(), default=-1) + 1

    def token_to_id(self, token: str) -> int | None:
        return self._vocab.get(token)

    def id_to_token(self, token_id: int) -> str | None:
        return self._token_of_id.get(token_id)

    @cached_property
    def _token_of_id(self) -> dict[int, str]:
        return {token_id: token for token, token_id in self._vocab.items()}

    def encode(self, text: str | bytes) -> np.ndarray:
        """Ids, int32 (n,). Ill-formed UTF-8 counts as its text repaired with U+FFFD, one for each maximal ill-formed subpart."""
        return self._encode_one(text, False)[0]

    def encode_with_offsets(self, text: str) -> tuple[np.ndarray, np.ndarray]:
        """Ids, and the half-open range of UTF-8 bytes of ``text`` that each stands for, int32 (n, 2).

        A token that is a part of a character has the whole character's range, so ranges may overlap.
        Raises DataError for a text with surrogates: its bytes are not defined.
        """
        try:
            text.encode()
        except UnicodeEncodeError:
            raise DataError("A text with lone surrogates has no UTF-8 bytes to count offsets in: repair it first.") from None
        ids, _, spans = self._encode_one(text, True)
        return ids, spans

    def encode_batch(self, texts: Texts, offsets: bool = False) -> TokenBatch:
        """Ids of every row, on all threads; Arrow arrays are read in place. ``offsets`` adds the spans of ``encode_with_offsets``.

        Raises DataError where a row is null.
        """
        data, rows = _string_buffers(texts)
        ids, row_offsets, spans = self._native.encode_batch(data, rows, offsets)
        return TokenBatch(ids, row_offsets, spans)

    def count(self, text: str | bytes) -> int:
        """Number of tokens of a text."""
        return len(self.encode(text))

    def decode(self, ids: Sequence[int] | np.ndarray, skip_special_tokens: bool = True) -> str:
        """The text of ids; bytes that are not UTF-8 become U+FFFD. Raises ModelError for an id without token."""
        try:
            return self._native.decode(np.asarray(ids, dtype=np.int32), skip_special_tokens).decode("utf-8", "replace")
        except IndexError as error:
            raise ModelError(f"decode: {error}; this tokenizer has {self.vocab_size} tokens. It does not belong to the model.") from None

    def decode_batch(self, rows: Sequence[Sequence[int] | np.ndarray], skip_special_tokens: bool = True) -> list[str]:
        return [self.decode(ids, skip_special_tokens) for ids in rows]

    def _encode_one(self, text: str | bytes, offsets: bool) -> Any:
        raw = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
        return self._native.encode_batch(np.frombuffer(raw, np.uint8), np.array([0, len(raw)], np.int64), offsets)


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Parsing makes a list for each merge and no cycle; beside torch, the collections that they set off take longer than the parsing."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def char_offsets(text: str, byte_offsets: np.ndarray) -> np.ndarray:
    """Byte offsets that lie on character borders (any shape) → offsets in characters of ``text``, as Python slices count."""
    raw = np.frombuffer(text.encode(), np.uint8)
    is_first = (raw & 0xC0) != 0x80
    characters_before = np.concatenate([[0], np.cumsum(is_first)])
    return characters_before[byte_offsets].astype(np.int32)


def _string_buffers(texts: Texts) -> tuple[np.ndarray, np.ndarray]:
    """The UTF-8 bytes of all rows, and the int64 offsets of the rows in them."""
    array: Any = texts if isinstance(texts, pa.Array) else _arrow_strings(texts)
    offset_types = {pa.large_string(): np.int64, pa.large_binary(): np.int64, pa.string(): np.int32, pa.binary(): np.int32}
    if array.type not in offset_types:
        raise DataError(f"Texts must be a list of str or an Arrow string array, not {array.type}")
    if array.null_count:
        raise DataError(f"{array.null_count} of {len(array)} texts are null: drop or fill these rows first")
    if len(array) == 0:
        return np.empty(0, np.uint8), np.zeros(1, np.int64)
    _, offsets, data = array.buffers()
    rows = np.frombuffer(offsets, offset_types[array.type])[array.offset : array.offset + len(array) + 1]
    return np.frombuffer(data, np.uint8) if data is not None else np.empty(0, np.uint8), rows.astype(np.int64)


def _arrow_strings(texts: Sequence[str]) -> pa.Array:
    try:
        return pa.array(texts, pa.large_string())
    except UnicodeEncodeError:  # lone surrogates: the native core repairs them like any ill-formed bytes
        return pa.array([text.encode("utf-8", "surrogatepass") for text in texts], pa.large_binary())
