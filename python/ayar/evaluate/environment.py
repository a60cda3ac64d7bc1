"""What the scores were made with: the report names it, so that a run can be done again."""

import platform
from importlib.metadata import version

import torch

from ayar.model.decoder import Decoder
from ayar.ops import backend


def environment(decoder: Decoder) -> dict[str, str | int]:
    """Versions, kernel and machine. Nothing that tells whose machine it is."""
    return {
        "ayar": version("ayar"),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "kernel": backend.REFERENCE if backend.is_reference() else backend.chosen_isa(),
        "dtype": str(decoder.dtype).removeprefix("torch."),
        "machine": f"{platform.system()} {platform.machine()}",
    }
