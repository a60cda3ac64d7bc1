"""One side of bench/train_step.py, in a process of its own: SIDE FOLDER THREADS STEPS STARTED. The last line it prints is JSON."""

import json
import math
import resource
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import Tensor

BATCH, SEQ_LEN, RANK, ALPHA = 4, 512, 16, 32.0
LONG = 4096  # the sequence whose cost a token is compared with that of SEQ_LEN
MODULES = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
LEARNING_RATE = 2e-4

Step = Callable[[], tuple[float, float]]  # -> loss, gradient norm


def main() -> None:
    side, folder, threads, steps, started = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5])
    torch.set_num_threads(threads)  # what the peers and torch's kernels get; ours takes its cores from AYAR_THREADS
    if side == "kernels":
        print(json.dumps(kernels_against_torch()))
        return
    if side == "quantized":
        from train_quantized import speeds

        print(json.dumps(speeds(folder, steps)))
        return
    if side == "growth":
        print(json.dumps(seconds_by_length(folder, steps)))
        return
    input_ids = random_tokens(BATCH, SEQ_LEN)
    step = ayar_step(folder, input_ids) if side == "ayar" else peft_step(folder, input_ids, side.removeprefix("peft_"))
    loss, norm = step()
    to_first_step = time.time() - started
    seconds = []
    for _ in range(steps):
        begin = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - begin)
    peak_rss_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    result = {
        "step_seconds": seconds,
        "loss": loss,
        "gradient_norm": norm,
        "peak_rss_mb": peak_rss_mb,
        "seconds_to_first_step": to_first_step,
    }
    print(json.dumps(result))


def random_tokens(batch: int, seq_len: int) -> Tensor:
    return torch.randint(0, 40000, (batch, seq_len), generator=torch.Generator().manual_seed(0))


def seconds_by_length(folder: Path, steps: int) -> dict[str, float]:
    """Median seconds of our step over as many tokens in short sequences and in one long one; they take turns."""
    shapes = ((LONG // SEQ_LEN, SEQ_LEN), (1, LONG))
    taken = time_in_turn(*(ayar_step(folder, random_tokens(*shape)) for shape in shapes), rounds=steps)
    return {f"step_seconds_{seq_len}": seconds for (_, seq_len), seconds in zip(shapes, taken, strict=True)}


def fill_adapters(tensors: Iterable[tuple[str, Tensor]]) -> None:
    """The same small random adapters on both sides, B too: with B = 0 the gradient of A would be zero."""
    with torch.no_grad():
        for position, (_, tensor) in enumerate(sorted(tensors, key=lambda item: item[0])):
            values = torch.randn(tensor.shape, generator=torch.Generator().manual_seed(position))
            tensor.copy_(values * 0.02)


def ayar_step(folder: Path, input_ids: Tensor, **lora: Any) -> Step:
    """lora: settings of the adapter other than those of the comparison, such as ``base_weights`` or ``dropout``."""
    from types import SimpleNamespace

    from ayar.model.adapters import LoraSettings
    from ayar.model.decoder import Decoder
    from ayar.ops import backend
    from ayar.train.optimizer import Optimizer

    count, seq_len = input_ids.shape
    backend.give_cores_to_pool()
    decoder = Decoder.load(folder, LoraSettings(rank=RANK, alpha=ALPHA, **lora), torch.bfloat16)
    adapters = decoder.trainable_parameters()
    fill_adapters(adapters.tensors().items())
    optimizer = Optimizer(adapters, weight_decay=0.0, max_grad_norm=math.inf)
    rows = torch.arange(count * seq_len)
    positions = rows[rows % seq_len != seq_len - 1]
    batch: Any = SimpleNamespace(
        input_ids=input_ids.flatten().int(),
        position_ids=(rows % seq_len).int(),
        cu_seqlens=torch.arange(0, count * seq_len + 1, seq_len, dtype=torch.int32),
        parents=torch.full((count,), -1, dtype=torch.int32),
        positions=positions,
        targets=input_ids.flatten()[positions + 1],
        weights=torch.ones(len(positions)),
    )

    draws = iter(range(1 << 32))

    def step() -> tuple[float, float]:
        loss = decoder.accumulate_gradients(batch, 1 / len(positions), next(draws))
        norm = optimizer.gradient_norm()
        optimizer.step(LEARNING_RATE, norm)
        return loss, norm

    return step


def peft_step(folder: Path, input_ids: Tensor, policy: str) -> Step:
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    dtype = torch.float32 if policy == "fp32" else torch.bfloat16
    base = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, attn_implementation="sdpa")
    config = LoraConfig(r=RANK, lora_alpha=int(ALPHA), lora_dropout=0.0, target_modules=MODULES, task_type="CAUSAL_LM")
    model: Any = get_peft_model(base, config, autocast_adapter_dtype=policy in ("fp32", "fp32_adapters", "autocast"))
    model.train()
    fill_adapters((n.replace(".default", ""), p) for n, p in model.named_parameters() if p.requires_grad)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=LEARNING_RATE, weight_decay=0.0)
    if policy == "compiled":
        model = torch.compile(model)

    def step() -> tuple[float, float]:
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=policy == "autocast"):
            loss = model(input_ids=input_ids, labels=input_ids, use_cache=False).loss
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(trained, math.inf).item()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return loss.item(), norm

    return step


def kernels_against_torch() -> dict[str, float]:
    """Time of torch over ours for the model's frozen products, head included (both directions), and for attention (forward and backward)."""
    from ayar.ops import FrozenWeight, attention, backend

    ours, theirs = 0.0, 0.0
    whole, chunk = BATCH * SEQ_LEN, 192  # the head multiplies a chunk of the rows at a time
    for rows, out_features, in_features in (
        (whole, 960, 576),
        (whole, 576, 576),
        (whole, 3072, 576),
        (whole, 576, 1536),
        (chunk, 49152, 576),
    ):
        weight = torch.randn(out_features, in_features).bfloat16()
        packed = FrozenWeight.pack([weight]).packed
        x, dy = torch.randn(rows, in_features).bfloat16(), torch.randn(rows, out_features).bfloat16()
        y, dx = torch.empty_like(dy), torch.empty_like(x)
        kernels = backend.kernels(x)

        def product(k: Any = kernels, x: Tensor = x, w: Any = packed, y: Tensor = y, dy: Tensor = dy, dx: Tensor = dx) -> None:
            k.linear_forward(x, w, y)
            k.linear_backward_input(dy, w, dx)

        def torch_product(x: Tensor = x, w: Tensor = weight, dy: Tensor = dy) -> None:
            torch.nn.functional.linear(x, w)
            torch.mm(dy, w)

        mine, peer = time_in_turn(product, torch_product)
        share = whole / rows
        ours, theirs = ours + share * mine, theirs + share * peer

    rows = whole
    heads, kv_heads, head_dim = 9, 3, 64
    qkv = torch.randn(rows, heads + 2 * kv_heads, head_dim).bfloat16().requires_grad_()
    cu_seqlens = torch.arange(0, rows + 1, SEQ_LEN, dtype=torch.int32)
    query, key, value = (
        part.detach().view(BATCH, SEQ_LEN, -1, head_dim).transpose(1, 2).contiguous().requires_grad_()
        for part in qkv.split([heads, kv_heads, kv_heads], dim=1)
    )
    upstream = torch.randn(rows, heads * head_dim).bfloat16()
    torch_upstream = upstream.view(BATCH, SEQ_LEN, heads, head_dim).transpose(1, 2)

    def attend() -> None:
        torch.autograd.grad(attention(qkv, cu_seqlens, heads, kv_heads, head_dim**-0.5), qkv, upstream)

    def torch_attend() -> None:
        y = torch.nn.functional.scaled_dot_product_attention(query, key, value, is_causal=True, enable_gqa=True)
        torch.autograd.grad(y, (query, key, value), torch_upstream)

    mine, peer = time_in_turn(attend, torch_attend)
    return {"gemm_vs_onednn": theirs / ours, "attention_vs_sdpa": peer / mine}


def time_in_turn(*contestants: Callable[[], object], rounds: int = 15) -> list[float]:
    """Median seconds of each. Before each turn the threads of the one before go to sleep: torch's spin on the cores for a while."""
    seconds: list[list[float]] = [[] for _ in contestants]
    for _ in range(rounds + 1):
        for contestant, taken in zip(contestants, seconds, strict=True):
            time.sleep(0.02)
            begin = time.perf_counter()
            contestant()
            taken.append(time.perf_counter() - begin)
    return [median(taken[1:]) for taken in seconds]


if __name__ == "__main__":
    main()
