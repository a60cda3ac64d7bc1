"""Broken inputs get one clear error that names file, row or key and the remedy, exit code 2, no traceback, and leave nothing behind."""

import subprocess
import sys
from pathlib import Path

import pytest

from ayar.cli import main

ROWS = [f"message number {i} about my {'card' if i % 2 else 'loan'},{'card' if i % 2 else 'loan'}" for i in range(40)]
GOOD = ("text,label\n" + "\n".join(ROWS) + "\n").encode()
SECRET = "zanzibar"  # a word of a row: no error may say it
TASK = "task: classify\n"
CASES: dict[str, tuple[str, bytes | None, str, list[str]]] = {
    "missing file": ("nowhere.csv", None, TASK, ["nowhere.csv", "no such file"]),
    "empty file": ("rows.csv", b"", TASK, ["rows.csv", "empty"]),
    "header only": ("rows.csv", b"text,label\n", TASK, ["rows.csv", "no rows"]),
    "ragged row": ("rows.csv", GOOD + b"zanzibar,b,c,d,e\n", TASK, ["rows.csv", "42", "source.ragged"]),
    "not utf-8": ("rows.csv", GOOD + "ağaç zanzibar,kart\n".encode("iso-8859-9"), TASK, ["rows.csv", "source.encoding"]),
    "missing column": ("rows.csv", b"foo,bar\nzanzibar,2\n3,4\n", TASK, ["rows.csv", "foo", "bar", "source.text"]),
    "named column missing": ("rows.csv", GOOD, TASK + "source: {label: lable}\n", ["rows.csv", "lable", "label"]),
    "unknown task": ("rows.csv", GOOD, "task: clasify\n", ["recipe.yaml, line 2", "clasify", "classify"]),
    "misspelt key": ("rows.csv", GOOD, TASK + "learning_rte: 1e-4\n", ["recipe.yaml, line 3", "learning_rte", "train.learning_rate"]),
    "wrong type": ("rows.csv", GOOD, TASK + "seed: lots\n", ["line 3", "seed", "whole number"]),
    "broken yaml": ("rows.csv", GOOD, "task: [classify\n", ["recipe.yaml, line"]),
    "class of one": ("rows.csv", GOOD + b"a zanzibar message,lonely\n", TASK, ["rows.csv", "lonely"]),
    "one class": ("rows.csv", b"text,label\na zanzibar a,x\nb b b,x\n", TASK, ["rows.csv", "1 usable class"]),
    "broken json line": ("rows.jsonl", b'{"text": "zanzibar", "label": "x"}\n{"text": "b", "label": \n', TASK, ["rows.jsonl", "2"]),
    "unknown ending": ("rows.xlsx", b"PK", TASK, ["rows.xlsx", ".csv"]),
    "no such model": ("rows.csv", GOOD, TASK + "model: nomodel\n", ["nomodel"]),
}


def answer(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int | str | None, str]:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    captured = capsys.readouterr()
    return ended.value.code, captured.out + captured.err


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("command", ["run", "prepare"])
def test_one_clear_error(
    case: str, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name, content, recipe, words = CASES[case]
    monkeypatch.chdir(tmp_path)
    if content is not None:
        Path(name).write_bytes(content)
    Path("recipe.yaml").write_text(f"data: {name}\n{recipe}")
    before = set(tmp_path.rglob("*"))
    code, said = answer([command, "recipe.yaml"], capsys)
    assert code == 2
    assert [word for word in words if word not in said] == [], said
    assert SECRET not in said
    assert "Traceback" not in said
    assert set(tmp_path.rglob("*")) == before, "something was left behind"


def test_the_real_command_exits_as_its_function(tmp_path: Path) -> None:
    run = subprocess.run([sys.executable, "-m", "ayar", "run", "none.yaml"], cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 2
    assert run.stdout == ""
    assert "none.yaml: there is no such recipe" in run.stderr
    assert "Traceback" not in run.stderr
