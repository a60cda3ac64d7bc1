"""Where a run trains: the setting ``train.device``, and what this machine and the model allow."""

import importlib.util
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import torch

from ayar.errors import ModelError, TrainingError
from ayar.model.config import ModelConfig
from ayar.model.decoder import Decoder
from ayar.pipeline.events import Note, Progress, silent
from ayar.pipeline.gpu_memory import memory_plan
from ayar.pipeline.gpu_model import card_like
from ayar.recipe import Recipe
from ayar.train.trained_model import TrainedModel

_LEAST_CAPABILITY = (8, 0)  # bf16 on the tensor cores


@dataclass(frozen=True)
class Placement:
    """device: "cpu" or "cuda". why: one sentence for the person who started the run."""

    device: str
    why: str


def placement(recipe: Recipe) -> Placement:
    """Raises TrainingError, with the reason, where ``train.device: cuda`` cannot be done here."""
    if recipe.train.device == "cpu":
        return Placement("cpu", "Training on the CPU, as train.device says.")
    obstacle = _machine_obstacle()
    if obstacle is None:
        return Placement("cuda", f"Training on the GPU: {torch.cuda.get_device_name()}.")
    if recipe.train.device == "cuda":
        raise TrainingError(f"train.device is cuda, but {obstacle}. Set train.device: cpu, or auto.")
    return Placement("cpu", f"Training on the CPU: {obstacle}.")


def _machine_obstacle() -> str | None:
    if not torch.cuda.is_available():
        return "torch finds no CUDA device here"
    capability = torch.cuda.get_device_capability()
    if capability < _LEAST_CAPABILITY:
        return f"{torch.cuda.get_device_name()} has compute capability {capability[0]}.{capability[1]}, and 8.0 is needed"
    return "Triton is not installed (pip install 'ayar[gpu]')" if importlib.util.find_spec("triton") is None else None


def load_for_training(recipe: Recipe, config: ModelConfig, placed: Placement, progress: Progress = silent) -> TrainedModel:
    """The base model with fresh adapters, where it was placed. Raises TrainingError where a GPU has not enough memory."""
    dtype = getattr(torch, recipe.train.dtype)
    if placed.device == "cpu":
        return Decoder.load(config.folder, recipe.lora, dtype, recipe.seed)
    free, _ = torch.cuda.mem_get_info()
    card = card_like(torch.cuda.get_device_name())
    plan = memory_plan(config, recipe.lora, recipe.train.tokens_per_batch, dtype.itemsize, card, free)
    progress(Note(f"About {plan.total / 1e9:.1f} GB of the GPU's {free / 1e9:.1f} free; {plan.sentence()}."))
    return _gpu_decoder().GpuDecoder.load(config.folder, recipe.lora, placed.device, dtype, recipe.seed, plan.keeping)


def _gpu_decoder() -> Any:
    try:
        return import_module("ayar.model.gpu_decoder")
    except ImportError as error:
        raise ModelError(f"The kernels of a CUDA device need Triton ({error}). Install it with: pip install 'ayar[gpu]'") from error
