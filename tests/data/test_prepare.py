import json
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow.parquet as pq
import pytest

from ayar.data.anonymize import AnonymizeSettings
from ayar.data.balance import BalanceSettings
from ayar.data.clean import CleanSettings
from ayar.data.format import FormatSettings
from ayar.data.prepare import prepare
from ayar.data.quality import QualitySettings
from ayar.data.sources import SourceSettings
from ayar.data.spelling import SpellingSettings
from ayar.data.split import SplitSettings
from ayar.errors import DataError
from tests.data.tiny_model import OracleTokenizer, write_model_folder

SUBJECTS = ["kart", "para", "transfer", "şifre", "hesap", "limit", "komisyon", "döviz", "fatura", "kargo"]
MAIL = "someone.private@firm.com"


def settings(**sections: object) -> Any:
    return SimpleNamespace(
        **{
            "source": SourceSettings(), "clean": CleanSettings(), "anonymize": AnonymizeSettings(), "quality": QualitySettings(),
            "split": SplitSettings(), "balance": BalanceSettings(), "format": FormatSettings(), "spelling": SpellingSettings(),
        } | sections
    )  # fmt: skip


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model_folder(tmp_path_factory.mktemp("model"))


def messy_file(folder: Path) -> Path:
    rows = [f"{subject} ile ilgili {number}. sorum var,{'Soru' if number % 2 else ' soru'}" for number, subject in enumerate(SUBJECTS)]
    rows += [f"please tell me about {subject} number {number},answer" for number, subject in enumerate(SUBJECTS)]
    rows += [f"mail me at {MAIL} about the {word} thing,answer" for word in ("red", "blue", "green")]
    rows += [
        "Kart ile ilgili 0. sorum var!,soru",
        "two labels,soru",
        "two labels,answer",
        "!!!,soru",
        ",soru",
        "ragged,soru,x",
        "",
        "<b>bold</b> çok önemli bir konu,soru",
    ]
    path = folder / "messy.csv"
    path.write_text("text,label\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return path


def test_every_row_is_kept_or_rejected_and_the_counts_add_up(tmp_path: Path, model: Path) -> None:
    path, seen = messy_file(tmp_path), []
    chosen = settings(source=SourceSettings(ragged="drop"), balance=BalanceSettings(method="oversample"))
    prepared = prepare([path], "classify", chosen, OracleTokenizer(model), model, seed=1, progress=seen.append)
    assert [report["stage"] for report in seen] == [
        *("sources", "clean", "anonymize", "spelling", "quality", "split", "balance", "format", "length")
    ]
    for before, after in pairwise(seen):
        assert before["rows_out"] == after["rows_in"]
    for report in seen:
        assert report["rows_in"] + report["changed"].get("copied", 0) == report["rows_out"] + sum(report["dropped"].values())
    kept = {row["row"] for table in (prepared.train, prepared.test) for row in table.to_pylist()}
    gone = set(prepared.rejected["row"].to_pylist())
    assert kept | gone == set(range(2, 33))
    assert not kept & gone
    assert prepared.report["rows_in"] == 31
    assert prepared.report["rows_kept"] == len(kept) < prepared.train.num_rows + prepared.test.num_rows  # small classes were copied
    assert set(prepared.rejected["reason"].to_pylist()) == {
        "exact_duplicate",
        "contradictory_label",
        "no_letters",
        "empty",
        "ragged",
        "blank_line",
    } | ({"near_duplicate"} & set(prepared.rejected["reason"].to_pylist()))
    assert prepared.report["personal_data"] == {"email": 3}
    after = prepared.report["classes"]["after"]
    assert len(set(after.values())) == 1
    assert set(after) == {"soru", "answer"} or set(after) == {"Soru", "answer"}


def test_no_test_row_is_trained_on(tmp_path: Path, model: Path) -> None:
    chosen = settings(source=SourceSettings(ragged="drop"), balance=BalanceSettings(method="oversample"))
    prepared = prepare([messy_file(tmp_path)], "classify", chosen, OracleTokenizer(model), model, seed=1)
    assert not set(prepared.train["rendered"].to_pylist()) & set(prepared.test["rendered"].to_pylist())


def test_what_is_written_holds_no_personal_data_and_is_whole(tmp_path: Path, model: Path) -> None:
    prepared = prepare(
        [messy_file(tmp_path)], "classify", settings(source=SourceSettings(ragged="drop")), OracleTokenizer(model), model, seed=1
    )
    out = tmp_path / "run"
    prepared.write(out)
    assert pq.read_table(out / "prepared" / "train.parquet").equals(prepared.train)
    assert pq.read_table(out / "rejected.parquet").column_names == ["id", "source", "row", "stage", "reason"]
    assert json.loads((out / "prepare.json").read_text(encoding="utf-8")) == prepared.report
    assert not list(out.rglob("*.part"))
    for path in out.rglob("*"):
        if path.suffix == ".parquet":
            assert MAIL not in str(pq.read_table(path).to_pylist())


def test_an_error_leaves_nothing_behind(tmp_path: Path, model: Path) -> None:
    with pytest.raises(DataError, match="row 30: 3 fields"):
        prepare([messy_file(tmp_path)], "classify", settings(), OracleTokenizer(model), model, seed=1)
    assert [path.name for path in tmp_path.iterdir()] == ["messy.csv"]


def test_a_full_disk_is_a_clear_error(tmp_path: Path, model: Path) -> None:
    prepared = prepare(
        [messy_file(tmp_path)], "classify", settings(source=SourceSettings(ragged="drop")), OracleTokenizer(model), model, seed=1
    )
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "prepare.json.part").mkdir()  # stands in the way, as a full disk would
    with pytest.raises(DataError, match=r"prepare\.json: cannot be written"):
        prepared.write(tmp_path / "run")
    assert not (tmp_path / "run" / "prepare.json").exists()


def test_plain_text_for_complete(tmp_path: Path, model: Path) -> None:
    path = tmp_path / "book.txt"
    path.write_text(
        "\n\n".join(f"Paragraph about {subject}, with a few more words {number}." for number, subject in enumerate(SUBJECTS)),
        encoding="utf-8",
    )
    prepared = prepare([path], "complete", settings(), OracleTokenizer(model), model, seed=1)
    assert prepared.report["classes"] == {"before": {}, "after": {}}
    assert prepared.train["rendered"][0].as_py().endswith("<|im_end|>")
