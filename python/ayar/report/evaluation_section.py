"""The report's view of the scores: base against tuned on the task, class by class, and on general text."""

from dataclasses import dataclass

from ayar.report.numbers import change, count, decimal, words
from ayar.report.schema import Evaluation, TaskScores
from ayar.report.verdict import METRIC_NAMES, score

MOST_CLASSES = 12
MOST_CONFUSIONS = 8


@dataclass(frozen=True)
class ScoreRow:
    """Shares are parts of a full bar, None where the score has no upper end."""

    name: str
    note: str
    base: str
    tuned: str
    base_share: float
    tuned_share: float


@dataclass(frozen=True)
class Cell:
    rows: int
    heat: int  # percent of the expected class's rows
    is_right: bool
    title: str


@dataclass(frozen=True)
class EvaluationView:
    scores: list[ScoreRow]
    classes: list[ScoreRow]
    more_classes: list[ScoreRow]
    labels: list[str]
    confusion: list[list[Cell]]
    confusions: list[str]
    has_more_confusions: bool
    general_text: list[ScoreRow]
    tokens: str
    text: str
    kl: str
    perplexity_change: str


def evaluation_view(evaluation: Evaluation) -> EvaluationView:
    task, forgetting = evaluation.task, evaluation.forgetting
    classes = [
        _score_row("accuracy", label, f"{count(s.rows)} rows", s.base, s.tuned)
        for label, s in sorted(task.per_class.items(), key=lambda c: c[1].tuned)
    ]
    texts = {"all": forgetting, **forgetting.parts} if len(forgetting.parts) != 1 else {"all": forgetting}
    worst = max(max(t.base_perplexity, t.tuned_perplexity) for t in texts.values())
    found = _confusions(task)
    return EvaluationView(
        scores=_scores(task),
        classes=classes[:MOST_CLASSES],
        more_classes=classes[MOST_CLASSES:],
        labels=task.labels,
        confusion=_confusion(task) if len(task.labels) <= MOST_CLASSES else [],
        confusions=found[:MOST_CONFUSIONS],
        has_more_confusions=len(found) > MOST_CONFUSIONS,
        general_text=[
            ScoreRow(
                _LANGUAGES.get(name, name),
                f"{count(t.tokens)} tokens",
                decimal(t.base_perplexity),
                decimal(t.tuned_perplexity),
                t.base_perplexity / worst,
                t.tuned_perplexity / worst,
            )
            for name, t in texts.items()
        ],
        tokens=count(forgetting.tokens),
        text=forgetting.text,
        kl=decimal(forgetting.kl_base_tuned),
        perplexity_change=change(forgetting.base_perplexity, forgetting.tuned_perplexity),
    )


_LANGUAGES = {"all": "all together", "en": "English", "tr": "Turkish"}


def _scores(task: TaskScores) -> list[ScoreRow]:
    rows = [_score_row(task.metric, METRIC_NAMES[task.metric], f"{count(task.rows)} held-out rows", task.base, task.tuned)]
    for name, pair in task.other_metrics.items():
        metric = name if name in METRIC_NAMES else "perplexity"
        rows.append(_score_row(metric, METRIC_NAMES.get(name, words(name)), "", pair.base, pair.tuned))
    return rows


def _score_row(metric: str, name: str, note: str, base: float, tuned: float) -> ScoreRow:
    full = 1.0 if metric != "perplexity" else max(base, tuned)
    return ScoreRow(name, note, score(metric, base), score(metric, tuned), base / full, tuned / full)


def _confusion(task: TaskScores) -> list[list[Cell]]:
    table = []
    for expected, answers in zip(task.labels, task.confusion, strict=True):
        total = sum(answers) or 1
        table.append(
            [
                Cell(rows, round(100 * rows / total), expected == answered, f"{expected} answered as {answered}: {count(rows)}")
                for answered, rows in zip(task.labels, answers, strict=True)
            ]
        )
    return table


def _confusions(task: TaskScores) -> list[str]:
    """The tuned model's mistakes by kind, the most frequent first."""
    found = [
        (rows, expected, answered)
        for expected, answers in zip(task.labels, task.confusion, strict=True)
        for answered, rows in zip(task.labels, answers, strict=True)
        if rows and expected != answered
    ]
    return [
        f"{count(rows)} × {expected} answered as {answered}"
        for rows, expected, answered in sorted(found, key=lambda f: (-f[0], f[1], f[2]))
    ]
