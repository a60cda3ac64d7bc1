import json
from pathlib import Path

from ayar.train.metrics import Metrics
from ayar.train.progress import EvaluationDone, StepDone


def step_done(step: int) -> StepDone:
    return StepDone(step, 9, step / 3, 1.5, 1e-3, 0.7, 64, 16, 1000.0, 2.0, 3.0)


def test_lines_have_the_promised_fields(tmp_path: Path) -> None:
    metrics = Metrics(tmp_path, 0, tensorboard=False)
    metrics.step(step_done(1))
    metrics.evaluation(EvaluationDone(1, 2.5))
    metrics.close()
    first, second = map(json.loads, (tmp_path / "metrics.jsonl").read_text().splitlines())
    assert list(first) == [
        "step",
        "epoch",
        "loss",
        "learning_rate",
        "gradient_norm",
        "tokens",
        "labelled_tokens",
        "tokens_per_second",
        "seconds",
    ]
    assert second == {"step": 1, "evaluation_loss": 2.5}


def test_resuming_takes_back_later_and_half_written_lines(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1}\n{"step": 2}\n{"step": 2, "evaluation_loss": 1}\n{"step": 3}\n{"ste')
    Metrics(tmp_path, 2, tensorboard=False).close()
    assert path.read_text() == '{"step": 1}\n{"step": 2}\n{"step": 2, "evaluation_loss": 1}\n'
    Metrics(tmp_path, 0, tensorboard=False).close()
    assert path.read_text() == ""
