"""``accelerate``: Ayar's ops inside a loaded ``transformers`` (and ``peft``) model, which stays what it is in every other respect."""

from ayar.acceleration.accelerate import accelerate
from ayar.acceleration.report import Accelerated

__all__ = ["Accelerated", "accelerate"]
