"""Reads a run's folder. What is missing or damaged becomes a gap: a sentence that the report shows in its place."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from ayar.errors import DataError
from ayar.report.schema import AdapterConfig, Evaluation, EvaluationPoint, Preparation, Step

Model = TypeVar("Model", bound=BaseModel)


@dataclass
class RunFiles:
    """A run as far as its files tell it. A part that is None or empty has its reason in ``gaps``, under the file's name."""

    folder: Path
    preparation: Preparation | None = None
    steps: list[Step] = field(default_factory=list)
    evaluation_points: list[EvaluationPoint] = field(default_factory=list)
    evaluation: Evaluation | None = None
    adapter: AdapterConfig | None = None
    adapter_sha256: str | None = None
    recipe_text: str | None = None
    recipe: dict[str, Any] = field(default_factory=dict)
    gaps: dict[str, str] = field(default_factory=dict)

    @property
    def anonymize_mode(self) -> str | None:
        """How personal data was treated, None where no file tells."""
        stages = self.preparation.stages if self.preparation else []
        return next((stage.mode for stage in stages if stage.stage == "anonymize"), None)

    @staticmethod
    def read(folder: Path) -> "RunFiles":
        """Raises DataError where the folder itself is not there."""
        if not folder.is_dir():
            raise DataError(f"{folder}: no such run folder. Make one with: ayar run RECIPE")
        run = RunFiles(folder)
        run.preparation = run._json("prepare.json", Preparation, "ayar prepare")
        run.evaluation = run._json("evaluation.json", Evaluation, "ayar evaluate")
        run.adapter = run._json("adapter/adapter_config.json", AdapterConfig, "ayar train")
        run._read_metrics("metrics.jsonl")
        run._read_recipe("recipe.yaml")
        weights = folder / "adapter" / "adapter_model.safetensors"
        if weights.is_file():
            run.adapter_sha256 = hashlib.sha256(weights.read_bytes()).hexdigest()
        return run

    def _text(self, name: str, made_by: str) -> str | None:
        try:
            return (self.folder / name).read_text(encoding="utf-8")
        except FileNotFoundError:
            self.gaps[name] = f"{name} is not there yet. {made_by} makes it."
        except (OSError, UnicodeDecodeError):
            self.gaps[name] = f"{name} cannot be read. {made_by} makes it again."
        return None

    def _json(self, name: str, model: type[Model], made_by: str) -> Model | None:
        text = self._text(name, made_by)
        if text is None:
            return None
        try:
            return model.model_validate_json(text)
        except ValidationError as error:
            self.gaps[name] = f"{name} is damaged ({_where(error)}). {made_by} makes it again."
            return None

    def _read_metrics(self, name: str) -> None:
        text = self._text(name, "ayar train")
        if text is None:
            return
        steps: dict[int, Step] = {}
        points: dict[int, EvaluationPoint] = {}
        lines = text.splitlines()
        for number, line in enumerate(lines, start=1):
            try:
                if "evaluation_loss" in line:
                    point = EvaluationPoint.model_validate_json(line)
                    points[point.step] = point
                else:
                    step = Step.model_validate_json(line)
                    steps[step.step] = step  # a resumed run writes some steps again: the last word counts
            except ValidationError:
                if number == len(lines) and not text.endswith("\n"):
                    continue  # a killed run's last line may be torn
                self.gaps[name] = f"{name} is damaged in line {number}. ayar train makes it again."
                return
        self.steps = [steps[step] for step in sorted(steps)]
        self.evaluation_points = [points[step] for step in sorted(points)]
        if not self.steps:
            self.gaps[name] = f"{name} holds no step yet. ayar train makes them."

    def _read_recipe(self, name: str) -> None:
        text = self._text(name, "ayar run")
        if text is None:
            return
        try:
            recipe = yaml.safe_load(text)
        except yaml.YAMLError:
            recipe = None
        if isinstance(recipe, dict):
            self.recipe_text, self.recipe = text, recipe
        else:
            self.gaps[name] = f"{name} is damaged. ayar run makes it again."


def _where(error: ValidationError) -> str:
    """The place of the first fault, without the value found there."""
    first = error.errors(include_input=False, include_url=False)[0]
    return ".".join(map(str, first["loc"])) or "not JSON"
