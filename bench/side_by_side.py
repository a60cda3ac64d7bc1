"""200 steps beside peft on the same rows from the same adapters: python bench/side_by_side.py [--json FILE] [--picture FILE.svg]

SmolLM2-135M, LoRA of rank 16 on all seven projections, every step 4 rows of 48 tokens that neither side has to pad or pack, AdamW,
constant learning rate; in fp32 and in bf16 with fp32 adapters, which is peft's default. Each side runs in a process of its own. The
figures are the largest relative difference of the two losses at any step.
"""

import argparse
import json
import math
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from ayar.model.adapters import LoraSettings
from ayar.model.decoder import Decoder
from ayar.model.packaged import packaged_model
from ayar.ops import backend
from ayar.text.tokenizer import Tokenizer
from ayar.train.optimizer import Optimizer
from reporting import write_report

BATCH, SEQ_LEN, LEARNING_RATE, SEED = 4, 48, 2e-4, 0
LORA = LoraSettings(rank=16, alpha=32.0)
LIMITS = {"float32": 0.005, "bfloat16": 0.02}
TEXTS = Path(__file__).parents[1] / "examples" / "support" / "messages.csv"
Step = Callable[[Tensor], float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", metavar="FILE", help="where the figures are written")
    parser.add_argument("--picture", metavar="FILE", help="where the curves are drawn")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--dtypes", nargs="+", choices=LIMITS, default=list(LIMITS))
    parser.add_argument("--curves", metavar="FOLDER", help="where losses are kept; a curve that lies there is not run again")
    parser.add_argument("--side", choices=("ayar", "peft"), help="run one side in this process and print its losses")
    arguments = parser.parse_args()
    if arguments.side:
        step = {"ayar": ayar, "peft": peft}[arguments.side](packaged_model(), getattr(torch, arguments.dtypes[0]))
        print(json.dumps([step(rows) for rows in batches(packaged_model(), arguments.steps)]))
        return
    with TemporaryDirectory() as scratch:
        folder = Path(arguments.curves or scratch)
        folder.mkdir(parents=True, exist_ok=True)
        curves = {
            dtype: {
                side: losses(side, dtype, arguments.steps, folder / f"{side}-{dtype}-{arguments.steps}.json") for side in ("ayar", "peft")
            }
            for dtype in arguments.dtypes
        }
    figures: dict[str, float | None] = {}
    for dtype, sides in curves.items():
        differences = [abs(ours - theirs) / theirs for ours, theirs in zip(sides["ayar"], sides["peft"], strict=True)]
        figures[f"largest_loss_difference_{dtype}"] = max(differences)
        figures[f"mean_loss_difference_{dtype}"] = sum(differences) / len(differences)
        figures |= {f"last_20_losses_{side}_{dtype}": sum(curve[-20:]) / 20 for side, curve in sides.items()}
        print(
            f"{dtype}: largest difference {max(differences):.3%} at step {differences.index(max(differences))}, allowed {LIMITS[dtype]:.1%}"
        )
    if arguments.picture:
        draw(curves, Path(arguments.picture))
    write_report(arguments.json, figures)
    if any(figures[f"largest_loss_difference_{dtype}"] > LIMITS[dtype] for dtype in curves):  # pyright: ignore[reportOptionalOperand]
        sys.exit("the curves lie further apart than they may")


def losses(side: str, dtype: str, steps: int, kept: Path) -> list[float]:
    """The loss before each step, from a process of its own."""
    if not kept.exists():
        command = [sys.executable, __file__, "--side", side, "--dtypes", dtype, "--steps", str(steps)]
        kept.write_text(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()[-1], encoding="utf-8")
    return json.loads(kept.read_text(encoding="utf-8"))


def batches(folder: Path, steps: int) -> Iterator[Tensor]:
    """(BATCH, SEQ_LEN) int64: the messages of the example, one after another, cut into rows; from the start again when they end."""
    tokens = torch.tensor(Tokenizer.from_file(folder / "tokenizer.json").encode(TEXTS.read_text(encoding="utf-8")).astype("int64"))
    rows = tokens[: len(tokens) // SEQ_LEN * SEQ_LEN].view(-1, SEQ_LEN)
    for step in range(steps):
        yield rows[(torch.arange(BATCH) + step * BATCH) % len(rows)]


def ayar(folder: Path, dtype: torch.dtype) -> Step:
    backend.give_cores_to_pool()
    decoder = Decoder.load(folder, LORA, dtype, SEED)
    optimizer = Optimizer(decoder.trainable_parameters(), weight_decay=0.0, max_grad_norm=math.inf)
    rows = torch.arange(BATCH * SEQ_LEN)
    positions = rows[rows % SEQ_LEN != SEQ_LEN - 1]
    cu_seqlens = torch.arange(0, BATCH * SEQ_LEN + 1, SEQ_LEN, dtype=torch.int32)

    def step(input_ids: Tensor) -> float:
        tokens = input_ids.flatten()
        batch: Any = SimpleNamespace(
            input_ids=tokens.int(),
            position_ids=(rows % SEQ_LEN).int(),
            cu_seqlens=cu_seqlens,
            parents=torch.full((BATCH,), -1, dtype=torch.int32),
            positions=positions,
            targets=tokens[positions + 1],
            weights=torch.ones(len(positions)),
        )
        loss = decoder.accumulate_gradients(batch, 1 / len(positions), draw=0)
        optimizer.step(LEARNING_RATE, optimizer.gradient_norm())
        return loss

    return step


def peft(folder: Path, dtype: torch.dtype) -> Step:
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    from ayar.model.adapters import AdapterParameters
    from ayar.model.config import ModelConfig

    torch.set_num_threads(len(os.sched_getaffinity(0)))
    ours = AdapterParameters(ModelConfig.from_folder(folder), LORA, SEED)
    base = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, attn_implementation="sdpa")
    model: Any = get_peft_model(base, LoraConfig(r=LORA.rank, lora_alpha=int(LORA.alpha), target_modules=list(ours.modules)))
    model.train()
    begun = {name.replace(".weight", ".default.weight"): values for name, values in ours.tensors().items()}
    trained = [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]
    with torch.no_grad():
        for name, parameter in trained:
            parameter.copy_(begun.pop(name))
    assert not begun
    optimizer = torch.optim.AdamW([parameter for _, parameter in trained], lr=LEARNING_RATE, weight_decay=0.0)

    def step(input_ids: Tensor) -> float:
        loss = model(input_ids=input_ids, labels=input_ids, use_cache=False).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return loss.item()

    return step


def draw(curves: dict[str, dict[str, list[float]]], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "ayar"  # the same picture from the same curves
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(2, len(curves), figsize=(10, 5), sharex=True, squeeze=False, height_ratios=(3, 1), layout="constrained")
    for column, (dtype, sides) in enumerate(curves.items()):
        above, below = axes[0][column], axes[1][column]
        above.plot(sides["peft"], color="#c44e52", linewidth=3, alpha=0.5, label="peft + transformers")
        above.plot(sides["ayar"], color="#2a4d69", linewidth=1, label="ayar")
        above.set_title(dtype)
        above.set_ylabel("loss")
        above.legend(frameon=False)
        below.plot([100 * (a - b) / b for a, b in zip(sides["ayar"], sides["peft"], strict=True)], color="#2a4d69", linewidth=1)
        for limit in (-LIMITS[dtype], LIMITS[dtype]):
            below.axhline(100 * limit, color="#999999", linewidth=0.8, linestyle="--")
        below.set_ylabel("difference, %")
        below.set_xlabel("step")
    figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    main()
