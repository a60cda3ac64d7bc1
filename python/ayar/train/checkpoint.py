"""Checkpoints: ``checkpoints/step-000120/{adapter.safetensors,optimizer.safetensors,state.json}``, whole or not at all."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from ayar.errors import ModelError, TrainingError
from ayar.model import weights
from ayar.model.adapters import AdapterParameters
from ayar.train.optimizer import Optimizer

_PREFIX, _PARTIAL = "step-", ".partial-"


@dataclass
class State:
    """Where training stands. epoch, batch: the next batch to read. run: what the run depends on, to refuse another one's checkpoint."""

    run: dict[str, Any]
    step: int = 0
    epoch: int = 0
    batch: int = 0
    seconds: float = 0.0
    evaluation_loss: float | None = None
    best_evaluation_loss: float | None = None
    evaluations_without_gain: int = 0


def save(folder: Path, state: State, adapters: AdapterParameters, optimizer: Optimizer, keep: int) -> Path:
    """Writes a checkpoint beside the earlier ones and deletes all but the newest ``keep``.

    Raises TrainingError where the disk does not take it; earlier checkpoints are untouched then.
    """
    target = folder / f"{_PREFIX}{state.step:06d}"
    partial = folder / f"{_PARTIAL}{target.name}"
    with disk_errors(target):
        shutil.rmtree(partial, ignore_errors=True)
        try:
            partial.mkdir(parents=True)
            weights.write(partial / "adapter.safetensors", adapters.tensors())
            moments = {"exp_avg": optimizer.exp_avg, "exp_avg_sq": optimizer.exp_avg_sq, "random_state": torch.get_rng_state()}
            weights.write(partial / "optimizer.safetensors", moments)
            _write_synced(partial / "state.json", json.dumps(asdict(state), indent=2) + "\n")
            shutil.rmtree(target, ignore_errors=True)
            partial.rename(target)
            _sync_folder(folder)
        except OSError:
            shutil.rmtree(partial, ignore_errors=True)
            raise
    for old in _all(folder)[:-keep]:
        shutil.rmtree(old, ignore_errors=True)
    return target


def latest(folder: Path) -> Path | None:
    """The newest whole checkpoint, or None."""
    return next(iter(reversed(_all(folder))), None)


def clear(folder: Path) -> None:
    """Deletes the checkpoints in ``folder``."""
    for old in [*_all(folder), *folder.glob(f"{_PARTIAL}*")]:
        shutil.rmtree(old, ignore_errors=True)


def load(checkpoint: Path, run: dict[str, Any], adapters: AdapterParameters, optimizer: Optimizer) -> State:
    """Restores adapters, moments and torch's random state to the bit. Raises TrainingError where it belongs to another run."""
    try:
        state = State(**json.loads((checkpoint / "state.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise TrainingError(f"{checkpoint / 'state.json'}: cannot be read ({error.__class__.__name__}). Delete {checkpoint}.") from None
    changed = [name for name in run if state.run.get(name) != run[name]]
    if changed:
        raise TrainingError(
            f"{checkpoint}: made by a run with other settings or data ({', '.join(changed)}). "
            "Resume with what it was started with, or delete the checkpoints to start anew."
        )
    moments = weights.read_all(checkpoint / "optimizer.safetensors")
    if moments.keys() != {"exp_avg", "exp_avg_sq", "random_state"} or moments["exp_avg"].shape != optimizer.exp_avg.shape:
        raise ModelError(f"{checkpoint / 'optimizer.safetensors'}: does not fit this adapter. Delete {checkpoint}.")
    adapters.assign(weights.read_all(checkpoint / "adapter.safetensors"), str(checkpoint / "adapter.safetensors"))
    optimizer.exp_avg.copy_(moments["exp_avg"])
    optimizer.exp_avg_sq.copy_(moments["exp_avg_sq"])
    optimizer.steps = state.step
    torch.set_rng_state(moments["random_state"])
    return state


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turns what the disk says into a clear error."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise TrainingError(f"{path}: {reason}. Earlier checkpoints are intact: mend this and resume.") from None


def _all(folder: Path) -> list[Path]:
    return sorted((path for path in folder.glob(f"{_PREFIX}*") if path.is_dir()), key=lambda path: int(path.name.removeprefix(_PREFIX)))


def _write_synced(path: Path, text: str) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
