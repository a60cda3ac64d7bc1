"""`ayar clean` and `ayar tokenize` on every kind of file, and from standard input."""

import csv
import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from ayar.cli.commands import app
from ayar.errors import AyarError
from tests.tiny_model import write_tiny_model

DIRTY, CLEAN = "<b>doÄŸru</b>  z\u200b", "doğru z"


def ayar(*arguments: str, stdin: str | None = None) -> tuple[str, str]:
    result = CliRunner().invoke(app, arguments, input=stdin, catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout, result.stderr


def test_csv_keeps_its_other_columns_and_its_delimiter(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(f'id;text;note\n1;"{DIRTY};x";{DIRTY}\n2;clean;\n', encoding="utf-8")
    out, _ = ayar("clean", str(tmp_path / "a.csv"), "--column", "text")
    assert list(csv.reader(io.StringIO(out), delimiter=";")) == [["id", "text", "note"], ["1", f"{CLEAN};x", DIRTY], ["2", "clean", ""]]


def test_json_lines_are_cleaned_however_deep(tmp_path: Path) -> None:
    rows = [{"id": 1, "messages": [{"role": "user", "content": DIRTY}], "tags": [DIRTY, None]}, {"id": 2, "text": "clean"}]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    out, err = ayar("clean", str(tmp_path / "a.jsonl"))
    assert [json.loads(line) for line in out.splitlines()] == [
        {"id": 1, "messages": [{"role": "user", "content": CLEAN}], "tags": [CLEAN, None]},
        rows[1],
    ]
    assert "2 of 4 texts changed" in err
    assert "doğru" not in err


def test_parquet_keeps_its_schema_and_nulls(tmp_path: Path) -> None:
    table = pa.table({"n": [1, 2], "text": pa.array([DIRTY, None]), "long": pa.array([DIRTY, "x"], pa.large_string())})
    pq.write_table(table, tmp_path / "a.parquet")
    ayar("clean", str(tmp_path / "a.parquet"), "--to", str(tmp_path / "b.parquet"))
    cleaned = pq.read_table(tmp_path / "b.parquet")
    assert cleaned.schema == table.schema
    assert cleaned.to_pydict() == {"n": [1, 2], "text": [CLEAN, None], "long": [CLEAN, "x"]}


def test_text_and_standard_input() -> None:
    assert ayar("clean", "-", stdin=f"{DIRTY}\n")[0] == CLEAN + "\n"
    assert json.loads(ayar("clean", "-", stdin=json.dumps({"a": DIRTY}) + "\n")[0]) == {"a": CLEAN}


def test_diff_shows_what_goes_and_what_comes_and_writes_nothing(tmp_path: Path) -> None:
    source = tmp_path / "a.jsonl"
    source.write_text(json.dumps({"a": DIRTY}) + "\n" + json.dumps({"a": "same"}) + "\n", encoding="utf-8")
    before = source.read_bytes()
    out, _ = ayar("clean", str(source), "--diff")
    assert "[-<b>-]" in out
    assert "{+ğ+}" in out
    assert "⟨U+200B⟩" in out
    assert "same" not in out
    assert source.read_bytes() == before


def test_operators_by_name() -> None:
    assert ayar("clean", "-", "--with", "dashes", "--with", "links", "--without", "tags", stdin="<b> – http://x.y z")[0] == "<b> - z"
    with pytest.raises(AyarError, match=r"no operator is called tag\. There are: tags"):
        ayar("clean", "-", "--without", "tag", stdin="x")


def test_a_missing_column_is_named_with_those_that_are_there(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,text\n1,x\n", encoding="utf-8")
    with pytest.raises(AyarError, match=r"no column body\. It has: id, text"):
        ayar("clean", str(tmp_path / "a.csv"), "--column", "body")


def test_tokenize_counts_and_writes_ids(tmp_path: Path) -> None:
    model = write_tiny_model(tmp_path / "model")
    (tmp_path / "a.csv").write_text("id,text\n1,blue lamp\n2,\n", encoding="utf-8")
    arguments = ("tokenize", str(tmp_path / "a.csv"), "--column", "text", "--model", str(model))
    out, err = ayar(*arguments)
    assert out == ""
    assert "2 texts, 9 characters" in err
    lines = [json.loads(line) for line in ayar(*arguments, "--ids")[0].splitlines()]
    assert len(lines) == 2
    assert lines[0]
    assert lines[1] == []
