"""What is said before work starts: what a run will do and take, what an estimate found, what the doctor found."""

from rich.console import Console
from rich.text import Text

from ayar.cli.console import count, duration, heading, out, size, table
from ayar.pipeline.diagnosis import Check
from ayar.pipeline.gpu_model_plan import GpuPrediction
from ayar.pipeline.plan import Plan


def show_plan(plan: Plan, console: Console = out) -> None:
    heading("Plan", console)
    share = plan.trained_tokens / max(plan.tokens, 1)
    saved = 1 - plan.computed_tokens / max(plan.tokens, 1)
    for line in (
        f"{count(plan.rows_train)} rows to train on, {count(plan.rows_test)} held out to test",
        f"{count(plan.tokens)} tokens an epoch; {share:.1%} are learnt, the others stand before them",
        f"{count(plan.computed_tokens)} of them are computed, {saved:.1%} saved where rows begin alike; batches are {plan.fill:.1%} full",
        f"{count(plan.steps)} steps of about {count(plan.tokens_per_step)} tokens, {count(plan.epochs)} epochs",
        f"{count(plan.trainable_parameters)} trained parameters",
        f"about {duration(plan.seconds)}, about {size(plan.memory_bytes)} of memory ({size(plan.memory_available)} free)",
    ):
        console.print(f"  {line}", soft_wrap=True)


def show_estimate(plan: Plan) -> None:
    show_plan(plan)
    if plan.fits:
        out.print("[bold green]Go[/]: it fits this machine.")
        return
    out.print("[bold red]No go[/]: it needs more memory than is free.")
    for remedy in plan.remedies:
        out.print(Text(f"  {remedy}"))


def show_prediction(prediction: GpuPrediction) -> None:
    heading(f"On one {prediction.gpu}: predicted from bytes and operations, not measured")
    for engine, seconds in prediction.step_seconds.items():
        out.print(f"  {engine}: {seconds:.3g} s a step")
    out.print(f"  all steps with ayar: {duration(prediction.seconds)}")
    out.print(f"  memory: {prediction.memory}", soft_wrap=True)


def show_doctor(checks: list[Check]) -> None:
    rows = table("", "")
    rows.show_header = False
    for check in checks:
        rows.add_row(Text(check.name, style="bold" if check.works else "bold red"), Text(check.found))
    out.print(rows)
