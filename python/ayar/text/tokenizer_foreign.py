"""A tokenizer with a component that the native core does not have, run by the package `tokenizers` behind the native core's interface.

Slower, and the same in every answer. ``Tokenizer.engine`` says that it is in use, and for which component.
"""

from collections.abc import Callable, Sequence
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from ayar.errors import ModelError


class ForeignTokenizer:
    """What `ayar._native.tokenizer.Tokenizer` offers, by `tokenizers`. reason: the component that made it necessary."""

    def __init__(self, path: Path, reason: str) -> None:
        """Raises ModelError where `tokenizers` cannot read the file either."""
        tokenizers: Any = import_module("tokenizers")  # slow to import, and seldom needed
        self._path = path
        self.reason = reason
        self._made = self._guarded("reads", lambda: tokenizers.Tokenizer.from_file(str(path)))
        self._made.no_truncation()
        self._made.no_padding()
        vocabulary = self._made.get_vocab(with_added_tokens=True)
        self.size = len(vocabulary)
        self.id_bound = max(vocabulary.values(), default=-1) + 1
        self._special = {token_id for token_id, token in self._made.get_added_tokens_decoder().items() if token.special}

    def token(self, token_id: int) -> str | None:
        return self._made.id_to_token(token_id)

    def find(self, token: str) -> int | None:
        return self._made.token_to_id(token)

    def is_special(self, token_id: int) -> bool:
        return token_id in self._special

    def encode_batch(self, data: np.ndarray, offsets: np.ndarray, with_spans: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """data: uint8 (bytes,); offsets: int64 (rows + 1,) → ids int32 (n,), row offsets int64 (rows + 1,), spans int32 (n, 2) or None."""
        raw = data.tobytes()
        rows = [raw[begin:end].decode("utf-8", "replace") for begin, end in pairwise(offsets)]
        encode = self._made.encode_batch if with_spans else self._made.encode_batch_fast  # the fast one keeps no offsets
        encoded = self._guarded("encodes with", lambda: encode(rows, add_special_tokens=False))
        row_offsets = np.zeros(len(rows) + 1, np.int64)
        np.cumsum([len(row.ids) for row in encoded], out=row_offsets[1:])
        ids = np.concatenate([np.empty(0, np.int32), *(np.array(row.ids, np.int32) for row in encoded)])
        spans = [_byte_spans(text, row.offsets) for text, row in zip(rows, encoded, strict=True)] if with_spans else []
        return ids, row_offsets, np.concatenate([np.empty((0, 2), np.int32), *spans]) if with_spans else None

    def decode(self, ids: np.ndarray, skip_special: bool) -> bytes:
        """ids: int32 (n,) → UTF-8. Raises IndexError for an id without token, as the native core does."""
        listed = ids.tolist()
        missing = next((token_id for token_id in listed if token_id < 0 or self.token(token_id) is None), None)
        if missing is not None:
            raise IndexError(f"id {missing} has no token")
        return self._guarded("decodes with", lambda: self._made.decode(listed, skip_special_tokens=skip_special)).encode()

    def _guarded(self, does: str, work: Callable[[], Any]) -> Any:
        """Rust's errors and panics as ModelError; their words may hold a text, so they are not passed on."""
        try:
            return work()
        except BaseException as error:
            if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
                raise
            raise ModelError(
                f"{self._path}: {self.reason} has no native form, and the package tokenizers, which {does} this file instead, "
                f"failed ({type(error).__name__}). Install a newer one, or download the file again."
            ) from None


def _byte_spans(text: str, char_spans: Sequence[tuple[int, int]]) -> np.ndarray:
    """Offsets in characters → offsets in UTF-8 bytes, int32 (n, 2)."""
    widths = np.fromiter((len(character.encode()) for character in text), np.int32, len(text))
    bytes_before = np.concatenate([[0], np.cumsum(widths)])
    return bytes_before[np.array(char_spans, np.int64).reshape(-1, 2)].astype(np.int32)
