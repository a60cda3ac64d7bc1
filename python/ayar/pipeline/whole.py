"""The whole way: prepare, train, evaluate, report."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ayar.pipeline.evaluation import evaluate, report
from ayar.pipeline.events import Progress, silent
from ayar.pipeline.training import train
from ayar.recipe import Recipe


@dataclass(frozen=True)
class Finished:
    """What a run leaves: its folder, the adapter in PEFT's format, the report, and the scores of evaluation.json."""

    folder: Path
    adapter: Path
    report: Path
    scores: dict[str, Any]


def run(recipe: Recipe, resume: bool | None = None, progress: Progress = silent) -> Finished:
    """resume: as for ``train``."""
    trained = train(recipe, resume, progress)
    evaluated = evaluate(recipe, progress)
    return Finished(trained.folder, trained.adapter, report(recipe), evaluated.scores)
