"""Trains the adapter on the prepared rows. An interrupted run of the same recipe goes on from its last checkpoint by itself."""

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from ayar.data.pack import Examples, Packer, pack, packer, split_long, tokenize
from ayar.data.prefix_tree import shared_prefixes
from ayar.errors import TrainingError
from ayar.pipeline.base_model import BaseModel
from ayar.pipeline.events import Note, Progress, silent
from ayar.pipeline.placement import load_for_training, placement
from ayar.pipeline.plan import plan_of
from ayar.pipeline.preparation import prepared_rows
from ayar.pipeline.run_folder import RunFolder, write_text
from ayar.recipe import Recipe
from ayar.train import checkpoint
from ayar.train import plan as steps
from ayar.train.loop import train as train_adapter


@dataclass(frozen=True)
class TrainedAdapter:
    """first_loss, last_loss: means over the first and the last tenth of the steps, per labelled token."""

    folder: Path
    adapter: Path
    steps: int
    seconds: float
    first_loss: float
    last_loss: float
    evaluation_loss: float | None
    stopped_early: bool


def train(recipe: Recipe, resume: bool | None = None, progress: Progress = silent) -> TrainedAdapter:
    """resume: True goes on from the last checkpoint or fails, False starts anew, None goes on where the same run was interrupted."""
    placed = placement(recipe)
    folder = RunFolder(recipe.output)
    if resume and checkpoint.latest(folder.checkpoints) is None:
        raise TrainingError(f"{folder.checkpoints}: no checkpoint to resume from. Run without --resume to start.")
    model, rows = prepared_rows(recipe, progress, fresh=resume is False)
    progress(Note(placed.why))
    training, testing = (tokenized(recipe, model, table) for table in (rows.train, rows.test))
    decoder = load_for_training(recipe, model.config, placed, progress)

    make_batches = packer_of(recipe, training)
    batches = lru_cache(maxsize=2)(make_batches)  # the plan, the run's identity and the loop ask for the same epochs one after the other
    planned = steps.make_plan(batches, recipe.train, decoder)
    progress(plan_of(recipe, model, batches(0), make_batches.max_tokens, rows, planned.total_steps, planned.tokens))
    adapter_bytes = 4 * decoder.trainable_parameters().count()
    folder.check_writable(adapter_bytes * (3 * (recipe.train.keep_checkpoints + 1) + 1) + 2**24)
    write_text(folder.recipe, recipe.as_yaml())
    goes_on = _goes_on(folder, planned, progress) if resume is None else resume
    evaluation = pack(testing, recipe.train.tokens_per_batch, recipe.seed, 0, shared_prefixes(testing.input_ids, testing.offsets))
    done = train_adapter(decoder, batches, recipe.train, folder.root, evaluation, progress, goes_on)
    losses = _losses(folder.metrics)
    tenth = max(1, len(losses) // 10)
    return TrainedAdapter(
        folder.root,
        done.adapter,
        done.steps,
        done.seconds,
        sum(losses[:tenth]) / tenth,
        sum(losses[-tenth:]) / tenth,
        done.evaluation_loss,
        done.stopped_early,
    )


def tokenized(recipe: Recipe, model: BaseModel, rows: object) -> Examples:
    """Token ids and labels of prepared rows; rows longer than the limit cut into pieces where the recipe says so."""
    examples = tokenize(rows, model.tokenizer)  # type: ignore[arg-type]
    limit = min(recipe.format.max_tokens, model.config.max_position_embeddings)
    return split_long(examples, limit) if recipe.format.too_long == "split" else examples


def packer_of(recipe: Recipe, examples: Examples) -> Packer:
    return packer(examples, recipe.train.tokens_per_batch, recipe.seed, recipe.train.share_prefixes)


def _goes_on(folder: RunFolder, planned: steps.Plan, progress: Progress) -> bool:
    """Whether the newest checkpoint belongs to this very run."""
    newest = checkpoint.latest(folder.checkpoints)
    if newest is None:
        return False
    try:
        state = json.loads((newest / "state.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    if state.get("run") != planned.run:
        progress(Note(f"The checkpoints in {folder.checkpoints} belong to other settings or data: training starts anew."))
        return False
    if state["step"] >= planned.total_steps:
        progress(Note("This very run was trained before; its adapter is taken as it is. To train again: --fresh"))
    else:
        progress(Note(f"Going on after step {state['step']} of {planned.total_steps}, from {newest}."))
    return True


def _losses(metrics: Path) -> list[float]:
    lines = (json.loads(line) for line in metrics.read_text(encoding="utf-8").splitlines())
    return [line["loss"] for line in lines if "loss" in line]
