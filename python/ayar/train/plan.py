"""What a run will do, counted before it starts: steps, tokens, and what a checkpoint must agree with."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ayar.errors import TrainingError
from ayar.model.batch import PackedBatch
from ayar.model.decoder import Decoder
from ayar.train.settings import TrainSettings

BatchSource = Callable[[int], Sequence[PackedBatch]]  # epoch -> its batches; the same ones whenever asked

_NOT_THE_RESULT = {"threads", "keep_checkpoints", "checkpoint_interval", "tensorboard"}  # may change when a run is resumed


@dataclass(frozen=True)
class Plan:
    """steps: of each epoch. tokens: of all steps. run: what the result depends on."""

    steps: tuple[int, ...]
    total_steps: int
    tokens: int
    run: dict[str, Any]


def make_plan(batches: BatchSource, settings: TrainSettings, decoder: Decoder) -> Plan:
    """Reads every epoch's batches once. Raises TrainingError where no token is labelled."""
    steps: list[int] = []
    tokens = 0
    digest = hashlib.sha256()
    for epoch in range(settings.epochs):
        labelled = labelled_batches(batches, epoch)
        for batch in labelled:
            tokens += len(batch.input_ids)
            for values in (batch.input_ids, batch.cu_seqlens, batch.positions, batch.targets):
                digest.update(np.ascontiguousarray(values).tobytes())
        steps.append(-(-len(labelled) // settings.grad_accumulation_steps))
    if not all(steps):
        raise TrainingError(
            "No token is labelled, so there is nothing to learn: every row's answer is empty or cut off. "
            "Look at the rows with `ayar inspect`, and check format.max_tokens."
        )
    total = min(sum(steps), settings.max_steps or sum(steps))
    run = {f"train.{name}": value for name, value in settings.model_dump(mode="json", exclude=_NOT_THE_RESULT).items()}
    lora = decoder.trainable_parameters().settings.model_dump(mode="json")
    run |= {f"lora.{name}": value for name, value in lora.items()} | {"data": digest.hexdigest(), "model": decoder.config.folder.name}
    return Plan(tuple(steps), total, tokens, run)


def labelled_batches(batches: BatchSource, epoch: int) -> list[PackedBatch]:
    """The epoch's batches without those in which no token is labelled: they would teach nothing."""
    return [batch for batch in batches(epoch) if len(batch.targets)]
