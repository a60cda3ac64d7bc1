"""A peft training step before and after ``ayar.accelerate``: python bench/accelerate_peft.py [--json FILE]

SmolLM2-135M in bf16, fp32 LoRA adapters of rank 16 on all seven projections (peft's default), 4 × 512 tokens, every position labelled:
forward, backward, AdamW. Both sides are the same model object, one after the other; loss and gradient norm are compared before the
clock starts. torch has all cores before, and either all cores or one after: its threads and ours share them.
"""

import argparse
import os
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM

import ayar
from ayar.model.packaged import packaged_model
from reporting import write_report

ROWS, TOKENS = 4, 512
MODULES = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", metavar="FILE", help="where the figures are written")
    parser.add_argument("--steps", type=int, default=3, help="timed steps a side, after one that warms up")
    arguments = parser.parse_args()
    base = AutoModelForCausalLM.from_pretrained(packaged_model(), dtype=torch.bfloat16, attn_implementation="sdpa")
    model: Any = get_peft_model(base, LoraConfig(r=16, lora_alpha=32, target_modules=MODULES)).train()
    torch.manual_seed(0)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    for parameter in trained:
        torch.nn.init.normal_(parameter, std=0.02)
    tokens = torch.randint(0, 40000, (ROWS, TOKENS))
    optimizer = torch.optim.AdamW(trained, lr=0.0, weight_decay=0.0)  # the same adapters on both sides

    def step() -> tuple[float, float]:
        loss = model(input_ids=tokens, labels=tokens, use_cache=False).loss
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(trained, 1e9).item()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return loss.item(), norm

    cores = len(os.sched_getaffinity(0))
    torch.set_num_threads(cores)
    before, seconds_before = timed(step, arguments.steps)
    print(ayar.accelerate(model))
    after, seconds_shared = timed(step, arguments.steps)
    torch.set_num_threads(1)
    _, seconds_alone = timed(step, arguments.steps)
    print(f"loss {before[0]:.4f} → {after[0]:.4f}, gradient norm {before[1]:.4f} → {after[1]:.4f}")
    if abs(after[0] - before[0]) > 0.01 * before[0] or abs(after[1] - before[1]) > 0.1 * before[1]:
        raise SystemExit("the two sides do not compute the same")
    write_report(
        arguments.json,
        {
            "peft_step_seconds": seconds_before,
            "accelerated_step_seconds": seconds_shared,
            "accelerated_step_seconds_torch_one_thread": seconds_alone,
            "accelerate_speedup": seconds_before / min(seconds_shared, seconds_alone),
        },
    )


def timed(step: Callable[[], tuple[float, float]], steps: int) -> tuple[tuple[float, float], float]:
    answer = step()
    seconds = []
    for _ in range(steps):
        begin = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - begin)
    return answer, median(seconds)


if __name__ == "__main__":
    main()
