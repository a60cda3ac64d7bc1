"""A small settings model that the tests of the recipe's machinery run on, so that they know every key of it."""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, model_validator

from ayar.settings import Settings


class TrainSample(Settings):
    """How the sample trains."""

    learning_rate: float = Field(default=5e-4, gt=0, description="step size of the optimizer")
    epochs: int = Field(default=3, ge=1, le=100, description="passes over the rows")
    layers: Literal["all"] | int | tuple[int, ...] = Field(default="all", description="which layers get an adapter")


class MaskSample(Settings):
    """How the sample hides."""

    mode: Literal["replace", "placeholder", "remove"] = Field(default="replace", description="what takes a name's place")
    key: SecretStr | None = Field(default=None, description="key of the surrogates")
    words: Path | None = Field(default=None, description="file of words")

    @model_validator(mode="after")
    def key_needs_replacement(self) -> "MaskSample":
        if self.key is not None and self.mode == "remove":
            raise ValueError("a key without surrogates does nothing")
        return self


class Sample(Settings):
    data: tuple[Path, ...] = Field(description="files to read")
    task: Literal["classify", "complete"] = Field(description="what the model learns")
    seed: int = Field(default=0, description="start of every random number")
    output: Path = Field(default=Path("runs/x"), description="where results go")
    mask: MaskSample = Field(default_factory=MaskSample, description="hiding")
    train: TrainSample = Field(default_factory=TrainSample, description="training")
