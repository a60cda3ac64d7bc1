"""What a run would take on a GPU, predicted: the plan's tokens through the model of bytes and FLOPs."""

from dataclasses import dataclass

import torch

from ayar.errors import RecipeError, TrainingError
from ayar.model.config import ModelConfig
from ayar.pipeline import gpu_model
from ayar.pipeline.base_model import base_model
from ayar.pipeline.events import silent
from ayar.pipeline.gpu_memory import memory_plan
from ayar.pipeline.plan import Plan
from ayar.recipe import Recipe


@dataclass(frozen=True)
class GpuPrediction:
    """step_seconds: by engine, of one optimizer step. seconds: of all steps with ours. memory: what it takes and how it fits, in words."""

    gpu: str
    step_seconds: dict[str, float]
    seconds: float
    memory: str


def predict(recipe: Recipe, plan: Plan, gpu: str) -> GpuPrediction:
    """gpu: a name of ``gpu_model.GPUS``. Raises RecipeError where there is none of that name."""
    if gpu not in gpu_model.GPUS:
        raise RecipeError(f"--gpu {gpu}: not one of {', '.join(gpu_model.GPUS)}")
    config = base_model(recipe, silent).config
    architecture = gpu_model.Architecture(
        config.hidden_size,
        config.intermediate_size,
        config.num_hidden_layers,
        config.num_attention_heads,
        config.num_key_value_heads,
        config.head_dim,
        config.vocab_size,
    )
    rows = max(plan.tokens_per_step, 1)
    sequences = max(1, round(rows * plan.rows_train / max(plan.tokens, 1)))
    labelled = round(rows * plan.trained_tokens / max(plan.tokens, 1))
    batch = gpu_model.Batch(sequences, max(1, rows // sequences), labelled)
    card = gpu_model.GPUS[gpu]
    step = {engine.__name__: gpu_model.step_seconds(engine, architecture, batch, recipe.lora.rank, card) for engine in gpu_model.ENGINES}
    return GpuPrediction(card.name, step, step["ayar"] * plan.steps, _memory(recipe, config, card))


def _memory(recipe: Recipe, config: ModelConfig, card: gpu_model.Gpu) -> str:
    width = getattr(torch, recipe.train.dtype).itemsize
    try:
        found = memory_plan(config, recipe.lora, recipe.train.tokens_per_batch, width, card, card.memory * 1e9)
    except TrainingError as error:
        return str(error)
    return f"{found.total / 1e9:.1f} GB of {card.memory:g}; {found.sentence()}"
