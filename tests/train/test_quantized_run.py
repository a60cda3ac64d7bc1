"""Training over a quantized base with dropout: learns, and resumes to the same bits."""

import os
import signal
from pathlib import Path

import pytest
import torch

from ayar.errors import Interrupted, TrainingError
from ayar.model.adapters import LoraSettings
from ayar.model.decoder import Decoder
from ayar.train import progress
from ayar.train.loop import train
from tests.model.tiny import write_model
from tests.train.setup import batches, settings


def decoder(folder: Path, **lora: object) -> Decoder:
    if not folder.exists():
        write_model(folder)
    return Decoder.load(folder, LoraSettings.model_validate({"rank": 4, **lora}), torch.bfloat16, seed=7)


@pytest.mark.parametrize("lora", [{"base_weights": "nf4", "dropout": 0.2}, {"base_weights": "int8"}, {"dropout": 0.2}], ids=str)
def test_interrupted_run_resumes_to_the_same_bits(tmp_path: Path, lora: dict[str, object]) -> None:
    chosen = settings(grad_accumulation_steps=2)
    whole = train(decoder(tmp_path / "model", **lora), batches(), chosen, tmp_path / "whole")

    def interrupt(event: progress.Event) -> None:
        if isinstance(event, progress.StepDone) and event.step == 2:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(Interrupted):
        train(decoder(tmp_path / "model", **lora), batches(), chosen, tmp_path / "run", progress=interrupt)
    resumed = train(decoder(tmp_path / "model", **lora), batches(), chosen, tmp_path / "run", resume=True)
    names = "adapter_model.safetensors"
    assert (whole.adapter / names).read_bytes() == (resumed.adapter / names).read_bytes()


@pytest.mark.parametrize("lora", [{"base_weights": "nf4", "dropout": 0.1}, {"base_weights": "int8", "dropout": 0.1}], ids=str)
def test_loss_falls(tmp_path: Path, lora: dict[str, object]) -> None:
    losses = []

    def note(event: progress.Event) -> None:
        if isinstance(event, progress.StepDone):
            losses.append(event.loss)

    train(decoder(tmp_path / "model", **lora), batches(), settings(epochs=6), tmp_path / "run", progress=note)
    assert losses[-1] < 0.7 * losses[0]


@pytest.mark.parametrize("change", [{"base_weights": "int8"}, {"dropout": 0.2}], ids=str)
def test_checkpoint_of_another_base_or_dropout_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    train(decoder(tmp_path / "model"), batches(), settings(max_steps=2), tmp_path / "run")
    with pytest.raises(TrainingError, match=f"lora.{next(iter(change))}"):
        train(decoder(tmp_path / "model", **change), batches(), settings(max_steps=2), tmp_path / "run", resume=True)
