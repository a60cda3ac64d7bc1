"""The compiled file beside a tokenizer.json: used where it belongs to it and is whole, made again where not, never needed."""

import json
import os
import random
from pathlib import Path

import numpy as np
import pytest
import tokenizers

from ayar.text import tokenizer_compiled
from ayar.text.tokenizer import Tokenizer
from tests.text.oracle import nasty_texts
from tests.text.tokenizer_families import FAMILIES, write_family

TEXTS = nasty_texts(11, 60, 10)


def ids_of(tokenizer: Tokenizer) -> np.ndarray:
    return tokenizer.encode_batch(TEXTS).ids


@pytest.mark.parametrize("name", list(FAMILIES))
def test_compiled_gives_the_same_ids(name: str, tmp_path: Path) -> None:
    path = write_family(name, tmp_path)
    in_memory = Tokenizer.from_file(path, store=False)
    assert in_memory.compiled is None
    assert sorted(file.name for file in tmp_path.iterdir()) == ["tokenizer.json"]
    first = Tokenizer.from_file(path)
    assert first.compiled == tmp_path / "tokenizer.ayar"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["tokenizer.ayar", "tokenizer.json"]
    again = Tokenizer.from_file(path)
    assert again.engine == in_memory.engine
    assert again.vocab_size == in_memory.vocab_size
    for tokenizer in (first, again):
        assert np.array_equal(ids_of(tokenizer), ids_of(in_memory))
    assert again.decode(again.encode(TEXTS[0])) == in_memory.decode(in_memory.encode(TEXTS[0]))


@pytest.mark.parametrize("name", ["gpt2", "llama3", "llama2"])
def test_a_long_text_takes_the_seeds_into_the_cache(name: str, tmp_path: Path) -> None:
    path = write_family(name, tmp_path)
    rng = random.Random(2)
    rows = [" ".join(rng.choices(TEXTS, k=40)) for _ in range(60)]
    rows += [rng.choice(rows) for _ in range(2 * 2**20 // sum(len(row.encode()) for row in rows) * len(rows))]
    assert sum(len(row.encode()) for row in rows) > 2**20  # from here on they move in
    want = [ids.tobytes() for ids in map(Tokenizer.from_file(path).encode, rows)]
    tokenizer = Tokenizer.from_file(path)
    for _ in range(2):  # cold and warm
        batch = tokenizer.encode_batch(rows)
        assert [ids.tobytes() for ids in np.split(batch.ids, batch.offsets[1:-1])] == want


def test_tokens_that_merges_do_not_make_are_found_whole(tmp_path: Path) -> None:
    path = write_family("llama3", tmp_path)
    content = json.loads(path.read_text())
    vocabulary = content["model"]["vocab"]
    lost = ["Ġqzx", "qzxqzxqzxqzxqzxqzx", "ÄŁÄŁÄŁ"]  # the second is longer than a seed
    assert content["model"]["ignore_merges"]
    vocabulary |= {token: max(vocabulary.values()) + 1 + i for i, token in enumerate(lost)}
    path.write_text(json.dumps(content))
    texts = ["a qzx qzx", "qzxqzxqzxqzxqzxqzx", "ğğğ ğğ qzxqzx"]
    oracle = tokenizers.Tokenizer.from_str(json.dumps(content))
    want = [encoding.ids for encoding in oracle.encode_batch(texts, add_special_tokens=False)]
    assert {vocabulary[token] for token in lost} <= {token_id for ids in want for token_id in ids}
    for _ in range(2):  # from the JSON, then from the compiled file
        tokenizer = Tokenizer.from_file(path)
        assert [tokenizer.encode(text).tolist() for text in texts] == want


def test_the_file_is_read_instead_of_the_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_family("llama3", tmp_path)
    Tokenizer.from_file(path)

    def must_not_compile(*_: object) -> None:
        raise AssertionError("compiled again")

    monkeypatch.setattr(tokenizer_compiled, "_compile", must_not_compile)
    assert Tokenizer.from_file(path).compiled is not None


def test_damaged_files_are_made_again(tmp_path: Path) -> None:
    path = write_family("llama2", tmp_path)
    want = ids_of(Tokenizer.from_file(path))
    compiled = tmp_path / "tokenizer.ayar"
    whole = compiled.read_bytes()
    rng = random.Random(1)
    flipped = []
    for at in [0, 9, 17, 25, 41, *(rng.randrange(len(whole)) for _ in range(12))]:
        damaged = bytearray(whole)
        damaged[at] ^= 1 << rng.randrange(8)
        flipped.append(bytes(damaged))
    for damage in [b"", whole[:40], whole[:-1], whole[: len(whole) // 2], whole + b"x", b"x" * len(whole), *flipped]:
        compiled.write_bytes(damage)
        assert np.array_equal(ids_of(Tokenizer.from_file(path)), want)
        assert compiled.read_bytes() == whole


def test_another_json_has_another_file(tmp_path: Path) -> None:
    path = write_family("gpt2", tmp_path)
    Tokenizer.from_file(path)
    before = (tmp_path / "tokenizer.ayar").read_bytes()
    content = json.loads(path.read_text(encoding="utf-8"))
    content["model"]["merges"] = content["model"]["merges"][:10]
    path.write_text(json.dumps(content), encoding="utf-8")
    changed = Tokenizer.from_file(path)
    assert (tmp_path / "tokenizer.ayar").read_bytes() != before
    assert np.array_equal(ids_of(changed), ids_of(Tokenizer.from_file(path, store=False)))


def test_where_the_folder_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, cache = tmp_path / "model", tmp_path / "cache"
    folder.mkdir()
    path = write_family("gpt2", folder)
    monkeypatch.setenv("AYAR_CACHE", str(cache))
    replace = os.replace

    def refuse(source: str, target: Path) -> None:
        if Path(target).parent in refused:
            raise PermissionError(target)
        replace(source, target)

    monkeypatch.setattr(os, "replace", refuse)
    refused = [folder]
    tokenizer = Tokenizer.from_file(path)
    assert tokenizer.compiled is not None
    assert tokenizer.compiled.parent == cache
    assert Tokenizer.from_file(path).compiled == tokenizer.compiled
    tokenizer.compiled.unlink()
    refused = [folder, cache]
    assert Tokenizer.from_file(path).compiled is None
    assert [file.name for file in folder.iterdir()] == ["tokenizer.json"]  # nothing half-written stays behind
    assert list(cache.iterdir()) == []
