"""What a run would take on a GPU, predicted: the plan's tokens through the model of bytes and FLOPs."""

from dataclasses import dataclass

from ayar.errors import RecipeError
from ayar.pipeline import gpu_model
from ayar.pipeline.base_model import base_model
from ayar.pipeline.events import silent
from ayar.pipeline.plan import Plan
from ayar.recipe import Recipe


@dataclass(frozen=True)
class GpuPrediction:
    """step_seconds: by engine, of one optimizer step. seconds: of all steps with ours."""

    gpu: str
    step_seconds: dict[str, float]
    seconds: float


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
    return GpuPrediction(card.name, step, step["ayar"] * plan.steps)
