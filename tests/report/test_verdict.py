from typing import Any

import pytest

from ayar.report.schema import Evaluation
from ayar.report.verdict import verdict


def judge(base: float, tuned: float, after: float, **task: Any) -> tuple[str, str]:
    scores = {"name": "t", "metric": "accuracy", "base": base, "tuned": tuned, "rows": 100, "standard_error": 0.03} | task
    general = {"base_perplexity": 20.0, "tuned_perplexity": after, "tokens": 1000, "kl_base_tuned": 0.01, "text": "text"}
    result = verdict(Evaluation.model_validate({"task": scores, "forgetting": general}))
    return result.sentence.replace("\N{NO-BREAK SPACE}", " "), result.tone


@pytest.mark.parametrize(
    ("base", "tuned", "after", "tone", "says"),
    [
        (0.2, 0.8, 20.5, "good", "The task improved: accuracy rose from 20.0 % to 80.0 % on 100 held-out rows; little forgetting"),
        (0.2, 0.8, 19.0, "good", "nothing forgotten on general text, where perplexity went from 20.0 to 19.0"),
        (0.2, 0.8, 22.0, "mixed", "some forgetting, with perplexity on general text up 10.0 % (20.0 to 22.0)"),
        (0.2, 0.8, 30.0, "bad", "much forgetting"),
        (0.5, 0.55, 20.0, "mixed", "did not clearly change: 50.0 % before and 55.0 % after"),
        (0.5, 0.4, 20.0, "bad", "The task got worse: accuracy fell from 50.0 % to 40.0 %"),
    ],
)
def test_verdict(base: float, tuned: float, after: float, tone: str, says: str) -> None:
    sentence, got = judge(base, tuned, after)
    assert says in sentence
    assert got == tone


def test_lower_perplexity_is_better() -> None:
    assert judge(18.0, 9.0, 20.0, metric="perplexity")[0].startswith("The task improved: perplexity fell from 18.0 to 9.00")
    assert judge(9.0, 18.0, 20.0, metric="perplexity")[0].startswith("The task got worse: perplexity rose")
    assert "did not clearly change" in judge(18.0, 17.9, 20.0, metric="perplexity")[0]


def test_a_score_that_is_not_a_number_is_no_gain() -> None:
    assert judge(18.0, float("nan"), 20.0, metric="perplexity")[1] != "good"


def test_one_row_is_a_row() -> None:
    assert "on 1 held-out row;" in judge(0.0, 1.0, 20.0, rows=1)[0]
