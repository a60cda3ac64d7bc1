"""What training tells its caller. The command line draws it; nothing here prints."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Started:
    """Before the first step. step: steps already done by the run that is resumed, else 0. tokens: of the steps to come."""

    step: int
    total_steps: int
    trained_parameters: int
    tokens: int


@dataclass(frozen=True)
class StepDone:
    """One optimizer step. loss: mean −log p a labelled token. tokens, labelled_tokens: of this step. seconds: since training began."""

    step: int
    total_steps: int
    epoch: float
    loss: float
    learning_rate: float
    gradient_norm: float
    tokens: int
    labelled_tokens: int
    tokens_per_second: float
    seconds: float
    seconds_left: float


@dataclass(frozen=True)
class EvaluationDone:
    """Mean −log p a labelled token of the evaluation batches."""

    step: int
    evaluation_loss: float


@dataclass(frozen=True)
class CheckpointWritten:
    step: int
    folder: Path


Event = Started | StepDone | EvaluationDone | CheckpointWritten
Progress = Callable[[Event], None]


def silent(event: Event) -> None:
    """For callers that do not want to know."""
