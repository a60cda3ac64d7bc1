"""A small thing to learn: after the tokens a, b comes the answer a, b, a, end."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from ayar.model.adapters import LoraSettings
from ayar.model.batch import PackedBatch
from ayar.model.decoder import Decoder
from ayar.train.settings import TrainSettings
from tests.model.packing import packed
from tests.model.tiny import write_model

PROMPT = 4


def tiny_decoder(folder: Path, dtype: torch.dtype = torch.float32) -> Decoder:
    if not (folder / "config.json").exists():
        write_model(folder)
    return Decoder.load(folder, LoraSettings(rank=4), dtype, seed=7)


def rows(count: int, seed: int = 0) -> list[list[int]]:
    pairs = torch.randint(3, 97, (count, 2), generator=torch.Generator().manual_seed(seed)).tolist()
    return [[5, a, b, 6, a, b, a, 2] for a, b in pairs]


def batches(count: int = 24, rows_in_batch: int = 4) -> Callable[[int], list[PackedBatch]]:
    """The same rows each epoch in another order, so that a wrong cursor shows."""

    def of_epoch(epoch: int) -> list[PackedBatch]:
        order = torch.randperm(count, generator=torch.Generator().manual_seed(epoch)).tolist()
        data = rows(count)
        groups = [order[first : first + rows_in_batch] for first in range(0, count, rows_in_batch)]
        return [packed([data[index] for index in group], labelled_from=PROMPT) for group in groups]

    return of_epoch


def settings(**changes: Any) -> TrainSettings:
    return TrainSettings(**{"epochs": 2, "learning_rate": 5e-3, "tensorboard": False, "threads": 1, **changes})
