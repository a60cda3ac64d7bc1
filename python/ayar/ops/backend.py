"""The one place that decides who computes: the native CPU kernels, the Triton kernels, or the plain-PyTorch references."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from importlib import import_module
from typing import Any

import torch
from torch import Tensor

from ayar.errors import BackendError
from ayar.ops.measurement import Measurement, load_or_measure

try:
    _native = import_module("ayar._native")
except ImportError as error:  # an installation without the compiled core still explains itself through `ayar doctor`
    _native, _import_error = None, error
else:
    _import_error = None

REFERENCE, TRITON = "reference", "triton"
_forced: ContextVar[str | None] = ContextVar("ayar_backend", default=None)


def native() -> Any:
    """The compiled core. Raises BackendError where it could not be loaded."""
    if _native is None:
        raise BackendError(f"The native core of Ayar could not be loaded ({_import_error}). Reinstall with: pip install .")
    return _native


def available() -> tuple[str, ...]:
    """Names that ``use`` takes here: the instruction sets this processor runs, and "reference"."""
    interpreted = (TRITON,) if os.environ.get("TRITON_INTERPRET") == "1" else ()  # on CPU tensors, for tests
    return (*(_native.cpu.SUPPORTED if _native is not None else ()), *interpreted, REFERENCE)


def give_cores_to_pool(threads: int | None = None) -> None:
    """Lets the kernels' pool have the cores, and keeps torch to one thread: its own would spin on them between two kernels.

    threads: of the pool; None leaves it as it is (AYAR_THREADS, or the cores this process may run on). The references have no pool:
    where they are forced, torch keeps the threads instead.
    """
    if is_reference():
        torch.set_num_threads(threads or len(os.sched_getaffinity(0)))
        return
    torch.set_num_threads(1)
    if threads is not None:
        native().set_thread_count(threads)


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


def chosen_isa(dtype: torch.dtype = torch.bfloat16) -> str:
    """What computes tensors of ``dtype``: ``use``, else the variable AYAR_ISA, else the fastest instruction set as measured."""
    name = _forced.get() or os.environ.get("AYAR_ISA")
    if not name:
        return _fastest(dtype)
    if name not in available():
        raise BackendError(f"AYAR_ISA={name}: this processor runs {', '.join(available())}")
    return name


@cache
def _fastest(dtype: torch.dtype) -> str:
    return measurement().fastest(dtype)


@cache
def measurement() -> Measurement:
    """The speeds that decide; measured at first use of this machine (a tenth of a second), then kept in the cache folder."""
    return load_or_measure(native())


def peak_gflops(isa: str, dtype: torch.dtype, seconds: float = 0.05) -> float:
    """The limit of one instruction set, all threads together: multiply-adds on registers alone, in GFLOP/s."""
    return getattr(native().cpu, isa).peak_gflops(dtype == torch.bfloat16, seconds)


def is_reference() -> bool:
    """Whether ops run their plain-PyTorch reference (through ordinary autograd)."""
    return _forced.get() == REFERENCE or os.environ.get("AYAR_ISA") == REFERENCE


def kernels(x: Tensor) -> Any:
    """The kernels for a tensor: a namespace whose functions have the same names and arguments in every backend."""
    if is_triton(x):
        return _triton_kernels()
    if x.device.type != "cpu":
        raise BackendError(f"No kernels for device {x.device.type!r}: move the tensors to the CPU or to a CUDA device")
    return getattr(native().cpu, chosen_isa(x.dtype))


def packing(x: Tensor) -> Any:
    """What packs a frozen weight for the kernels of ``x``: a namespace with PackedWeight(weights, bias, is_bf16)."""
    return _triton_kernels() if is_triton(x) else native().cpu


def is_triton(x: Tensor) -> bool:
    """Whether the Triton kernels compute ``x``: on a CUDA device, or where they are forced, in the interpreter."""
    return x.device.type == "cuda" or _forced.get() == TRITON


def _triton_kernels() -> Any:
    try:
        return import_module("ayar.ops.triton_kernels")
    except ImportError as error:
        raise BackendError(f"The kernels of a CUDA device need Triton ({error}). Install it with: pip install 'ayar[gpu]'") from error
