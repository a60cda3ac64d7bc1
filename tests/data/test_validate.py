import pytest

from ayar.data.labels import label_key, unify_labels
from ayar.data.validate import validate
from ayar.errors import DataError
from tests.data.tables import classified, table


def test_a_class_of_one_is_refused_by_name() -> None:
    rows = classified(("a", "card"), ("b", "card"), ("c", "lonely"))
    with pytest.raises(DataError, match=r"t\.csv: fewer than 2 examples in the class lonely\..*quality\.rare_classes"):
        validate(rows, "classify")


def test_spellings_of_one_class_count_together() -> None:
    validate(classified(("a", "Refund"), ("b", "refund "), ("c", "card"), ("d", "CARD")), "classify")


def test_too_few_rows_or_classes() -> None:
    with pytest.raises(DataError, match="1 usable class;"):
        validate(classified(("a", "x"), ("b", "x")), "classify")
    with pytest.raises(DataError, match="1 usable class;"):
        validate(classified(("a", "x"), ("b", "x"), ("c", "y")), "classify", rare_classes="drop")
    with pytest.raises(DataError, match="at least 2 are needed"):
        validate(table("complete", [{"text": "alone"}]), "complete")


def test_the_most_frequent_spelling_wins_and_the_dots_of_i_do_not_matter() -> None:
    labels = classified(*[("t", label) for label in ("İade", "iade", "IADE ", "İade", "card_arrival", "Card arrival", "")])["label"]
    unified, merged = unify_labels(labels)
    assert unified.to_pylist() == ["İade", "İade", "İade", "İade", "card_arrival", "card_arrival", ""]
    assert merged == {"İade": ["IADE ", "iade", "İade"], "card_arrival": ["Card arrival", "card_arrival"]}


def test_labels_that_mean_two_things_stay_two() -> None:
    assert len({label_key(label) for label in ("card lost", "card loss", "cardlost", "kart")}) == 4
