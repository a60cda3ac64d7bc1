"""metrics.jsonl, one line a step and one an evaluation, and the same as TensorBoard files."""

import json
from pathlib import Path
from typing import Any

from ayar.train.checkpoint import disk_errors
from ayar.train.progress import EvaluationDone, StepDone

_STEP_FIELDS = ("step", "epoch", "loss", "learning_rate", "gradient_norm", "tokens", "labelled_tokens", "tokens_per_second", "seconds")


class Metrics:
    """Goes on after ``resumed_step``: what an interrupted run wrote beyond its last checkpoint is taken back."""

    def __init__(self, folder: Path, resumed_step: int, tensorboard: bool) -> None:
        self._path = folder / "metrics.jsonl"
        self._board: Any = None
        with disk_errors(self._path):
            folder.mkdir(parents=True, exist_ok=True)
            _cut(self._path, resumed_step)
            self._file = self._path.open("a", encoding="utf-8")
        if tensorboard:
            from torch.utils.tensorboard import SummaryWriter  # seconds to import

            if resumed_step == 0:
                for old in (folder / "tensorboard").glob("events.out.tfevents.*"):
                    old.unlink()
            self._board = SummaryWriter(str(folder / "tensorboard"), purge_step=resumed_step + 1 if resumed_step else None)

    def step(self, event: StepDone) -> None:
        self._line({name: getattr(event, name) for name in _STEP_FIELDS})
        for name in ("loss", "learning_rate", "gradient_norm", "tokens_per_second"):
            self._scalar(f"train/{name}", getattr(event, name), event.step)

    def evaluation(self, event: EvaluationDone) -> None:
        self._line({"step": event.step, "evaluation_loss": event.evaluation_loss})
        self._scalar("evaluation/loss", event.evaluation_loss, event.step)

    def close(self) -> None:
        self._file.close()
        if self._board is not None:
            self._board.close()

    def _line(self, values: dict[str, Any]) -> None:
        with disk_errors(self._path):
            self._file.write(json.dumps(values) + "\n")
            self._file.flush()

    def _scalar(self, name: str, value: float, step: int) -> None:
        if self._board is not None:
            self._board.add_scalar(name, value, step)


def _cut(path: Path, last_step: int) -> None:
    """Keeps the whole lines up to ``last_step``."""
    if not path.exists():
        return
    kept = []
    for line in path.read_text(encoding="utf-8").splitlines(keepends=True):
        try:
            if line.endswith("\n") and json.loads(line)["step"] <= last_step:
                kept.append(line)
        except (ValueError, KeyError, TypeError):
            continue  # the half-written last line of a run that was killed
    shorter = path.with_name(f".{path.name}")
    shorter.write_text("".join(kept), encoding="utf-8")
    shorter.replace(path)
