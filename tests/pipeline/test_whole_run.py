"""The whole way on a tiny model, through the command line, in seconds: first run, second run, interruption, inspection, export, chat."""

import io
import json
import os
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import ayar
from ayar import pipeline
from ayar.cli import main
from ayar.errors import DataError, Interrupted, TrainingError
from ayar.train.progress import StepDone
from tests.tiny_model import write_tiny_model

THINGS = ("blue lamp", "old chair", "steel kettle", "paper map", "garden hose", "small drum", "winter coat", "brass bell")
RECIPE = """data: messages.csv
task: classify
model: model
output: runs/small
train: {max_steps: 4, tokens_per_batch: 1024, learning_rate: 0.01, tensorboard: false}
evaluate: {general_tokens: 64, samples: 2, max_new_tokens: 4}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_tiny_model(tmp_path / "model")
    rows = [f'"question {i} about a {THINGS[i % 8]} and a {THINGS[(3 * i + 1) % 8]}",{("card", "loan")[i % 2]}' for i in range(24)]
    rows.append('"write to ayse.yilmaz@posta.example.net about the loan",loan')
    (tmp_path / "messages.csv").write_text("text,label\n" + "\n".join(rows) + "\n", encoding="utf-8")
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    captured = capsys.readouterr()
    assert ended.value.code == 0, captured.err
    return captured.out


def test_the_whole_way(folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    text = said(capsys, "run", "recipe.yaml")
    for words in (
        "25 rows in",
        "email 1",
        "card",
        "accuracy",
        "perplexity on general text",
        "tuned",
        "runs/small/adapter",
        "runs/small/report.html",
    ):
        assert words in text
    run = folder / "runs/small"
    for name in ("recipe.yaml", "prepared/train.parquet", "prepared/test.parquet", "rejected.parquet", "prepare.json", "metrics.jsonl"):
        assert (run / name).is_file(), name
    for name in ("evaluation.json", "report.html", "adapter/adapter_config.json", "adapter/adapter_model.safetensors"):
        assert (run / name).is_file(), name
    for path in run.rglob("*"):
        assert path.is_dir() or b"ayse.yilmaz" not in path.read_bytes(), path
    rows = sum(pq.read_metadata(path).num_rows for path in (run / "prepared").glob("*.parquet"))
    rejected = pq.read_metadata(run / "rejected.parquet").num_rows
    assert rows + rejected == 25

    assert "⟦" in said(capsys, "inspect", "recipe.yaml", "--rows", "1")
    assert "Go" in said(capsys, "estimate", "recipe.yaml")
    assert "merged" in said(capsys, "export", "recipe.yaml")
    monkeypatch.setattr(sys, "stdin", io.StringIO("what about my card\n"))
    assert len(said(capsys, "chat", "runs/small").splitlines()) >= 1
    assert said(capsys, "recipe", "runs/small/recipe.yaml").startswith("data:")


def test_the_same_run_again_takes_what_is_there(folder: Path) -> None:
    first = pipeline.train("recipe.yaml")
    notes: list[object] = []
    again = pipeline.train("recipe.yaml", progress=notes.append)
    assert again.steps == first.steps == 4
    assert not [event for event in notes if isinstance(event, StepDone)]
    fresh: list[object] = []
    pipeline.train("recipe.yaml", resume=False, progress=fresh.append)
    assert len([event for event in fresh if isinstance(event, StepDone)]) == 4


def test_an_interrupted_run_goes_on_and_ends_with_the_same_bits(folder: Path) -> None:
    whole = pipeline.train({**_settings(), "output": "whole"}).adapter / "adapter_model.safetensors"

    def stop(event: object) -> None:
        if isinstance(event, StepDone) and event.step == 2:
            os.kill(os.getpid(), 2)

    with pytest.raises(Interrupted) as caught:
        pipeline.train({**_settings(), "output": "stopped"}, progress=stop)
    assert caught.value.exit_code == 130
    resumed = pipeline.train({**_settings(), "output": "stopped"})
    assert resumed.steps == 4
    assert (resumed.adapter / "adapter_model.safetensors").read_bytes() == whole.read_bytes()


def test_another_recipe_starts_anew_and_evaluates_only_its_own_rows(folder: Path) -> None:
    pipeline.train(_settings())
    with pytest.raises(DataError, match="another recipe"):
        pipeline.evaluate({**_settings(), "seed": 5})
    assert pipeline.train({**_settings(), "seed": 5}).steps == 4


def test_what_is_not_there_is_said(folder: Path) -> None:
    with pytest.raises(TrainingError, match="no checkpoint"):
        pipeline.train("recipe.yaml", resume=True)
    with pytest.raises(DataError, match="no adapter"):
        pipeline.evaluate("recipe.yaml")
    with pytest.raises(DataError, match="no such run"):
        pipeline.report("recipe.yaml")
    assert not (folder / "runs").exists()


def test_the_log_of_a_run_can_be_read_by_a_program(folder: Path) -> None:
    ayar.prepare("recipe.yaml")
    report = json.loads((folder / "runs/small/prepare.json").read_text(encoding="utf-8"))
    assert report["rows_in"] == 25
    assert report["data"][0]["sha256"]
    assert report["rows_kept"] == report["split"]["train"] + report["split"]["test"]


def _settings() -> dict[str, object]:
    return {
        "data": "messages.csv",
        "task": "classify",
        "model": "model",
        "output": "runs/small",
        "anonymize": {"mode": "placeholder"},
        "train": {"max_steps": 4, "tokens_per_batch": 1024, "learning_rate": 0.01, "tensorboard": False},
    }
