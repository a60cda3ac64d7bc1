"""Tokenization in native code: the ids that `tokenizers` gives for the same ``tokenizer.json``, on every text."""

from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from ayar.errors import DataError, ModelError
from ayar.text.tokenizer_compiled import load_tokenizer
from ayar.text.tokenizer_decoders import decoder_of
from ayar.text.tokenizer_foreign import ForeignTokenizer

Texts = Sequence[str] | pa.Array  # of type string or large_string


class TokenBatch(NamedTuple):
    """Ids of many texts: those of row r are ``ids[offsets[r]:offsets[r + 1]]``."""

    ids: np.ndarray  # int32 (n,)
    offsets: np.ndarray  # int64 (rows + 1,)
    spans: np.ndarray | None = None  # int32 (n, 2): half-open byte ranges in the row's text


class Tokenizer:
    """Made by ``from_file``. Added tokens in the text are recognised, none is added to it. Threads may share it; it survives fork."""

    def __init__(self, path: Path, native: Any, settings: dict[str, Any], compiled: Path | None) -> None:
        self._path = path
        self._native = native
        self._decoder = settings["decoder"]
        self._decode = decoder_of(settings["decoder"])
        self.compiled = compiled

    @classmethod
    def from_file(cls, path: str | Path, store: bool = True) -> "Tokenizer":
        """Reads a ``tokenizer.json``, or the compiled file that was made from it (``compiled`` names it; None: only in memory).

        ``store``: the first reading writes that file, beside the JSON or in the cache folder. Raises ModelError naming the file and the
        component that is missing, damaged or not supported.
        """
        return cls(Path(path), *load_tokenizer(Path(path), store))

    @property
    def is_native(self) -> bool:
        """False where the package `tokenizers` does the work, for a component that only it has."""
        return not isinstance(self._native, ForeignTokenizer)

    @property
    def engine(self) -> str:
        """How this tokenizer works, in words, for `ayar doctor`: native, or tokenizers and the component it is needed for."""
        if not self.is_native:
            return f"tokenizers, because {self._native.reason} has no native form"
        plans = {
            "byte_level": "native, pre-tokens " + ("by 64-byte blocks" if self._native.has_blocks else "character by character"),
            "sentencepiece": "native, between sure cuts",
            "words": "native, word by word",
            "pieces": "native, step by step",
        }
        return plans[self._native.plan.name]

    @property
    def vocab_size(self) -> int:
        """Number of tokens, added ones included."""
        return self._native.size

    @property
    def id_bound(self) -> int:
        """One more than the largest id: a model needs as many rows in its embedding."""
        return self._native.id_bound

    def token_to_id(self, token: str) -> int | None:
        return self._native.find(token)

    def id_to_token(self, token_id: int) -> str | None:
        return self._native.token(token_id) if 0 <= token_id < self.id_bound else None

    def encode(self, text: str | bytes | memoryview) -> np.ndarray:
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
        if not self.is_native or (self._decoder is not None and self._decoder["type"] == "ByteLevel"):
            try:
                return self._native.decode(np.asarray(ids, dtype=np.int32), skip_special_tokens).decode("utf-8", "replace")
            except IndexError as error:
                raise ModelError(f"decode: {error}; this tokenizer has {self.vocab_size} tokens. It is not the model's.") from None
        tokens = []
        for token_id in ids:
            token = self.id_to_token(int(token_id))
            if token is None:
                raise ModelError(f"decode: id {token_id} has no token; this tokenizer has {self.vocab_size} tokens. It is not the model's.")
            if not (skip_special_tokens and self._native.is_special(int(token_id))):
                tokens.append(token)
        return " ".join(tokens) if self._decode is None else "".join(self._decode(tokens))

    def decode_batch(self, rows: Sequence[Sequence[int] | np.ndarray], skip_special_tokens: bool = True) -> list[str]:
        return [self.decode(ids, skip_special_tokens) for ids in rows]

    def verify(self, texts: str | Sequence[str]) -> int:
        """Compares with the package `tokenizers`, which must be installed, on texts of your own. Returns how many were compared.

        Raises ModelError with the number of the first text whose ids or offsets differ, and where in it they do; never its content.
        """
        tokenizers: Any = import_module("tokenizers")
        oracle = tokenizers.Tokenizer.from_file(str(self._path))
        oracle.no_truncation()
        oracle.no_padding()
        rows = [texts] if isinstance(texts, str) else list(texts)
        batch = self.encode_batch(rows, offsets=True)
        assert batch.spans is not None
        for row, (text, want) in enumerate(zip(rows, oracle.encode_batch(rows, add_special_tokens=False), strict=True)):
            begin, end = batch.offsets[row], batch.offsets[row + 1]
            ids, offsets = batch.ids[begin:end].tolist(), char_offsets(text, batch.spans[begin:end]).tolist()
            if ids != want.ids or offsets != [list(pair) for pair in want.offsets]:
                both = zip(ids, offsets, want.ids, want.offsets, strict=False)
                same = next((i for i, (a, b, c, d) in enumerate(both) if a != c or b != list(d)), min(len(ids), len(want.ids)))
                raise ModelError(
                    f"verify: text {row} differs from tokenizers at token {same}. Please report this; use tokenizers meanwhile."
                )
        return len(rows)

    def _encode_one(self, text: str | bytes | memoryview, offsets: bool) -> Any:
        raw = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
        return self._native.encode_batch(np.frombuffer(raw, np.uint8), np.array([0, len(raw)], np.int64), offsets)


def decode_stream(tokenizer: Tokenizer, ids: Iterator[int], skip_special_tokens: bool = True) -> Iterator[str]:
    """The text of ids as they come: each part as soon as no later id can change it. All parts together are the text of all ids.

    A part is held back while it ends in U+FFFD, for the rest of a character may follow.
    """
    window: list[int] = []  # the ids of the last part and those behind it
    told, told_ids = "", 0  # of the window: text that is out, and how many ids made it
    for token_id in ids:
        window.append(token_id)
        text = tokenizer.decode(window, skip_special_tokens)
        if len(text) <= len(told) or text.endswith("\ufffd") or not text.startswith(told):
            continue
        yield text[len(told) :]
        if not tokenizer.is_native:  # an unknown decoder may look back as far as it likes
            told = text
            continue
        window, told_ids = window[told_ids:], len(window) - told_ids
        told = tokenizer.decode(window, skip_special_tokens)
    rest = tokenizer.decode(window, skip_special_tokens)
    if len(rest) > len(told):
        yield rest[len(told) :]


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
