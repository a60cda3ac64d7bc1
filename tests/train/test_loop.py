import errno
import json
import math
import os
import resource
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

from ayar.errors import Interrupted, TrainingError
from ayar.model import weights
from ayar.model.decoder import Decoder
from ayar.train import progress
from ayar.train.loop import train
from ayar.train.step import HostStep
from tests.model.packing import packed
from tests.model.tiny import logits_one_by_one
from tests.train.setup import PROMPT, batches, rows, settings, tiny_decoder

STEPS = 12  # 2 epochs of 6 batches


def metric_lines(folder: Path) -> list[dict]:
    """metrics.jsonl without what the clock says."""
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{name: value for name, value in line.items() if "second" not in name} for line in lines]


def adapter_bytes(folder: Path) -> bytes:
    return (folder / "adapter" / "adapter_model.safetensors").read_bytes()


def test_loss_falls_and_peft_loads_the_adapter(tmp_path: Path) -> None:
    decoder = tiny_decoder(tmp_path / "model")
    held_out = [packed(rows(8, seed=9), labelled_from=PROMPT)]
    events: list[progress.Event] = []
    done = train(decoder, batches(), settings(epochs=20), tmp_path / "run", held_out, events.append)
    steps = [event for event in events if isinstance(event, progress.StepDone)]
    losses = [event.loss for event in steps]
    assert len(losses) == done.steps == 120
    assert sum(losses[-6:]) < 0.7 * sum(losses[:6])
    evaluations = [event.evaluation_loss for event in events if isinstance(event, progress.EvaluationDone)]
    assert len(evaluations) == 20
    assert evaluations[-1] < evaluations[0]
    assert steps[-1].seconds_left == 0
    assert all(event.tokens_per_second > 0 and event.labelled_tokens == 16 and event.tokens == 32 for event in steps)

    sequences = rows(3, seed=4)
    base = AutoModelForCausalLM.from_pretrained(tmp_path / "model", dtype=torch.float32)
    tuned = PeftModel.from_pretrained(base, str(done.adapter))
    want = logits_one_by_one(tuned, sequences)
    with torch.no_grad():
        torch.testing.assert_close(decoder.logits(packed(sequences)), want, atol=2e-4, rtol=2e-4)
        again = Decoder.load_tuned(done.adapter, torch.float32)
        assert torch.equal(again.logits(packed(sequences)), decoder.logits(packed(sequences)))


def test_accumulated_gradients_are_normalised_by_the_tokens_of_the_step(tmp_path: Path) -> None:
    data = [[5, 8, 9, 6, 8, 9, 8, 2], [5, 7, 6, 4, 2], [3] * 30, [5, 9, 6, 9]]
    results = {}
    for name, groups in {"at once": [data], "one by one": [[row] for row in data]}.items():
        decoder = tiny_decoder(tmp_path / "model")
        parts = [packed(group, labelled_from=2) for group in groups]
        train(decoder, lambda epoch, parts=parts: parts, settings(epochs=3, grad_accumulation_steps=len(groups)), tmp_path / name)
        results[name] = metric_lines(tmp_path / name)
    assert len(results["at once"]) == len(results["one by one"]) == 3
    for a, b in zip(results["at once"], results["one by one"], strict=True):
        assert a["loss"] == pytest.approx(b["loss"], rel=1e-4)
        assert a["gradient_norm"] == pytest.approx(b["gradient_norm"], rel=1e-3)
        assert a["labelled_tokens"] == b["labelled_tokens"]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_interrupted_run_resumes_to_the_same_bits(tmp_path: Path, dtype: torch.dtype) -> None:
    held_out = [packed(rows(3, seed=9), labelled_from=PROMPT)]
    chosen = settings(evaluation_interval=4)
    train(tiny_decoder(tmp_path / "model", dtype), batches(), chosen, tmp_path / "whole", held_out)

    def interrupt(event: progress.Event) -> None:
        if isinstance(event, progress.StepDone) and event.step in (3, 8):
            os.kill(os.getpid(), signal.SIGTERM if event.step == 3 else signal.SIGINT)

    handlers = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    for step in (3, 8):
        with pytest.raises(Interrupted, match=f"after step {step} of {STEPS}") as stopped:
            train(tiny_decoder(tmp_path / "model", dtype), batches(), chosen, tmp_path / "run", held_out, interrupt, resume=True)
        assert stopped.value.exit_code == 130
        assert (tmp_path / "run" / "checkpoints" / f"step-{step:06d}" / "state.json").exists()
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == handlers
    train(tiny_decoder(tmp_path / "model", dtype), batches(), chosen, tmp_path / "run", held_out, resume=True)
    assert adapter_bytes(tmp_path / "run") == adapter_bytes(tmp_path / "whole")
    assert metric_lines(tmp_path / "run") == metric_lines(tmp_path / "whole")


def test_killed_run_resumes_to_the_same_bits(tmp_path: Path) -> None:
    whole = train(tiny_decoder(tmp_path / "model"), batches(), settings(), tmp_path / "whole")
    script = f"""
        import os, signal
        from pathlib import Path
        from ayar.train import progress
        from ayar.train.loop import train
        from tests.train.setup import batches, settings, tiny_decoder

        def kill(event):
            if isinstance(event, progress.StepDone) and event.step == 8:
                os.kill(os.getpid(), signal.SIGKILL)

        folder = Path({str(tmp_path)!r})
        train(tiny_decoder(folder / "model"), batches(), settings(checkpoint_interval=3), folder / "run", progress=kill)
    """
    root = Path(__file__).parents[2]
    killed = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], cwd=root, capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    assert metric_lines(tmp_path / "run")[-1]["step"] == 8
    resumed: list[progress.Event] = []
    done = train(tiny_decoder(tmp_path / "model"), batches(), settings(), tmp_path / "run", progress=resumed.append, resume=True)
    assert isinstance(resumed[0], progress.Started)
    assert resumed[0].step == 6  # the last checkpoint before the kill
    assert done.steps == whole.steps
    assert adapter_bytes(tmp_path / "run") == adapter_bytes(tmp_path / "whole")
    assert metric_lines(tmp_path / "run") == metric_lines(tmp_path / "whole")


def test_resuming_a_finished_run_changes_nothing(tmp_path: Path) -> None:
    train(tiny_decoder(tmp_path / "model"), batches(), settings(), tmp_path / "run")
    before = adapter_bytes(tmp_path / "run"), metric_lines(tmp_path / "run")
    done = train(tiny_decoder(tmp_path / "model"), batches(), settings(), tmp_path / "run", resume=True)
    assert done.steps == STEPS
    assert (adapter_bytes(tmp_path / "run"), metric_lines(tmp_path / "run")) == before


def test_starting_anew_forgets_the_earlier_run(tmp_path: Path) -> None:
    train(tiny_decoder(tmp_path / "model"), batches(), settings(), tmp_path / "run")
    train(tiny_decoder(tmp_path / "model"), batches(), settings(max_steps=2), tmp_path / "run")
    assert [line["step"] for line in metric_lines(tmp_path / "run")] == [1, 2]
    assert [path.name for path in (tmp_path / "run" / "checkpoints").iterdir()] == ["step-000002"]


@pytest.mark.parametrize("change", [{"learning_rate": 1e-3}, {"epochs": 3}, {"data": 1}, {"model": 1}], ids=str)
def test_checkpoint_of_another_run_is_refused(tmp_path: Path, change: dict) -> None:
    train(tiny_decoder(tmp_path / "model"), batches(), settings(), tmp_path / "run")
    name = next(iter(change))
    decoder = tiny_decoder(tmp_path / ("other" if name == "model" else "model"))
    source = batches(rows_in_batch=3) if name == "data" else batches()
    chosen = settings() if name in ("data", "model") else settings(**change)
    with pytest.raises(TrainingError, match=name):
        train(decoder, source, chosen, tmp_path / "run", resume=True)


def test_all_labels_masked_is_refused_before_training(tmp_path: Path) -> None:
    masked = packed(rows(4), labelled_from=100)
    with pytest.raises(TrainingError, match="nothing to learn"):
        train(tiny_decoder(tmp_path / "model"), lambda epoch: [masked], settings(), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_batch_without_labels_teaches_nothing_and_takes_no_step(tmp_path: Path) -> None:
    masked, real = packed(rows(4), labelled_from=100), batches(4)(0)
    done = train(tiny_decoder(tmp_path / "model"), lambda epoch: [masked, *real, masked], settings(), tmp_path / "run")
    assert done.steps == 2


def test_loss_that_is_no_number_stops_and_leaves_the_last_good_checkpoint(tmp_path: Path) -> None:
    decoder = tiny_decoder(tmp_path / "model")

    def spoil(event: progress.Event) -> None:
        if isinstance(event, progress.StepDone) and event.step == 5:
            decoder.trainable_parameters().values.fill_(float("inf"))

    with pytest.raises(TrainingError, match=r"Step 6: the loss is not a finite number.*learning_rate.*step-000004"):
        train(decoder, batches(), settings(checkpoint_interval=2), tmp_path / "run", progress=spoil)
    saved = weights.read_all(tmp_path / "run" / "checkpoints" / "step-000004" / "adapter.safetensors")
    assert all(tensor.isfinite().all() for tensor in saved.values())


def test_a_step_that_is_no_number_leaves_the_adapters_alone(tmp_path: Path) -> None:
    decoder = tiny_decoder(tmp_path / "model")
    values = decoder.trainable_parameters().values
    values[0] = float("inf")
    before = values.clone()
    loss, _ = HostStep(decoder, weight_decay=0.0, max_grad_norm=1.0)(batches()(0)[:1], 4, 0, 1e-2)
    assert not math.isfinite(loss)
    assert torch.equal(values, before)


def test_full_disk_is_a_clear_error_and_the_earlier_checkpoint_resumes(tmp_path: Path) -> None:
    train(tiny_decoder(tmp_path / "model"), batches(), settings(), tmp_path / "whole")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill(event: progress.Event) -> None:
        if isinstance(event, progress.StepDone) and event.step == 7:
            resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, limits[1]))  # a real error from the system, in the middle of a file

    chosen = settings(checkpoint_interval=4)
    try:
        with pytest.raises(TrainingError, match=f"step-000008: {os.strerror(errno.EFBIG)}.*Earlier checkpoints are intact"):
            train(tiny_decoder(tmp_path / "model"), batches(), chosen, tmp_path / "run", progress=fill)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [path.name for path in (tmp_path / "run" / "checkpoints").iterdir()] == ["step-000004"]
    train(tiny_decoder(tmp_path / "model"), batches(), chosen, tmp_path / "run", resume=True)
    assert adapter_bytes(tmp_path / "run") == adapter_bytes(tmp_path / "whole")


def test_training_stops_early_when_the_test_loss_no_longer_falls(tmp_path: Path) -> None:
    held_out = [packed(rows(8, seed=9), labelled_from=PROMPT)]
    chosen = settings(epochs=30, learning_rate=0.5, evaluation_interval=1, early_stopping_patience=3)
    done = train(tiny_decoder(tmp_path / "model"), batches(), chosen, tmp_path / "run", held_out)
    assert done.stopped_early
    losses = [line["evaluation_loss"] for line in metric_lines(tmp_path / "run") if "evaluation_loss" in line]
    assert done.steps == len(losses) < 180
    assert min(losses) == min(losses[:-3])


def test_only_the_newest_checkpoints_are_kept(tmp_path: Path) -> None:
    train(tiny_decoder(tmp_path / "model"), batches(), settings(checkpoint_interval=1, keep_checkpoints=3), tmp_path / "run")
    assert sorted(path.name for path in (tmp_path / "run" / "checkpoints").iterdir()) == [f"step-{step:06d}" for step in (10, 11, 12)]


def test_tensorboard_gets_what_metrics_get(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    train(tiny_decoder(tmp_path / "model"), batches(), settings(tensorboard=True), tmp_path / "run")
    board = EventAccumulator(str(tmp_path / "run" / "tensorboard"))
    board.Reload()
    want = [(line["step"], line["loss"]) for line in metric_lines(tmp_path / "run")]
    assert [(event.step, pytest.approx(event.value, rel=1e-6)) for event in board.Scalars("train/loss")] == want
