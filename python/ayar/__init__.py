"""Ayar: from raw text to a fine-tuned language model on limited hardware.

The functions of the command line, for Python: each takes a recipe (a path, a mapping or a ``Recipe``) and returns a small result.
"""

from importlib import import_module
from importlib.metadata import version
from typing import Any

__version__ = version("ayar")

# train, evaluate and report are packages here, so those functions are reached as ayar.pipeline.train and so on.
_LAZY = {  # imported on first use, so that `import ayar` and `ayar --help` stay quick
    "Recipe": "ayar.recipe",
    "accelerate": "ayar.acceleration",
    **dict.fromkeys(("run", "prepare", "inspect", "estimate", "export", "doctor"), "ayar.pipeline"),
}
__all__ = [*_LAZY, "__version__"]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'ayar' has no attribute {name!r}")
    return getattr(import_module(_LAZY[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
