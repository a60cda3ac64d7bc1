"""One training step against peft + transformers: python bench/train_step.py [--json FILE] [--skip-compile]

SmolLM2-135M, LoRA of rank 16 on all seven projections, 4 × 512 tokens, every position labelled: forward, backward and AdamW.
Each side runs in a process of its own, so that its memory is its own, and the sides take turns. Loss and gradient norm of the first
step are compared before any figure is given. Peers: SDPA, no cache, no checkpointing, no dropout, in three dtype policies; the fastest counts.

Model FLOPs: 4 · P · T for the products with the P frozen matmul weights, head included (forward and dx), and 7 · S² · H · B · L for
causal attention (2 forward, 5 backward). The adapters' own work, the norms and the optimizer are not credited.

cost_growth: as many tokens in one sequence of 4,096 as in eight of 512, in percent of extra time beyond the FLOPs of attention.

The same step is timed with narrower instruction sets forced by AYAR_ISA, each against its own peak: what a processor without bf16
instructions (avx512), or a laptop (avx2), makes of bf16 weights with fp32 arithmetic.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import torch

from ayar.errors import ModelError
from ayar.model.config import ModelConfig
from ayar.model.packaged import packaged_model
from ayar.ops import backend
from reporting import write_report
from train_step_worker import BATCH, LONG, SEQ_LEN

SMOLLM2_135M = {
    "vocab_size": 49152, "hidden_size": 576, "intermediate_size": 1536, "num_hidden_layers": 30, "num_attention_heads": 9,
    "num_key_value_heads": 3, "max_position_embeddings": 8192, "rope_theta": 100000.0, "rms_norm_eps": 1e-5,
    "tie_word_embeddings": True, "bos_token_id": 1, "eos_token_id": 2,
}  # fmt: skip
PEERS = {"peft_fp32_adapters": "fp32 adapters", "peft_bf16_adapters": "bf16 adapters", "peft_autocast": "bf16 autocast"}
NARROWER = {"fraction_of_fp32_peak": "avx512", "fraction_of_avx2_peak": "avx2"}
WORKER = Path(__file__).with_name("train_step_worker.py")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", metavar="FILE", help="where the figures are written")
    parser.add_argument("--rounds", type=int, default=2, help="turns that each side takes")
    parser.add_argument("--steps", type=int, default=5, help="timed steps a turn, after one that warms up")
    parser.add_argument("--skip-compile", action="store_true", help="leave out torch.compile, which compiles for minutes")
    arguments = parser.parse_args()
    with TemporaryDirectory() as scratch:
        measure(model_folder(Path(scratch)), arguments)


def model_folder(scratch: Path) -> Path:
    """The packaged model, or random weights of its shapes: the work of a step does not depend on their values."""
    try:
        return packaged_model(print)
    except ModelError as error:
        print(f"random weights instead of the packaged model: {error}")
    from transformers import AutoModelForCausalLM, LlamaConfig

    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(LlamaConfig(**SMOLLM2_135M), dtype=torch.bfloat16)
    model.save_pretrained(scratch)
    return scratch


def measure(folder: Path, arguments: argparse.Namespace) -> None:
    """Lets the sides take their turns, and writes the figures."""
    threads = len(os.sched_getaffinity(0))

    turns: dict[str, list[dict[str, Any]]] = {"ayar": [], **{peer: [] for peer in PEERS}}
    for _ in range(arguments.rounds):
        for side in turns:
            turns[side].append(run(side, folder, threads, arguments.steps))
    require_equal_answers({side: results[0] for side, results in turns.items()})
    step = {side: median(seconds for result in results for seconds in result["step_seconds"]) for side, results in turns.items()}
    fastest = min(PEERS, key=lambda peer: step[peer])
    print(f"fastest peer: {PEERS[fastest]}")

    ours, peer = turns["ayar"], turns[fastest]
    peak = backend.peak_gflops(backend.chosen_isa(torch.bfloat16), torch.bfloat16, seconds=0.5)
    figures: dict[str, float | None] = {
        "fraction_of_bf16_peak": model_flops(ModelConfig.from_folder(folder)) / step["ayar"] / peak / 1e9,
        "peak_gflops": peak,
        "step_seconds": step["ayar"],
        "peer_step_seconds": step[fastest],
        **{f"{name}_step_seconds": step[name] for name in PEERS},
        "speedup_vs_peft_bf16": step[fastest] / step["ayar"],
        "peak_rss_mb": max(result["peak_rss_mb"] for result in ours),
        "peer_peak_rss_mb": min(result["peak_rss_mb"] for result in peer),
        "seconds_to_first_step": median(result["seconds_to_first_step"] for result in ours),
        "peer_seconds_to_first_step": median(result["seconds_to_first_step"] for result in peer),
        "loss": ours[0]["loss"],
        "peer_loss": peer[0]["loss"],
        "gradient_norm": ours[0]["gradient_norm"],
        "peer_gradient_norm": peer[0]["gradient_norm"],
    }
    reasons: dict[str, str] = {}
    compiled_names = ("peft_compiled_step_seconds", "speedup_vs_peft_compiled", "peft_compiled_seconds_to_first_step")
    if arguments.skip_compile:
        reasons |= dict.fromkeys(compiled_names, "--skip-compile")
        figures |= dict.fromkeys(compiled_names)
    else:
        compiled = run("peft_compiled", folder, threads, arguments.steps)
        seconds = median(compiled["step_seconds"])
        figures |= dict(zip(compiled_names, (seconds, seconds / step["ayar"], compiled["seconds_to_first_step"]), strict=True))
    if threads >= 2:
        alone, both = (median(run("ayar", folder, count, arguments.steps)["step_seconds"]) for count in (1, 2))
        figures["two_threads"] = alone / both
    else:
        figures["two_threads"], reasons["two_threads"] = None, "this process may use one processor only"
    narrower, why_not = narrower_units(folder, threads, arguments.steps)
    figures, reasons = figures | narrower, reasons | why_not
    compared = [run("kernels", folder, count, arguments.steps) for count in sorted({1, threads})]
    figures |= {name: min(result[name] for result in compared) for name in compared[0]}  # the worse of one thread and all
    figures |= run("quantized", folder, threads, arguments.steps)
    figures |= cost_growth(folder, threads, arguments.steps)
    write_report(arguments.json, figures, reasons)


def narrower_units(folder: Path, threads: int, steps: int) -> tuple[dict[str, float | None], dict[str, str]]:
    """Fractions of the peaks of narrower instruction sets, and the speed over the peer in fp32; reasons for what does not run here."""
    flops = model_flops(ModelConfig.from_folder(folder))
    figures: dict[str, float | None] = {}
    reasons: dict[str, str] = {}
    for name, isa in NARROWER.items():
        if isa not in backend.available():
            figures[name], reasons[name] = None, f"this processor has no {isa}"
            continue
        seconds = median(run("ayar", folder, threads, steps, isa)["step_seconds"])
        peak = backend.peak_gflops(isa, torch.bfloat16, seconds=0.5)
        figures |= {name: flops / seconds / peak / 1e9, f"{isa}_step_seconds": seconds, f"{isa}_peak_gflops": peak}
    taken = [figures.get(f"{isa}_step_seconds") for isa in NARROWER.values()]
    fastest = min((seconds for seconds in taken if seconds is not None), default=None)
    figures["peft_fp32_step_seconds"] = peer = median(run("peft_fp32", folder, threads, min(steps, 3))["step_seconds"])
    figures["speedup_vs_peft_fp32"] = peer / fastest if fastest else None
    if not fastest:
        reasons["speedup_vs_peft_fp32"] = "no instruction set with fp32 arithmetic alone runs here"
    return figures, reasons


def run(side: str, folder: Path, threads: int, steps: int, isa: str | None = None) -> dict[str, Any]:
    """One turn of one side in a fresh process; what it measured. isa: the instruction set that ours is held to."""
    environment = os.environ | {"AYAR_THREADS": str(threads), "OMP_NUM_THREADS": str(threads)}
    if isa is not None:
        environment["AYAR_ISA"] = isa
    command = [sys.executable, str(WORKER), side, str(folder), str(threads), str(steps), repr(time.time())]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{side}: the process ended with {done.returncode}; its words are above")
    result = json.loads(done.stdout.splitlines()[-1])
    print(
        f"{side}{' ' + isa if isa else ''}, {threads} threads: " + ", ".join(f"{name} {_short(value)}" for name, value in result.items()),
        flush=True,
    )
    return result


def _short(value: Any) -> str:
    return " ".join(f"{x:.2f}" for x in value) if isinstance(value, list) else f"{value:.4g}"


def require_equal_answers(results: dict[str, dict[str, Any]]) -> None:
    """Stops where a peer computes something else: speed is worth nothing then. bf16 leaves 1 % of loss and 5 % of norm."""
    ours = results["ayar"]
    for side, result in results.items():
        for name, tolerance in (("loss", 0.01), ("gradient_norm", 0.05)):
            if not abs(result[name] - ours[name]) <= tolerance * abs(ours[name]):
                raise SystemExit(f"{side}: {name} is {result[name]}, ours is {ours[name]}: no speed is worth reporting")


def cost_growth(folder: Path, threads: int, steps: int) -> dict[str, float | None]:
    """What a token of a long sequence costs beyond one of a short one, in percent, after what attention's FLOPs explain."""
    seconds = run("growth", folder, threads, min(steps, 3))
    config = ModelConfig.from_folder(folder)
    explained = model_flops(config, 1, LONG) / model_flops(config, LONG // SEQ_LEN, SEQ_LEN)
    return {"cost_growth": 100 * (seconds[f"step_seconds_{LONG}"] / seconds[f"step_seconds_{SEQ_LEN}"] / explained - 1), **seconds}


def model_flops(config: ModelConfig, batch: int = BATCH, seq_len: int = SEQ_LEN) -> float:
    """As the docstring of this file says."""
    hidden, feed = config.hidden_size, config.intermediate_size
    attended = config.num_attention_heads * config.head_dim
    layer = hidden * sum(config.qkv_splits) + attended * hidden + 3 * hidden * feed
    weights = config.num_hidden_layers * layer + config.vocab_size * hidden
    return 4 * weights * batch * seq_len + 7 * seq_len**2 * attended * batch * config.num_hidden_layers


if __name__ == "__main__":
    main()
