"""What the commands do, as functions. Each takes a recipe (a path, a mapping of settings, or a ``Recipe``) and returns a small result.

``progress`` is called with the events of ``ayar.pipeline.events``, of training and of evaluation.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ayar.pipeline import estimation, evaluation, gpu_model_plan, inspection, merging, preparation, training, whole
from ayar.pipeline.diagnosis import Check, doctor
from ayar.pipeline.evaluation import Evaluated
from ayar.pipeline.events import Progress, silent
from ayar.pipeline.gpu_model_plan import GpuPrediction
from ayar.pipeline.inspection import Example
from ayar.pipeline.merging import Exported
from ayar.pipeline.plan import Plan
from ayar.pipeline.preparation import PreparedRows
from ayar.pipeline.training import TrainedAdapter
from ayar.pipeline.whole import Finished
from ayar.recipe import Recipe

__all__ = [
    "Check", "Evaluated", "Example", "Exported", "Finished", "GpuPrediction", "Plan", "PreparedRows", "TrainedAdapter",
    "doctor", "estimate", "evaluate", "export", "inspect", "predict", "prepare", "report", "run", "train",
]  # fmt: skip

AnyRecipe = str | Path | Mapping[str, Any] | Recipe


def run(recipe: AnyRecipe, resume: bool | None = None, progress: Progress = silent) -> Finished:
    """The whole way: prepare, train, evaluate, report. resume: as for ``train``."""
    return whole.run(Recipe.of(recipe), resume, progress)


def prepare(recipe: AnyRecipe, progress: Progress = silent) -> PreparedRows:
    """Read, clean, anonymize, balance, split and format the rows, and write them into the run folder."""
    return preparation.prepare(Recipe.of(recipe), progress)


def train(recipe: AnyRecipe, resume: bool | None = None, progress: Progress = silent) -> TrainedAdapter:
    """Train the adapter. resume: True goes on from the last checkpoint or fails, False starts anew,
    None goes on where the same run was interrupted."""
    return training.train(Recipe.of(recipe), resume, progress)


def evaluate(recipe: AnyRecipe, progress: Progress = silent) -> Evaluated:
    """Score the base model and the tuned one."""
    return evaluation.evaluate(Recipe.of(recipe), progress)


def report(recipe: AnyRecipe) -> Path:
    """Write report.html from the run folder; returns its path."""
    return evaluation.report(Recipe.of(recipe))


def inspect(recipe: AnyRecipe, rows: int = 3, progress: Progress = silent) -> list[Example]:
    """The first training rows, cut into what is learnt and what only stands before it."""
    return inspection.inspect(Recipe.of(recipe), rows, progress)


def estimate(recipe: AnyRecipe, progress: Progress = silent) -> Plan:
    """Time and memory that training will take."""
    return estimation.estimate(Recipe.of(recipe), progress)


def predict(recipe: AnyRecipe, plan: Plan, gpu: str) -> GpuPrediction:
    """What the steps of a plan would take on a GPU (3060, 4090, a100, h100), with our kernels and with other engines."""
    return gpu_model_plan.predict(Recipe.of(recipe), plan, gpu)


def export(recipe: AnyRecipe, folder: Path | None = None, progress: Progress = silent) -> Exported:
    """Merge the adapter into the model's weights."""
    return merging.export(Recipe.of(recipe), folder, progress)
