"""A model that cannot be used is refused before any row is prepared: one error, exit code 2, and no run folder."""

import json
import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from ayar.cli import main
from tests.tiny_model import write_tiny_model

ROWS = "text,label\n" + "".join(f"question {i} about my {('card', 'loan')[i % 2]} zanzibar,{('card', 'loan')[i % 2]}\n" for i in range(20))
SECRET = "zanzibar"  # a word of every row: no error may say it


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_tiny_model(tmp_path / "model")
    (tmp_path / "rows.csv").write_text(ROWS)
    (tmp_path / "recipe.yaml").write_text("data: rows.csv\ntask: classify\nmodel: model\noutput: out\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def change_json(path: Path, **fields: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def tokenizer_of_another_model(folder: Path) -> None:
    change_json(folder / "config.json", eos_token_id=77)


def truncated_weights(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def tampered_weights(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes().replace(b'"shape":[32]', b'"shape":[16]', 1))


def no_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (tokenizer_of_another_model, ["tokenizer.json", "token 77 is not special", "another model"]),
        (truncated_weights, ["model.safetensors", "bytes long", "Fetch the file again"]),
        (tampered_weights, ["model.safetensors", "damaged"]),
        (no_tokenizer, ["tokenizer.json"]),
    ],
)
def test_unusable_model(folder: Path, damage, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    damage(folder / "model")
    refused(folder, words, capsys)


@pytest.mark.parametrize(("vocab_size", "words"), [(200, ["gives ids up to", "knows 200 tokens"]), (5000, ["of the 5000 that"])])
def test_tokenizer_of_a_larger_or_smaller_model(
    folder: Path, vocab_size: int, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    write_tiny_model(folder / "other", vocab_size=vocab_size)
    (folder / "recipe.yaml").write_text("data: rows.csv\ntask: classify\nmodel: other\noutput: out\n")
    refused(folder, ["tokenizer.json", "another model", *words], capsys)


def test_no_space_on_the_disk(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 10**9 - 1000, 1000))
    refused(folder, ["out", "MB are free", "`output` to another disk"], capsys)


def refused(folder: Path, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["run", "recipe.yaml"])
    captured = capsys.readouterr()
    said = captured.out + captured.err
    assert ended.value.code == 2
    assert [word for word in words if word not in " ".join(said.split())] == [], said
    assert SECRET not in said
    assert "Traceback" not in said
    assert not (folder / "out").exists(), "something was left behind"
