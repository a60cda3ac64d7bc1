"""What a run will do, counted before it starts: steps, tokens, and what a checkpoint must agree with."""

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ayar.errors import TrainingError
from ayar.model.batch import PackedBatch
from ayar.train.settings import TrainSettings
from ayar.train.trained_model import TrainedModel

BatchSource = Callable[[int], Sequence[PackedBatch]]  # epoch -> its batches; the same ones whenever asked

_NOT_THE_RESULT = {"threads", "device", "keep_checkpoints", "checkpoint_interval", "tensorboard"}  # may change when a run is resumed


@dataclass(frozen=True)
class Plan:
    """tokens: of all steps. run: what the result depends on."""

    total_steps: int
    tokens: int
    run: dict[str, Any]


def make_plan(batches: BatchSource, settings: TrainSettings, decoder: TrainedModel) -> Plan:
    """Reads each epoch's batches once. Raises TrainingError where no token is labelled."""
    total, tokens = 0, 0
    digest = hashlib.sha256()
    limit = settings.max_steps or math.inf
    for epoch in range(settings.epochs):
        if total >= limit:
            break
        labelled = labelled_batches(batches, epoch)
        if not labelled:
            raise TrainingError(
                "No token is labelled, so there is nothing to learn: every row's answer is empty or cut off. "
                "Look at the rows with `ayar inspect`, and check format.max_tokens."
            )
        for first in range(0, len(labelled), settings.grad_accumulation_steps):
            if total >= limit:
                break
            total += 1
            for batch in labelled[first : first + settings.grad_accumulation_steps]:
                tokens += len(batch.input_ids)
                for values in (batch.input_ids, batch.cu_seqlens, batch.parents, batch.positions, batch.targets, batch.weights):
                    digest.update(np.ascontiguousarray(values).tobytes())
    run = {f"train.{name}": value for name, value in settings.model_dump(mode="json", exclude=_NOT_THE_RESULT).items()}
    lora = decoder.trainable_parameters().settings.model_dump(mode="json")
    run |= {f"lora.{name}": value for name, value in lora.items()} | {"data": digest.hexdigest(), "model": decoder.config.folder.name}
    return Plan(total, tokens, run)


def labelled_batches(batches: BatchSource, epoch: int) -> list[PackedBatch]:
    """The epoch's batches without those in which no token is labelled: they would teach nothing."""
    return [batch for batch in batches(epoch) if len(batch.targets)]
