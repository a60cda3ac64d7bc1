import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ayar.evaluate import metrics
from ayar.evaluate.answer import answer_scores
from ayar.evaluate.classify import class_scores


@pytest.mark.parametrize(
    ("expected", "answered", "exact", "f1"),
    [
        ("Paris", "paris.", 1, 1),
        ("İade Süresi", "i̇ade süresi", 1, 1),  # the capital dotted I folds to i and a combining dot
        ("14 days", "within 14 days", 0, 0.8),
        ("a b b", "b b c", 0, 2 / 3),
        ("yes", "no", 0, 0),
        ("yes", "", 0, 0),
        ("?!", "?!", 1, 1),
        ("?!", "...", 0, 0),
        ("three-day", "three day", 1, 1),
        ("ﬁve", "five", 1, 1),
    ],
)
def test_exact_match_and_f1_by_hand(expected: str, answered: str, exact: float, f1: float) -> None:
    assert metrics.exact_match(expected, answered) == exact
    assert metrics.token_f1(expected, answered) == pytest.approx(f1)


@given(one=st.text(max_size=40), other=st.text(max_size=40))
def test_f1_is_symmetric_bounded_and_one_for_itself(one: str, other: str) -> None:
    f1 = metrics.token_f1(one, other)
    assert 0 <= f1 <= 1
    assert f1 == metrics.token_f1(other, one)
    assert metrics.token_f1(one, one) == metrics.exact_match(one, one) == 1
    assert metrics.exact_match(one, other) <= f1


def test_standard_error_is_that_of_paired_differences() -> None:
    before, after = [0, 1, 0, 0], [1, 1, 1, 0]  # differences 1 0 1 0: variance 1/3
    assert metrics.standard_error_of_difference(before, after) == pytest.approx(math.sqrt(1 / 3 / 4))
    assert metrics.standard_error_of_difference([0], [1]) is None


def test_perplexity() -> None:
    assert metrics.perplexity(2 * math.log(7), 2) == pytest.approx(7)
    assert metrics.perplexity(1e6, 1) == math.inf
    assert math.isnan(metrics.perplexity(math.nan, 1))


def test_class_scores_by_hand() -> None:
    scores = class_scores(expected=[0, 0, 0, 1, 2], base=[0, 1, 1, 1, 0], tuned=[0, 0, 1, 1, 2], labels=["a", "b", "c", "d"])
    assert scores["base"] == pytest.approx(2 / 5)
    assert scores["tuned"] == pytest.approx(4 / 5)
    assert scores["majority"] == pytest.approx(3 / 5)
    assert scores["per_class"] == {
        "a": {"base": pytest.approx(1 / 3), "tuned": pytest.approx(2 / 3), "rows": 3},
        "b": {"base": 1, "tuned": 1, "rows": 1},
        "c": {"base": 0, "tuned": 1, "rows": 1},
    }
    assert scores["confusion"] == [[2, 1, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=50))
def test_class_scores_agree_with_each_other(rows: list[tuple[int, int, int]]) -> None:
    expected, base, tuned = (list(column) for column in zip(*rows, strict=True))
    scores = class_scores(expected, base, tuned, list("abcd"))
    table = np.array(scores["confusion"])
    assert table.sum() == len(rows)
    assert np.trace(table) / len(rows) == pytest.approx(scores["tuned"])
    for model in ("base", "tuned"):
        assert sum(s[model] * s["rows"] for s in scores["per_class"].values()) / len(rows) == pytest.approx(scores[model])


def test_answer_scores_by_hand() -> None:
    scores = answer_scores(["14 days", "yes"], ["I do not know", "yes"], ["within 14 days", "Yes!"])
    assert (scores["base"], scores["tuned"]) == (pytest.approx(0.5), pytest.approx(0.9))
    assert scores["other_metrics"]["exact_match"] == {"base": 0.5, "tuned": 0.5}
