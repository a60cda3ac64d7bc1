"""A tokenizer.json with anything that neither the native core nor `tokenizers` knows exactly is refused by name."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ayar.errors import ModelError
from ayar.model.packaged_tokenizer import write_tokenizer
from ayar.text.tokenizer import Tokenizer
from tests.text.oracle import BYTE_LEVEL, Synthetic, read_pair, smollm2_gguf

FLAGS = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}


def content() -> dict[str, Any]:
    synthetic = Synthetic(0)
    synthetic.name, synthetic.letters = "gpt2", ["a", "b"]
    made = synthetic.content()
    made["added_tokens"], made["post_processor"] = [{"id": 3, "content": "<s>", **FLAGS}], None
    made["model"] |= {"vocab": {"a": 0, "b": 1, "ab": 2}, "merges": [["a", "b"]], "ignore_merges": False}
    return made


def load(path: Path, made: Any) -> Tokenizer:
    path.write_text(json.dumps(made), encoding="utf-8")
    return Tokenizer.from_file(path, store=False)


REFUSED: list[tuple[str, Callable[[dict[str, Any]], Any]]] = [
    ("field 'extra'", lambda c: c.update(extra=1)),
    ("normalizer Precompiled has no native form", lambda c: c.update(normalizer={"type": "Precompiled", "precompiled_charsmap": ""})),
    ("normalizer NFC with field 'new'", lambda c: c.update(normalizer={"type": "NFC", "new": 1})),
    ("pre_tokenizer ByteLevel with field 'new'", lambda c: c.update(pre_tokenizer=BYTE_LEVEL | {"new": 1})),
    ("post_processor Other", lambda c: c.update(post_processor={"type": "Other"})),
    ("model field 'byte_fallback'", lambda c: c["model"].update(type="WordPiece")),
    ("model field 'beta'", lambda c: c["model"].update(beta=1)),
    ("model with dropout=0.1", lambda c: c["model"].update(dropout=0.1)),
    ("model with unk_token='x', which is not in", lambda c: c["model"].update(unk_token="x")),
    ("merge 0 names a token", lambda c: c["model"].update(merges=[["a", "x"]])),
    ("merge 0 names a token", lambda c: c["model"].update(merges=[["b", "a"]])),
    ("a merge must be a list of two", lambda c: c["model"].update(merges=["ab"])),
    ("two tokens have id 1", lambda c: c["model"]["vocab"].update(a=1)),
    ("token id 3000000 is over", lambda c: c["model"]["vocab"].update(a=3_000_000)),
    ("damaged", lambda c: c["model"]["vocab"].update(a=-1)),
    ("damaged", lambda c: c["model"]["vocab"].update(a="x")),
    ("token 3 is empty", lambda c: c.update(added_tokens=[]) or c["model"]["vocab"].update({"": 3})),
    ("added token with id 7 should have id 3", lambda c: c["added_tokens"][0].update(id=7)),
    ("listed twice", lambda c: c["added_tokens"].append(c["added_tokens"][0] | {"lstrip": True})),
    ("not a tokenizer.json", lambda c: c.pop("model")),
    ("not a tokenizer.json", lambda c: c["added_tokens"][0].pop("lstrip")),
    ("not a tokenizer.json", lambda c: c["model"].pop("vocab")),
    ("not a tokenizer.json", lambda c: c.update(model=[1])),
]


@pytest.mark.parametrize(("words", "change"), REFUSED)
def test_what_is_not_known_is_refused_by_name(words: str, change: Callable[[dict[str, Any]], Any], tmp_path: Path) -> None:
    made = content()
    load(tmp_path / "tokenizer.json", made)
    change(made)
    with pytest.raises(ModelError, match=words) as caught:
        load(tmp_path / "tokenizer.json", made)
    assert str(tmp_path / "tokenizer.json") in str(caught.value)


def test_missing_and_broken_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"nothing\.json: there is no such file"):
        Tokenizer.from_file(tmp_path / "nothing.json")
    path = tmp_path / "tokenizer.json"
    for broken in (b"{", b"\xff\xfe", b"", b"[1]", b"null"):
        path.write_bytes(broken)
        with pytest.raises(ModelError, match=r"tokenizer\.json: not "):
            Tokenizer.from_file(path)


@pytest.mark.smollm2
def test_smollm2_from_its_gguf(smollm2_json: Path) -> None:
    pair = read_pair(smollm2_json)
    assert pair.native.vocab_size == pair.oracle.get_vocab_size() == 49152
    config = json.loads((smollm2_json.parent / "tokenizer_config.json").read_text(encoding="utf-8"))
    assert config["eos_token"] == "<|im_end|>"
    assert pair.native.token_to_id(config["eos_token"]) == 2
    assert "<|im_start|>" in config["chat_template"]


@pytest.mark.smollm2
def test_another_kind_of_gguf_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from gguf import GGUFReader

    reader = GGUFReader(str(smollm2_gguf()))
    monkeypatch.delitem(reader.fields, "tokenizer.ggml.pre")
    with pytest.raises(ModelError, match=r"only .*smollm"):
        write_tokenizer("other.gguf", tmp_path, reader)
