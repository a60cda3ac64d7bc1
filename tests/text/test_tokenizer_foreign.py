"""A tokenizer.json with a component that only `tokenizers` has is run by it, says so, and answers like any other."""

import json
import random
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import tokenizers
from tokenizers import Regex, decoders, models, normalizers, pre_tokenizers, trainers

from ayar.errors import ModelError
from ayar.text.tokenizer import Tokenizer
from tests.text.oracle import nasty_texts, read_pair
from tests.text.precompiled_map import component, precompiled_map

PAGE = [
    "the quick brown fox doesn't jump over 1,234 lazy dogs",
    "Siparişim hâlâ gelmedi, İstanbul'daki şubeye telefon ettim",
    "中文文本 カタカナ",
]


def trained(model: Any, trainer: Any, **parts: Any) -> tokenizers.Tokenizer:
    made = tokenizers.Tokenizer(model)
    for name, part in parts.items():
        setattr(made, name, part)
    made.train_from_iterator(PAGE * 3, trainer)
    return made


@cache
def plain_byte_level() -> str:
    return byte_level().to_str()


def byte_level(**parts: Any) -> tokenizers.Tokenizer:
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=400, show_progress=False, initial_alphabet=alphabet, special_tokens=["<s>", "<pad>"])
    usual = {"pre_tokenizer": pre_tokenizers.ByteLevel(add_prefix_space=False), "decoder": decoders.ByteLevel()}
    return trained(models.BPE(), trainer, **usual | parts)


def split_by(pattern: str) -> pre_tokenizers.PreTokenizer:
    return pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(pattern), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )


def word_level() -> tokenizers.Tokenizer:
    trainer = trainers.WordLevelTrainer(show_progress=False, special_tokens=["[UNK]", "<s>"])
    return trained(models.WordLevel(unk_token="[UNK]"), trainer, pre_tokenizer=pre_tokenizers.Whitespace())


def suffixed() -> tokenizers.Tokenizer:
    trainer = trainers.BpeTrainer(
        vocab_size=200, show_progress=False, special_tokens=["[UNK]", "<s>"], end_of_word_suffix="</w>", limit_alphabet=60
    )
    model = models.BPE(unk_token="[UNK]", end_of_word_suffix="</w>")
    return trained(model, trainer, pre_tokenizer=pre_tokenizers.Whitespace(), decoder=decoders.BPEDecoder())


REPLACED = {"ﬁ": "fi", "ａ": "a", "…": "...", "\u00a0": " ", "\u200b": "", "e\u0301": "é", "①": "1"}


def with_map(raw: bytes) -> str:
    """A byte-level tokenizer.json with the character map of SentencePiece."""
    return json.dumps(json.loads(plain_byte_level()) | {"normalizer": component(raw)})


FOREIGN: dict[str, Callable[[], tokenizers.Tokenizer]] = {
    "normalizer Precompiled": lambda: tokenizers.Tokenizer.from_str(with_map(precompiled_map(REPLACED))),
    "normalizer Nmt": lambda: byte_level(normalizer=normalizers.Sequence([normalizers.NFC(), normalizers.Nmt()])),
    "normalizer Replace with": lambda: byte_level(normalizer=normalizers.Replace(Regex("[0-9]+"), "ö")),
    "pre_tokenizer UnicodeScripts": lambda: byte_level(
        pre_tokenizer=pre_tokenizers.Sequence([pre_tokenizers.UnicodeScripts(), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    ),
    "pre_tokenizer Split with": lambda: byte_level(pre_tokenizer=split_by("[aeiou]+|[^aeiou]")),
    "decoder CTC": lambda: byte_level(decoder=decoders.CTC(pad_token="<pad>", word_delimiter_token="|", cleanup=False)),
    "model WordLevel": word_level,
    "decoder BPEDecoder": suffixed,
}


@pytest.fixture(params=list(FOREIGN))
def named(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Path]:
    path = tmp_path / "tokenizer.json"
    FOREIGN[request.param]().save(str(path))
    return request.param, path


def test_it_says_so_and_equals_tokenizers(named: tuple[str, Path]) -> None:
    name, path = named
    pair = read_pair(path)
    assert not pair.native.is_native
    assert pair.native.engine.startswith(f"tokenizers, because {name}")
    texts = ["", *PAGE, *nasty_texts(5, 60, 8, ["<s>", "é", "😀", *REPLACED])]
    pair.check_all(texts)
    pair.check_decode(texts)
    assert pair.native.verify(PAGE) == len(PAGE)
    vocabulary = pair.oracle.get_vocab(with_added_tokens=True)
    assert pair.native.vocab_size == len(vocabulary)
    assert pair.native.id_bound == max(vocabulary.values()) + 1
    assert all(pair.native.token_to_id(token) == token_id for token, token_id in vocabulary.items())
    assert pair.native.token_to_id("no such token") is None
    assert pair.native.id_to_token(pair.native.id_bound) is None


def test_arrow_columns_ill_formed_bytes_and_unknown_ids(named: tuple[str, Path]) -> None:
    tokenizer = Tokenizer.from_file(named[1])
    assert tokenizer.compiled is None
    column = pa.array(["not this", *PAGE]).slice(1)
    batch = tokenizer.encode_batch(column, offsets=True)
    assert (batch.ids.dtype, batch.offsets.dtype, batch.spans.dtype) == (np.int32, np.int64, np.int32)  # type: ignore[union-attr]
    for row, text in enumerate(PAGE):
        assert batch.ids[batch.offsets[row] : batch.offsets[row + 1]].tolist() == tokenizer.encode(text).tolist()
    assert tokenizer.encode(b"ab\xff\xe4\xb8").tolist() == tokenizer.encode("ab\ufffd\ufffd").tolist()
    assert len(tokenizer.encode_batch([]).ids) == 0
    for unknown in (-1, tokenizer.id_bound):
        with pytest.raises(ModelError, match="has no token"):
            tokenizer.decode([unknown])


def test_a_map_of_characters_does_what_it_says(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text(with_map(precompiled_map(REPLACED)))
    tokenizer = Tokenizer.from_file(path)
    for typed, meant in REPLACED.items():
        assert tokenizer.decode(tokenizer.encode(f"x{typed}y")) == f"x{meant}y"


def test_hostile_maps_are_errors_and_nothing_worse(tmp_path: Path) -> None:
    good, rng = precompiled_map(REPLACED), random.Random(3)
    path = tmp_path / "tokenizer.json"
    said: list[str] = []
    for case in range(40):
        raw = bytearray(good)
        if case % 4 == 0:
            raw = raw[: rng.randrange(len(raw))]
        else:
            for _ in range(rng.choice([1, 4, 40])):
                raw[rng.randrange(len(raw))] = rng.randrange(256)
        path.write_text(with_map(bytes(raw)))
        try:
            Tokenizer.from_file(path).encode("".join(REPLACED) + PAGE[1])
        except ModelError as error:
            said.append(str(error))
    assert len(said) > 10
    assert all("normalizer Precompiled" in words for words in said)


def test_what_tokenizers_cannot_read_either_names_component_and_file(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    made = json.loads(byte_level().to_str())
    path.write_text(json.dumps(made | {"normalizer": {"type": "Newest"}}))
    with pytest.raises(ModelError, match=r"tokenizer\.json: normalizer Newest has no native form, and .* failed"):
        Tokenizer.from_file(path)


def test_an_error_of_tokenizers_shows_no_text(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    made = json.loads(word_level().to_str())
    made["model"]["unk_token"] = "gone"
    path.write_text(json.dumps(made))
    with pytest.raises(ModelError) as caught:
        Tokenizer.from_file(path).encode("secretword")
    assert "secretword" not in str(caught.value)
    assert "model WordLevel" in str(caught.value)
