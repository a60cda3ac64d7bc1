"""The run in one sentence: what the task gained and what the model forgot. The rules are written out in the report itself."""

from dataclasses import dataclass

from ayar.report.numbers import change, count, decimal, percent
from ayar.report.schema import Evaluation, Forgetting, TaskScores

METRIC_NAMES = {"accuracy": "accuracy", "exact_match": "exact match", "token_f1": "token F1", "perplexity": "perplexity"}
LITTLE, SOME = 1.05, 1.20  # general-text perplexity, tuned over base
RULE = (
    "A task has improved or got worse if its score moved by more than two standard errors (perplexity: by more than 1 %). "
    "Forgetting is little below +5 % of general-text perplexity, some below +20 %, and much above."
)


@dataclass(frozen=True)
class Verdict:
    sentence: str
    tone: str  # "good", "mixed" or "bad"


def verdict(evaluation: Evaluation) -> Verdict:
    task, forgetting = evaluation.task, evaluation.forgetting
    gain, loss = task_change(task), forgetting_amount(forgetting)
    sentence = f"{_task_clause(task, gain)}; {_forgetting_clause(forgetting, loss)}."
    tone = "bad" if gain < 0 or loss == "much" else "good" if gain > 0 and loss in ("none", "little") else "mixed"
    return Verdict(sentence, tone)


def task_change(task: TaskScores) -> int:
    """1 where the task improved, −1 where it got worse, 0 where the change is within the noise."""
    if task.metric == "perplexity":
        better, noise = task.base - task.tuned, 0.01 * task.base
    else:
        better, noise = task.tuned - task.base, 2 * (task.standard_error or 0.0)
    return 0 if not abs(better) > noise else 1 if better > 0 else -1


def forgetting_amount(forgetting: Forgetting) -> str:
    """none, little, some or much"""
    ratio = forgetting.tuned_perplexity / forgetting.base_perplexity
    return "none" if ratio <= 1 else "little" if ratio < LITTLE else "some" if ratio < SOME else "much"


def score(metric: str, value: float) -> str:
    """A score in its own unit."""
    return decimal(value) if metric == "perplexity" else percent(value)


def _task_clause(task: TaskScores, gain: int) -> str:
    name = METRIC_NAMES[task.metric]
    base, tuned = score(task.metric, task.base), score(task.metric, task.tuned)
    where = f"on {count(task.rows)} held-out {'row' if task.rows == 1 else 'rows'}"
    if gain == 0:
        return f"The task’s {name} did not clearly change: {base} before and {tuned} after, {where}"
    moved = "rose" if task.tuned > task.base else "fell"
    return f"The task {'improved' if gain > 0 else 'got worse'}: {name} {moved} from {base} to {tuned} {where}"


def _forgetting_clause(forgetting: Forgetting, loss: str) -> str:
    before, after = forgetting.base_perplexity, forgetting.tuned_perplexity
    if loss == "none":
        return f"nothing forgotten on general text, where perplexity went from {decimal(before)} to {decimal(after)}"
    return (
        f"{loss} forgetting, with perplexity on general text up {change(before, after).lstrip('+')} ({decimal(before)} to {decimal(after)})"
    )
