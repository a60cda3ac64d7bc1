"""The training loop: batches in, an adapter in PEFT's format out; every step counted, every stop resumable."""

import math
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import torch

from ayar.errors import Interrupted, TrainingError
from ayar.model import peft_format
from ayar.model.batch import PackedBatch, labelled_tokens
from ayar.ops import backend
from ayar.train import checkpoint
from ayar.train.checkpoint import State
from ayar.train.interruption import Interruption
from ayar.train.metrics import Metrics
from ayar.train.plan import BatchSource, Plan, labelled_batches, make_plan
from ayar.train.progress import CheckpointWritten, EvaluationDone, Progress, Started, StepDone, silent
from ayar.train.schedule import learning_rate
from ayar.train.settings import TrainSettings
from ayar.train.step import step_of
from ayar.train.trained_model import TrainedModel


@dataclass(frozen=True)
class Trained:
    """What a run ended with. loss: of the last step. evaluation_loss: the last one, None without evaluation batches."""

    adapter: Path
    steps: int
    seconds: float
    loss: float | None
    evaluation_loss: float | None
    stopped_early: bool


def train(
    decoder: TrainedModel,
    batches: BatchSource,
    settings: TrainSettings,
    folder: Path,
    evaluation: Sequence[PackedBatch] = (),
    progress: Progress = silent,
    resume: bool = False,
) -> Trained:
    """Trains the decoder's adapters and saves them to ``folder/adapter``; metrics and checkpoints go to ``folder`` too.

    batches: epoch → batches; must give the same ones whenever asked. evaluation: labelled batches whose loss is watched.
    resume: go on from the newest checkpoint in ``folder``, bit by bit as if never stopped; else an earlier run's are deleted.
    The loss of a step is normalised by the labelled tokens of all its batches (not a mean of means).
    Raises TrainingError (nothing labelled, loss not finite, disk full, checkpoint of another run), Interrupted after Ctrl-C or SIGTERM.
    """
    backend.give_cores_to_pool(settings.threads)
    return _Run(decoder, batches, settings, folder, evaluation, progress).go(resume)


class _Run:
    def __init__(
        self,
        decoder: TrainedModel,
        batches: BatchSource,
        settings: TrainSettings,
        folder: Path,
        evaluation: Sequence[PackedBatch],
        progress: Progress,
    ) -> None:
        self.decoder, self.batches, self.settings, self.folder, self.progress = decoder, batches, settings, folder, progress
        self.evaluation = [batch for batch in evaluation if len(batch.targets)]
        self.checkpoints = folder / "checkpoints"
        self.adapters = decoder.trainable_parameters()
        self.make_step = step_of(decoder, settings.weight_decay, settings.max_grad_norm)
        self.plan: Plan = make_plan(batches, settings, decoder)
        self.state = State(self.plan.run)
        self.loss: float | None = None
        self.is_saved = False

    def go(self, resume: bool) -> Trained:
        self._restore(resume)
        self.progress(Started(self.state.step, self.plan.total_steps, self.adapters.count(), self.plan.tokens))
        with Interruption() as interruption, closing(Metrics(self.folder, self.state.step, self.settings.tensorboard)) as metrics:
            self.metrics, self.interruption = metrics, interruption
            self.began = time.perf_counter() - self.state.seconds
            while not self._is_over():
                self._epoch()
            if not self.is_saved:
                self._checkpoint()
        return self._finish()

    def _restore(self, resume: bool) -> None:
        newest = checkpoint.latest(self.checkpoints) if resume else None
        if newest is not None:
            self.state = checkpoint.load(newest, self.plan.run, self.adapters, self.make_step.optimizer)
            self.is_saved = True
        else:
            checkpoint.clear(self.checkpoints)

    def _is_over(self) -> bool:
        return self.state.step >= self.plan.total_steps or self._has_stalled()

    def _has_stalled(self) -> bool:
        patience = self.settings.early_stopping_patience
        return patience is not None and self.state.evaluations_without_gain >= patience

    def _epoch(self) -> None:
        """The rest of the epoch at hand."""
        epoch = self.state.epoch
        epoch_batches = labelled_batches(self.batches, epoch)
        while self.state.epoch == epoch and not self._is_over():
            step_batches = epoch_batches[self.state.batch : self.state.batch + self.settings.grad_accumulation_steps]
            self.state.batch += len(step_batches)
            self._step(step_batches, epoch + self.state.batch / len(epoch_batches))
            if self.state.batch == len(epoch_batches):
                self.state.epoch, self.state.batch = epoch + 1, 0
            self._after_step()

    def _step(self, step_batches: Sequence[PackedBatch], epoch: float) -> None:
        started = time.perf_counter()
        labelled = sum(labelled_tokens(batch) for batch in step_batches)
        rate = learning_rate(self.state.step, self.plan.total_steps, self.settings)
        # The masks of dropout follow from the place in the run alone, so a resumed run has the same ones.
        first_draw = self.state.step * self.settings.grad_accumulation_steps
        loss, norm = self.make_step(step_batches, labelled, first_draw, rate)
        self._require_finite(loss, norm)
        self.state.step += 1
        self.loss, self.is_saved = loss, False
        now = time.perf_counter()
        tokens = sum(len(batch.input_ids) for batch in step_batches)
        event = StepDone(
            step=self.state.step,
            total_steps=self.plan.total_steps,
            epoch=round(epoch, 4),
            loss=loss,
            learning_rate=rate,
            gradient_norm=norm,
            tokens=tokens,
            labelled_tokens=labelled,
            tokens_per_second=tokens / (now - started),
            seconds=now - self.began,
            seconds_left=(now - self.began) / self.state.step * (self.plan.total_steps - self.state.step),
        )
        self.metrics.step(event)
        self.progress(event)

    def _require_finite(self, loss: float, norm: float) -> None:
        if math.isfinite(loss) and math.isfinite(norm):
            return
        newest = checkpoint.latest(self.checkpoints)
        what = "loss" if not math.isfinite(loss) else "gradient"
        raise TrainingError(
            f"Step {self.state.step + 1}: the {what} is not a finite number. "
            f"Lower train.learning_rate (now {self.settings.learning_rate:g})"
            + (f"; the last good checkpoint is {newest}." if newest else ".")
        )

    def _after_step(self) -> None:
        is_epoch_end, is_last = self.state.batch == 0, self.state.step >= self.plan.total_steps
        if self.evaluation and (is_last or self._is_due(self.settings.evaluation_interval, is_epoch_end)):
            self._evaluate()
        if self._is_due(self.settings.checkpoint_interval, is_epoch_end):
            self._checkpoint()
        if self.interruption.requested and not self._is_over():
            if not self.is_saved:
                self._checkpoint()
            raise Interrupted(
                f"Stopped after step {self.state.step} of {self.plan.total_steps}; a checkpoint is in {self.checkpoints}. "
                "Resume to go on from there (--resume)."
            )

    def _is_due(self, interval: int | None, is_epoch_end: bool) -> bool:
        return is_epoch_end if interval is None else self.state.step % interval == 0

    @torch.no_grad()
    def _evaluate(self) -> None:
        loss = sum(float(self.decoder.loss(batch)) for batch in self.evaluation) / sum(labelled_tokens(batch) for batch in self.evaluation)
        state = self.state
        is_better = state.best_evaluation_loss is None or loss < state.best_evaluation_loss
        state.evaluation_loss = loss
        state.best_evaluation_loss = loss if is_better else state.best_evaluation_loss
        state.evaluations_without_gain = 0 if is_better else state.evaluations_without_gain + 1
        event = EvaluationDone(state.step, loss)
        self.metrics.evaluation(event)
        self.progress(event)

    def _checkpoint(self) -> None:
        self.state.seconds = time.perf_counter() - self.began
        written = checkpoint.save(self.checkpoints, self.state, self.adapters, self.make_step.optimizer, self.settings.keep_checkpoints)
        self.is_saved = True
        self.progress(CheckpointWritten(self.state.step, written))

    def _finish(self) -> Trained:
        if not any(tensor.any() for name, tensor in self.adapters.tensors().items() if ".lora_B." in name):
            raise TrainingError("The adapter is still zero after training: nothing was learned. Raise train.learning_rate.")
        adapter = self.folder / "adapter"
        with checkpoint.disk_errors(adapter):
            peft_format.save(adapter, self.adapters, self.decoder.config.folder)
        state = self.state
        return Trained(adapter, state.step, state.seconds, self.loss, state.evaluation_loss, self._has_stalled())
