"""What is scored, and how much of it."""

from pathlib import Path

from pydantic import Field

from ayar.settings import Settings


class EvaluateSettings(Settings):
    """How the tuned model and its base are compared."""

    rows: int | None = Field(default=1000, ge=1, description="held-out rows to score at most, drawn at random; null scores all")
    general_text: Path | None = Field(
        default=None, description="UTF-8 text on which forgetting is measured; by default the built-in text in English and Turkish"
    )
    general_tokens: int = Field(default=8192, ge=2, description="tokens of the general text to read at most")
    window_tokens: int = Field(default=512, ge=2, description="general text is read in pieces of this many tokens, each for itself")
    samples: int = Field(default=6, ge=0, description="held-out rows whose answers before and after are shown in the report")
    max_new_tokens: int = Field(default=128, ge=1, description="longest answer in tokens, of the samples and of the task answer")
    batch_tokens: int = Field(
        default=4096, ge=1, description="tokens worked on at once: more is faster, up to a point, and takes more memory"
    )
