"""A tokenizer that `tokenizers` has to run: the pipeline says so at once and trains with it; the doctor says how the default model's works."""

import json
from pathlib import Path

import pytest

from ayar.cli import main
from ayar.pipeline import diagnosis
from tests.tiny_model import write_tiny_model


def give_unknown_pattern(folder: Path) -> None:
    path = folder / "tokenizer.json"
    made = json.loads(path.read_text())
    made["pre_tokenizer"]["pretokenizers"][0] = {"type": "Split", "pattern": {"Regex": "[0-9]{2}"}, "behavior": "Isolated", "invert": False}
    path.write_text(json.dumps(made))


def test_the_first_screen_names_the_component(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    write_tiny_model(tmp_path / "model")
    give_unknown_pattern(tmp_path / "model")
    rows = "".join(f"question {i} about my {('card', 'loan')[i % 2]},{('card', 'loan')[i % 2]}\n" for i in range(20))
    (tmp_path / "rows.csv").write_text("text,label\n" + rows)
    (tmp_path / "recipe.yaml").write_text("data: rows.csv\ntask: classify\nmodel: model\noutput: out\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(["prepare", "recipe.yaml"])
    assert ended.value.code == 0
    captured = capsys.readouterr()
    said = " ".join((captured.out + captured.err).split())
    assert "run by tokenizers, because pre_tokenizer Split with" in said
    assert (tmp_path / "out").exists()


def test_the_doctor_says_how_the_default_model_is_tokenized(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "model"
    write_tiny_model(folder)
    monkeypatch.setattr(diagnosis, "packaged_model", lambda: folder)
    engine = {check.name: check.found for check in diagnosis.doctor()}["its tokenizer"]
    assert engine.startswith("native, ")
    give_unknown_pattern(folder)
    engine = {check.name: check.found for check in diagnosis.doctor()}["its tokenizer"]
    assert engine.startswith("tokenizers, because pre_tokenizer Split with")
