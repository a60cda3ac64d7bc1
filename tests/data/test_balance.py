from collections import Counter

import pytest

from ayar.data.balance import BalanceSettings, balance
from ayar.data.stage import Stage
from ayar.errors import DataError
from tests.data.tables import classified, reasons

ROWS = [(f"big {number}", "big") for number in range(12)] + [(f"small {number}", "small") for number in range(4)]
SPLIT = (["test"] * 2 + ["train"] * 10) + (["test"] + ["train"] * 3)
TABLE = classified(*ROWS, split=SPLIT)


def balanced(**settings: object) -> Stage:
    return balance(TABLE, BalanceSettings.model_validate(settings), "classify", seed=3)


def train_counts(stage: Stage) -> Counter:
    return Counter(row["label"] for row in stage.kept.to_pylist() if row["split"] == "train")


def test_the_test_rows_are_never_touched() -> None:
    tests = [row for row in TABLE.to_pylist() if row["split"] == "test"]
    for settings in ({}, {"method": "oversample"}, {"method": "undersample"}, {"method": "cap", "max_rows": 1}):
        assert [row for row in balanced(**settings).kept.to_pylist() if row["split"] == "test"] == tests, settings


def test_oversampling_copies_small_classes_evenly() -> None:
    stage = balanced(method="oversample")
    assert reasons(stage) == {}
    assert train_counts(stage) == {"big": 10, "small": 10}
    assert stage.report["changed"] == {"copied": 7}
    assert stage.report["classes"] == {"before": {"big": 10, "small": 3}, "after": {"big": 10, "small": 10}}
    copies = Counter(row["row"] for row in stage.kept.to_pylist() if row["label"] == "small" and row["split"] == "train")
    assert sorted(copies.values()) == [3, 3, 4]
    assert len(set(stage.kept["id"].to_pylist())) == stage.kept.num_rows
    assert train_counts(balanced(method="oversample", max_copies=2)) == {"big": 10, "small": 6}
    assert train_counts(balanced(method="oversample", max_rows=5)) == {"big": 10, "small": 5}


def test_undersampling_and_capping_say_what_they_left_out() -> None:
    stage = balanced(method="undersample")
    assert train_counts(stage) == {"big": 3, "small": 3}
    assert set(reasons(stage).values()) == {"class_is_full"}
    assert stage.dropped.num_rows == 7
    assert train_counts(balanced(method="cap", max_rows=5)) == {"big": 5, "small": 3}
    with pytest.raises(DataError, match=r"balance\.max_rows"):
        balanced(method="cap")
