"""The report's view of training: the loss curve and the facts beside it."""

from dataclasses import dataclass

from ayar.report.line_chart import LineChart, line_chart
from ayar.report.numbers import count, decimal, duration, percent
from ayar.report.run_files import RunFiles


@dataclass(frozen=True)
class TrainingView:
    chart: LineChart
    has_evaluation_points: bool
    facts: list[tuple[str, str]]


def training_view(run: RunFiles) -> TrainingView:
    steps, held_out = run.steps, run.evaluation_points
    first, last = steps[0], steps[-1]
    description = f"Training loss over {count(len(steps))} steps, from {decimal(first.loss)} to {decimal(last.loss)}"
    if held_out:
        description += f"; loss on held-out rows from {decimal(held_out[0].evaluation_loss)} to {decimal(held_out[-1].evaluation_loss)}"
    chart = line_chart([(s.step, s.loss) for s in steps], [(p.step, p.evaluation_loss) for p in held_out], description)
    return TrainingView(chart, bool(held_out), [*_training_facts(run), *_adapter_facts(run)])


def _training_facts(run: RunFiles) -> list[tuple[str, str]]:
    steps = run.steps
    facts = [("Steps", count(steps[-1].step))]
    if steps[-1].epoch is not None:
        facts.append(("Epochs", f"{steps[-1].epoch:.3g}"))
    if steps[-1].seconds is not None:
        facts.append(("Time", duration(steps[-1].seconds)))
    tokens = sum(step.tokens or 0 for step in steps)
    if tokens:
        labelled = sum(step.labelled_tokens or 0 for step in steps)
        facts += [("Tokens", count(tokens)), ("of them trained on", f"{count(labelled)} ({percent(labelled / tokens)})")]
    speeds = sorted(step.tokens_per_second for step in steps if step.tokens_per_second is not None)
    if speeds:
        facts.append(("Speed, median", f"{count(speeds[len(speeds) // 2])} tokens/s"))
    rates = [step.learning_rate for step in steps if step.learning_rate is not None]
    if rates:
        facts.append(("Learning rate, peak", f"{max(rates):.2g}"))
    return facts


def _adapter_facts(run: RunFiles) -> list[tuple[str, str]]:
    if run.adapter is None:
        return []
    modules = ", ".join(sorted(name.removesuffix("_proj") for name in run.adapter.target_modules))
    return [("LoRA rank, alpha", f"{run.adapter.r}, {run.adapter.lora_alpha:g}"), ("Adapted", modules or "unknown")]
