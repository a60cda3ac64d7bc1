"""What the report reads from a run's JSON files. Unknown keys are left alone, so that another version's files still open."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, model_validator


class _Read(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class StageCounts(_Read):
    stage: str
    rows_in: int
    rows_out: int
    dropped: dict[str, int] = {}
    changed: dict[str, Any] = {}
    mode: str | None = None  # of the stage anonymize


class ClassCounts(_Read):
    before: dict[str, int] = {}
    after: dict[str, int] = {}


class SplitCounts(_Read):
    train: int
    test: int


class Source(_Read):
    path: str
    sha256: str | None = None


class Preparation(_Read):
    """prepare.json"""

    rows_in: int
    rows_kept: int
    stages: list[StageCounts]
    personal_data: dict[str, int] = {}
    classes: ClassCounts = ClassCounts()
    split: SplitCounts
    data: list[Source] = []


class Step(_Read):
    """A line of metrics.jsonl about an optimizer step. seconds: since training began."""

    step: int
    loss: float
    epoch: float | None = None
    learning_rate: float | None = None
    tokens: int | None = None
    labelled_tokens: int | None = None
    tokens_per_second: float | None = None
    seconds: float | None = None


class EvaluationPoint(_Read):
    """A line of metrics.jsonl about the held-out rows."""

    step: int
    evaluation_loss: float


class Pair(_Read):
    """One score before and after training."""

    base: float
    tuned: float


class ClassScore(Pair):
    rows: int


class TaskScores(_Read):
    name: str
    metric: Literal["accuracy", "exact_match", "token_f1", "perplexity"]
    base: float
    tuned: float
    rows: int
    standard_error: float | None = None
    per_class: dict[str, ClassScore] = {}
    labels: list[str] = []
    confusion: list[list[int]] = []
    majority: float | None = None
    other_metrics: dict[str, Pair] = {}

    @model_validator(mode="after")
    def _confusion_fits_labels(self) -> Self:
        if self.confusion and [len(row) for row in self.confusion] != [len(self.labels)] * len(self.labels):
            raise ValueError("confusion must have a row and a column for each label")
        return self


class TextScores(_Read):
    base_perplexity: float
    tuned_perplexity: float
    tokens: int


class Forgetting(TextScores):
    kl_base_tuned: float
    text: str
    parts: dict[str, TextScores] = {}


class Sample(_Read):
    prompt: str
    expected: str
    base: str
    tuned: str


class Evaluation(_Read):
    """evaluation.json"""

    task: TaskScores
    forgetting: Forgetting
    samples: list[Sample] = []
    seconds: float | None = None
    environment: dict[str, str | int] = {}


def _modules(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


class AdapterConfig(_Read):
    """adapter/adapter_config.json, in PEFT's names."""

    r: int
    lora_alpha: float
    target_modules: Annotated[list[str], BeforeValidator(_modules)] = []
    base_model_name_or_path: str | None = None
