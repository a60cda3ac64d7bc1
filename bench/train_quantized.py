"""What a quantized base and dropout make of one training step: python bench/train_quantized.py [--json FILE] [--curve STEPS]

The step of bench/train_step.py (SmolLM2-135M, LoRA of rank 16 on all seven projections, 4 × 512 tokens, every position labelled) with
frozen weights in bf16, in NF4, in int8, and in bf16 with LoRA dropout of 0.05. All are in one process and take turns step by step, so
that what else the machine does meets them all; a ratio is the median of the ratios of neighbouring steps. Loss and gradient norm of the
first step are shown: a base that computes something else would be seen there.

--curve STEPS also trains each base on the support messages of examples/ and compares the losses, step by step.
"""

import argparse
import json
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import torch

from ayar import pipeline
from ayar.model.config import ModelConfig
from ayar.model.loading import load
from reporting import write_report
from train_step import model_folder
from train_step_worker import BATCH, SEQ_LEN, ayar_step

VARIANTS: dict[str, dict[str, Any]] = {
    "bf16": {},
    "nf4": {"base_weights": "nf4"},
    "int8": {"base_weights": "int8"},
    "dropout": {"dropout": 0.05},
}
MESSAGES = Path(__file__).parents[1] / "examples/support/messages.csv"
CURVE_TOKENS = 256


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", metavar="FILE", help="where the figures are written")
    parser.add_argument("--steps", type=int, default=5, help="timed steps of each, after one that warms up")
    parser.add_argument("--skip-speed", action="store_true", help="only the curves")
    parser.add_argument("--curve", type=int, metavar="STEPS", default=0, help="steps of the loss curves; 0: none")
    arguments = parser.parse_args()
    with TemporaryDirectory() as scratch:
        folder = model_folder(Path(scratch))
        figures = {} if arguments.skip_speed else speeds(folder, arguments.steps)
        figures["nf4_bytes_per_parameter"] = bytes_per_parameter(folder)
        reasons: dict[str, str] = {}
        if arguments.curve:
            figures |= curves(arguments.curve, Path(scratch))
        else:
            missing = ("int8_curve_difference", "nf4_curve_difference")
            figures |= dict.fromkeys(missing)
            reasons = dict.fromkeys(missing, "without --curve")
        write_report(arguments.json, figures, reasons)


def speeds(folder: Path, steps: int) -> dict[str, float | None]:
    input_ids = torch.randint(0, 40000, (BATCH, SEQ_LEN), generator=torch.Generator().manual_seed(0))
    contestants = {name: ayar_step(folder, input_ids, **lora) for name, lora in VARIANTS.items()}
    first = {name: step() for name, step in contestants.items()}
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(steps):
        for name, step in contestants.items():
            begin = perf_counter()
            step()
            seconds[name].append(perf_counter() - begin)

    def over_bf16(name: str) -> float:
        return median(own / plain for own, plain in zip(seconds[name], seconds["bf16"], strict=True))

    figures: dict[str, float | None] = {
        "nf4_relative_speed": 1 / over_bf16("nf4"),
        "int8_relative_speed": 1 / over_bf16("int8"),
        "dropout_cost": over_bf16("dropout"),
    }
    for name, (loss, norm) in first.items():
        figures |= {f"{name}_step_seconds": median(seconds[name]), f"{name}_loss": loss, f"{name}_gradient_norm": norm}
    return figures


def bytes_per_parameter(folder: Path) -> float:
    """Of the frozen projections in NF4, packed for both directions."""
    parts = load(ModelConfig.from_folder(folder), torch.bfloat16, "nf4")
    weights = [weight for layer in parts.layers for weight in (layer.qkv, layer.o, layer.gate_up, layer.down)]
    return sum(weight.nbytes for weight in weights) / sum(weight.shape[0] * weight.shape[1] for weight in weights)


def curves(steps: int, scratch: Path) -> dict[str, float | None]:
    """How far the losses of a base are from those in bf16, as a share: the mean of all steps, and the worst mean of ten."""
    losses = {name: losses_of(steps, VARIANTS[name], scratch / name) for name in ("bf16", "int8", "nf4")}
    tens = {name: [sum(values[i : i + 10]) / 10 for i in range(0, steps - 9, 10)] for name, values in losses.items()}
    for index in range(len(tens["bf16"])):
        print(f"steps {10 * index + 1} to {10 * index + 10}: " + ", ".join(f"{name} {values[index]:.4f}" for name, values in tens.items()))
    figures: dict[str, float | None] = {f"{name}_last_ten_loss": values[-1] for name, values in tens.items()}
    for name in ("int8", "nf4"):
        figures[f"{name}_curve_difference"] = abs(sum(losses[name]) / sum(losses["bf16"]) - 1)
        figures[f"{name}_curve_worst_ten"] = max(abs(own / plain - 1) for own, plain in zip(tens[name], tens["bf16"], strict=True))
    return figures


def losses_of(steps: int, lora: dict[str, Any], output: Path) -> list[float]:
    """Of each step of a real run on the support messages as plain text, so that every token is labelled."""
    recipe = {
        "data": str(MESSAGES),
        "task": "complete",
        "output": str(output),
        "format": {"max_tokens": CURVE_TOKENS, "too_long": "drop"},
        "lora": lora,
        "train": {
            "epochs": 100,
            "max_steps": steps,
            "tokens_per_batch": CURVE_TOKENS,
            "tensorboard": False,
            "checkpoint_interval": steps + 1,
        },
    }
    pipeline.train(recipe)
    lines = [json.loads(line) for line in (output / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    return [line["loss"] for line in lines if "loss" in line]


if __name__ == "__main__":
    main()
