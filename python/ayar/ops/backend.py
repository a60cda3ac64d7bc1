"""The one place that decides who computes: the native CPU kernels, the Triton kernels, or the plain-PyTorch references."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from importlib import import_module
from typing import Any

from torch import Tensor

from ayar.errors import BackendError

try:
    _native = import_module("ayar._native")
except ImportError as error:  # an installation without the compiled core still explains itself through `ayar doctor`
    _native, _import_error = None, error
else:
    _import_error = None

REFERENCE = "reference"
_forced: ContextVar[str | None] = ContextVar("ayar_backend", default=None)


def native() -> Any:
    """The compiled core. Raises BackendError where it could not be loaded."""
    if _native is None:
        raise BackendError(f"The native core of Ayar could not be loaded ({_import_error}). Reinstall with: pip install .")
    return _native


def available() -> tuple[str, ...]:
    """Names that ``use`` takes here: the instruction sets this processor runs, and "reference"."""
    return (*(_native.cpu.SUPPORTED if _native is not None else ()), REFERENCE)


@contextmanager
def use(name: str) -> Iterator[None]:
    """Computes with one backend inside the block: an instruction set ("portable", "avx2", ...) or "reference"."""
    if name not in available():
        raise BackendError(f"Backend {name!r} does not run here; available: {', '.join(available())}")
    token = _forced.set(name)
    try:
        yield
    finally:
        _forced.reset(token)


def chosen_isa() -> str:
    """The instruction set whose kernels run: ``use``, else the variable AYAR_ISA, else the widest that this processor has."""
    name = _forced.get() or os.environ.get("AYAR_ISA") or native().cpu.SUPPORTED[-1]
    if name not in available():
        raise BackendError(f"AYAR_ISA={name}: this processor runs {', '.join(available())}")
    return name


def is_reference() -> bool:
    """Whether ops run their plain-PyTorch reference (through ordinary autograd)."""
    return _forced.get() == REFERENCE or os.environ.get("AYAR_ISA") == REFERENCE


def kernels(x: Tensor) -> Any:
    """The kernels for a tensor: a namespace whose functions have the same names and arguments in every backend."""
    if x.device.type != "cpu":
        raise BackendError(f"No kernels for device {x.device.type!r}: move the tensors to the CPU")
    return getattr(native().cpu, chosen_isa())
