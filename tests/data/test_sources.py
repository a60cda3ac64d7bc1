import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ayar.data.sources import SourceSettings, read
from ayar.errors import DataError
from tests.data.tables import reasons

SECRET = "very-private-sentence"  # in every broken row; must be in no error


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_csv_keeps_quotes_newlines_and_spreadsheet_row_numbers(tmp_path: Path) -> None:
    path = write(tmp_path, "m.csv", '\ufefftext,label\r\n"two\nlines, ""quoted""",a\r\n\r\nağaç,b\r\n')
    stage = read([path], SourceSettings(), "classify")
    assert stage.kept.to_pylist() == [
        {"id": "m.csv:2", "source": str(path), "row": 2, "text": 'two\nlines, "quoted"', "label": "a"},
        {"id": "m.csv:4", "source": str(path), "row": 4, "text": "ağaç", "label": "b"},
    ]
    assert reasons(stage) == {3: "blank_line"}
    assert stage.report["columns"] == {str(path): {"text": "text", "label": "label"}}


def test_every_format_gives_the_same_table(tmp_path: Path) -> None:
    rows = [{"Message": "one, two", "intent": "a"}, {"Message": "üç", "intent": "b"}]
    lines = "\n".join(json.dumps(row) for row in rows)
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "m.parquet")
    paths = [
        write(tmp_path, "m.csv", 'Message,intent\n"one, two",a\nüç,b\n'),
        write(tmp_path, "semicolon.csv", "Message;intent\none, two;a\nüç;b\n"),
        write(tmp_path, "m.tsv", "Message\tintent\none, two\ta\nüç\tb\n"),
        write(tmp_path, "m.jsonl", lines),
        write(tmp_path, "m.json", json.dumps(rows)),
        write(tmp_path, "wrapped.json", json.dumps({"data": rows})),
        tmp_path / "m.parquet",
    ]
    for path in paths:
        table = read([path], SourceSettings(), "classify").kept
        assert table["text"].to_pylist() == ["one, two", "üç"], path.name
        assert table["label"].to_pylist() == ["a", "b"], path.name
    assert read(paths, SourceSettings(), "classify").kept.num_rows == 14


@given(
    rows=st.lists(
        st.tuples(st.text(st.characters(exclude_characters="\r\x00", exclude_categories=["Cs"]), min_size=1), st.sampled_from("ab")),
        min_size=1,
    )
)
def test_csv_reads_what_python_writes(tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]]) -> None:
    import csv

    path = tmp_path_factory.mktemp("csv") / "m.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *rows])
    table = read([path], SourceSettings(), "classify").kept
    assert list(zip(table["text"].to_pylist(), table["label"].to_pylist(), strict=True)) == rows


@pytest.mark.parametrize(
    ("name", "content", "settings", "words"),
    [
        ("none.csv", None, {}, ["none.csv", "no such file"]),
        ("empty.csv", "", {}, ["empty.csv", "empty"]),
        ("head.csv", "text,label\n", {}, ["head.csv", "no rows"]),
        ("ragged.csv", f"text,label\nok,a\n{SECRET},b,c\n", {}, ["ragged.csv", "row 3", "3 fields", "source.ragged"]),
        ("unclosed.csv", f'text,label\n"{SECRET},b\nok,a\n', {}, ["unclosed.csv", "row 2", "1 field,"]),
        (
            "latin.csv",
            f"text,label\nok,a\n{SECRET} ağaç,b\n".encode("iso-8859-9"),
            {},
            ["latin.csv", "line 3", "source.encoding", "windows-1254"],
        ),
        ("wide.csv", f"text,label\n{SECRET},a\n".encode("utf-16"), {}, ["wide.csv", "utf-16"]),
        ("coded.csv", "text,label\n", {"encoding": "utf-9"}, ["utf-9", "source.encoding"]),
        ("columns.csv", f"foo,labels\n{SECRET},a\n", {}, ["columns.csv", "foo, labels", "source.text"]),
        ("near.csv", f"text,lable\n{SECRET},a\n", {}, ["near.csv", "source.label", "perhaps lable"]),
        ("named.csv", f"text,label\n{SECRET},a\n", {"text": "texte"}, ["texte", "source.text", "perhaps text"]),
        ("twice.csv", f"text,text,label\n{SECRET},b,a\n", {}, ["twice.csv", "more than once"]),
        ("rows.jsonl", f'{{"text": "a", "label": "x"}}\n{{"text": "{SECRET}", "label": \n', {}, ["rows.jsonl", "line 2", "JSON"]),
        ("list.jsonl", f'["{SECRET}"]\n', {}, ["list.jsonl", "line 1", "an array"]),
        ("nested.jsonl", f'{{"text": ["{SECRET}"], "label": "x"}}\n', {}, ["nested.jsonl", "row 1", "column text"]),
        ("whole.json", f'[{{"text": "{SECRET}"}}', {}, ["whole.json", "line 1", ".jsonl"]),
        ("broken.parquet", SECRET, {}, ["broken.parquet", "Parquet"]),
        ("file.xlsx", SECRET, {}, [".xlsx", ".csv"]),
        ("notes.txt", SECRET, {}, ["notes.txt", "complete"]),
    ],
)
def test_bad_files_are_refused_with_place_and_remedy(
    tmp_path: Path, name: str, content: str | bytes | None, settings: dict, words: list[str]
) -> None:
    path = tmp_path / name if content is None else write(tmp_path, name, content)
    with pytest.raises(DataError) as caught:
        read([path], SourceSettings(**settings), "classify")
    assert not [word for word in words if word not in str(caught.value)], str(caught.value)
    assert SECRET not in str(caught.value)


def test_wrong_encoding_is_found_on_the_right_line_across_chunks(tmp_path: Path) -> None:
    from ayar.data import encoding

    lines = [b"text,label"] + [b"\xc4\x9f" * 300 + b",a"] * 5000
    lines[4321] = b"\xf0,b"
    path = write(tmp_path, "big.csv", b"\n".join(lines))
    assert path.stat().st_size > 2 * encoding.CHUNK_BYTES
    with pytest.raises(DataError, match="line 4322:"):
        encoding.check_encoding(path, "utf-8")


def test_other_encodings_and_broken_bytes_can_be_read(tmp_path: Path) -> None:
    turkish = write(tmp_path, "tr.csv", "text,label\nşöyle ığdır,a\n".encode("windows-1254"))
    assert read([turkish], SourceSettings(encoding="windows-1254"), "classify").kept["text"].to_pylist() == ["şöyle ığdır"]
    replaced = read([turkish], SourceSettings(encoding_errors="replace"), "classify").kept["text"].to_pylist()
    assert replaced == ["�öyle ��d�r".replace("ö", "�")]
    wide = write(tmp_path, "wide.csv", "text,label\nşöyle,a\n".encode("utf-16"))
    assert read([wide], SourceSettings(encoding="utf-16"), "classify").kept["text"].to_pylist() == ["şöyle"]


def test_ragged_rows_can_be_dropped_and_the_others_keep_their_numbers(tmp_path: Path) -> None:
    path = write(tmp_path, "r.csv", "text,label\none,a\nx,y,z\ntwo,b\nlonely\nthree,a\n")
    stage = read([path], SourceSettings(ragged="drop"), "classify")
    assert stage.kept["row"].to_pylist() == [2, 4, 6]
    assert reasons(stage) == {3: "ragged", 5: "ragged"}


def test_values_that_are_no_text_become_text(tmp_path: Path) -> None:
    path = write(tmp_path, "v.jsonl", '{"text": "a", "label": 1}\n{"text": null, "label": true}\n{"label": 2.5, "text": "\\ud800x"}\n')
    table = read([path], SourceSettings(), "classify").kept
    assert table["label"].to_pylist() == ["1", "true", "2.5"]
    assert table["text"].to_pylist() == ["a", "", "?x"]


def test_alpaca_rows_join_instruction_and_input(tmp_path: Path) -> None:
    rows = [{"instruction": "Add.", "input": "1 2", "output": "3"}, {"instruction": "Hi", "input": "", "output": "Hello"}]
    path = write(tmp_path, "a.json", json.dumps(rows))
    stage = read([path], SourceSettings(), "answer")
    assert stage.kept["prompt"].to_pylist() == ["Add.\n\n1 2", "Hi"]
    assert stage.report["columns"][str(path)] == {"prompt": "instruction", "response": "output", "context": "input"}


def test_conversations_in_every_spelling(tmp_path: Path) -> None:
    turns = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]
    sharegpt = [{"from": "human", "value": "hi"}, {"from": "gpt", "value": "hello"}]
    pq.write_table(pa.table({"messages": [turns]}), tmp_path / "m.parquet")
    paths = [
        write(tmp_path, "m.jsonl", json.dumps({"messages": turns})),
        write(tmp_path, "s.jsonl", json.dumps({"conversations": sharegpt})),
        write(tmp_path, "t.jsonl", json.dumps({"messages": json.dumps(turns)})),
        tmp_path / "m.parquet",
    ]
    for path in paths:
        assert read([path], SourceSettings(), "chat").kept["messages"].to_pylist() == [turns], path.name
    bad = write(tmp_path, "bad.jsonl", json.dumps({"messages": [{"role": SECRET, "content": "x"}]}))
    with pytest.raises(DataError, match=r"bad\.jsonl, row 1, column messages, message 1: no role") as caught:
        read([bad], SourceSettings(), "chat")
    assert SECRET not in str(caught.value)


def test_text_files_in_paragraphs_lines_or_whole(tmp_path: Path) -> None:
    path = write(tmp_path, "t.txt", "\none\ntwo\n\n\nthree\n")

    def texts(unit: str) -> list[tuple[int, str]]:
        table = read([path], SourceSettings.model_validate({"text_unit": unit}), "complete").kept
        return list(zip(table["row"].to_pylist(), table["text"].to_pylist(), strict=True))

    assert texts("paragraph") == [(2, "one\ntwo"), (6, "three")]
    assert texts("line") == [(2, "one"), (3, "two"), (6, "three")]
    assert texts("file") == [(2, "one\ntwo\n\n\nthree")]


def test_an_id_column_names_the_rows(tmp_path: Path) -> None:
    path = write(tmp_path, "i.csv", "ticket,text,label\nT-1,hi,a\n")
    assert read([path], SourceSettings(id="ticket"), "classify").kept["id"].to_pylist() == ["T-1"]
    with pytest.raises(DataError, match=r"source\.id"):
        read([path], SourceSettings(id="tickets"), "classify")
