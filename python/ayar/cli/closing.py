"""What a finished command says: the rows and what became of them, the scores before and after, and where the results lie."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.padding import Padding
from rich.text import Text

from ayar.cli.console import count, duration, heading, out, table

_METRIC_NAMES = {"accuracy": "accuracy", "exact_match": "exact match", "token_f1": "token F1", "perplexity": "perplexity"}
_LONGEST_SAMPLE = 300


def show_closing(folder: Path) -> None:
    """The summary of a whole run, from the files in its folder."""
    show_data(json.loads((folder / "prepare.json").read_text(encoding="utf-8")))
    show_evaluation(json.loads((folder / "evaluation.json").read_text(encoding="utf-8")))
    heading("Results")
    _paths({"adapter": folder / "adapter", "report": folder / "report.html"})


def show_data(report: Mapping[str, Any]) -> None:
    heading(f"Data: {count(report['rows_in'])} rows in, {count(report['rows_kept'])} kept")
    dropped = [(stage["stage"], reason, rows) for stage in report["stages"] for reason, rows in stage["dropped"].items()]
    if dropped:
        rows = table("dropped", "in stage", "because", numbers=(0,))
        for stage, reason, number in dropped:
            rows.add_row(count(number), stage, reason.replace("_", " "))
        out.print(Padding(rows, (0, 0, 0, 2)))
    found = {kind: number for kind, number in report["personal_data"].items() if number}
    out.print("  Personal data found: " + (", ".join(f"{kind} {count(number)}" for kind, number in found.items()) or "none"))
    if report["classes"]["before"]:
        _show_classes(report["classes"]["before"], report["classes"]["after"])
    out.print(f"  Split: {count(report['split']['train'])} rows to train on, {count(report['split']['test'])} held out to test")


def _show_classes(before: Mapping[str, int], after: Mapping[str, int], most: int = 12) -> None:
    labels = sorted(set(before) | set(after), key=lambda label: -before.get(label, 0))
    rows = table("class", "before", "after", numbers=(1, 2))
    for label in labels[:most]:
        rows.add_row(Text(label), count(before.get(label, 0)), count(after.get(label, 0)))
    out.print(Padding(rows, (0, 0, 0, 2)))
    if len(labels) > most:
        rest = [before.get(label, 0) for label in labels[most:]]
        out.print(f"  and {len(rest)} more classes of {count(min(rest))} to {count(max(rest))} rows before")


def show_training(result: Any) -> None:
    heading(f"Trained: {count(result.steps)} steps in {duration(result.seconds)}")
    if result.first_loss is not None:
        out.print(f"  loss {result.first_loss:.3f} → {result.last_loss:.3f}")
    _paths({"adapter": result.adapter})


def show_evaluation(scores: Mapping[str, Any]) -> None:
    task, forgetting = scores["task"], scores["forgetting"]
    heading(f"Before and after, on {count(task['rows'])} held-out rows")
    rows = table("", "base", "tuned", numbers=(1, 2))
    shown = _percent if task["metric"] != "perplexity" else _plain
    rows.add_row(_METRIC_NAMES[task["metric"]], shown(task["base"]), shown(task["tuned"]))
    rows.add_row("perplexity on general text", _plain(forgetting["base_perplexity"]), _plain(forgetting["tuned_perplexity"]))
    out.print(Padding(rows, (0, 0, 0, 2)))
    if task.get("majority") is not None:
        out.print(f"  Always answering the most frequent class would score {_percent(task['majority'])}.")
    for sample in scores["samples"][:2]:
        out.print()
        for name in ("prompt", "expected", "base", "tuned"):
            out.print(Text.assemble((f"  {name:<9}", "bold" if name == "tuned" else "dim"), _shortened(str(sample[name]))), soft_wrap=True)


def show_export(result: Any) -> None:
    heading("Exported")
    out.print(f"  largest difference of a logit, adapter against merged weights: {result.logit_difference:.3g}")
    out.print("  GGUF is not written yet: llama.cpp's convert_hf_to_gguf.py makes it of the merged folder.", soft_wrap=True)
    _paths({"merged model": result.merged, "PEFT adapter": result.adapter})


def _paths(named: Mapping[str, Path]) -> None:
    for name, path in named.items():
        out.print(Text(f"  {name}: {path}"), soft_wrap=True)


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_SAMPLE else f"{line[:_LONGEST_SAMPLE]}…"


def _percent(value: float | None) -> str:
    return "not measured" if value is None else f"{100 * value:.1f} %"


def _plain(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.2f}"
